import type { DataPlane } from '@birthmark/cloud/api'
import type { Bus } from '@birthmark/cloud/bus'
import { admitPublish, type BrokerProfile } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import type { RetainedMessages } from '@birthmark/cloud/retained'
import type { Clock, Entropy } from '@birthmark/foundation/kernel'

/** What the data plane over HTTP is made of. */
export interface DataPlaneParts {
  readonly busOf: (scope: Scope) => Bus
  /** Nothing is retained when absent. */
  readonly retained: RetainedMessages | undefined
  readonly profile: BrokerProfile
  readonly endConnection: DataPlane['endConnection']
  readonly clock: Clock
  readonly entropy: Entropy
}

/**
 * Lets those who speak HTTP publish to the bus that clients of MQTT use, read what is retained there, and end clients.
 */
export function createDataPlane(parts: DataPlaneParts): DataPlane {
  const { busOf, retained, clock, entropy, endConnection } = parts
  const profile = { ...parts.profile, retainAvailable: parts.profile.retainAvailable && retained !== undefined }
  return {
    async publish(scope, { topic, ...message }) {
      const packet = { type: 'publish', topic, ...message, dup: false, packetId: undefined } as const
      const rules = {
        profile,
        policy: ALLOWED_BEFORE,
        services: NO_SERVICES,
        // Of nobody's subscriptions: it only keeps a client from getting back what it sent itself.
        connectionId: `http-${Buffer.from(entropy.bytes(8)).toString('hex')}`,
        retainRefusal: (name: string, deletes: boolean) => retained?.in(scope).refusal(name, deletes),
      }
      const admitted = admitPublish(packet, topic, rules, clock.now())
      if (!('because' in admitted)) return busOf(scope).publish(admitted)
      if (admitted.because === 'fault') throw admitted.fault
    },
    retained: (scope, topic) => retained?.in(scope).get(topic),
    listRetained: (scope, page) => retained?.in(scope).list(page) ?? [],
    endConnection: (scope, clientId, choice) => endConnection(scope, clientId, choice),
  }
}

/** Whoever asks has been judged by the policies. */
const ALLOWED_BEFORE = { publish: () => undefined, retainPublish: () => undefined }
/** Their answers go to the connection that asked, and a request has none. */
const NO_SERVICES: ReadonlySet<never> = new Set()
