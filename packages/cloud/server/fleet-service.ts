import { provisioningCause, type ServiceRequest, type TopicService } from '@birthmark/cloud/front'
import { type FleetPorts, FleetProvisioning, SWEEP_COUNT_MAX } from '@birthmark/cloud/provisioning'
import type { Registry } from '@birthmark/cloud/registry'
import { type Cancel, type Millis, messageOf, seconds, type Timers } from '@birthmark/foundation/kernel'

/** Fleet provisioning as a service of the front, with the clearing of what nobody took. */
export interface FleetService {
  readonly service: TopicService
  close(): void
}

/** Starts fleet provisioning for every scope of a registry. */
export function startFleetService(
  ports: Omit<FleetPorts, 'registryOf'> & { readonly registry: Registry; readonly timers: Timers },
): FleetService {
  const { registry, timers, log } = ports
  const fleet = new FleetProvisioning({ ...ports, registryOf: (scope) => registry.in(scope) })
  let cancel: Cancel = () => undefined
  let isClosed = false
  const schedule = (): void => {
    if (!isClosed) cancel = timers.after(SWEEP_PERIOD, () => void sweep(), { background: true })
  }
  const sweep = async (): Promise<void> => {
    try {
      for (const { scope } of await registry.openScopes()) {
        while (!isClosed && (await fleet.sweep(scope)) >= SWEEP_COUNT_MAX) continue
      }
    } catch (error) {
      log.write('error', 'provisioning.sweep-failed', { why: messageOf(error) })
    }
    schedule()
  }
  schedule()
  return {
    service: { name: 'provisioning', receive: (request) => fleet.receive(fleetRequest(request)) },
    close: () => {
      isClosed = true
      cancel()
    },
  }
}

function fleetRequest(request: ServiceRequest): Parameters<FleetProvisioning['receive']>[0] {
  const { scope, message, client } = request
  return {
    scope,
    topic: message.topic,
    payload: message.payload,
    client,
    reply: (topic, payload) => void request.reply(topic, payload),
    note: (detail) => request.note('provisioning', detail),
    blame: ({ code, why, remedy }) => {
      const what = client.certificateId === undefined ? 'without a certificate' : `by claim ${client.certificateId}`
      request.blame(provisioningCause(code), { what, why: why.replace(/\.$/, ''), remedy })
    },
  }
}

/** How often expired certificates and claims are looked for: a claim of five minutes is gone within six. */
const SWEEP_PERIOD: Millis = seconds(60)
