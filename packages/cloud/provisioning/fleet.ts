import type { Scope } from '@birthmark/cloud/registry'
import { Fault, messageOf } from '@birthmark/foundation/kernel'
import { fleetFault, isForeseen, rejectionOf } from './fleet-faults.ts'
import { createCertificateFromCsr, createKeysAndCertificate } from './fleet-offer.ts'
import { readPayload, writePayload } from './fleet-payload.ts'
import type { FleetFailure, FleetOperation, FleetPorts, FleetRequest } from './fleet-ports.ts'
import { provisionOffered } from './fleet-provision.ts'

/**
 * Fleet provisioning over MQTT (AWS IoT Core developer guide, Device provisioning MQTT API): a device that holds only
 * a claim asks for a certificate of its own, and is provisioned with it by a template. Each answer goes to the
 * connection that asked and to no other.
 */
export class FleetProvisioning {
  readonly #ports: FleetPorts
  readonly #underWay = new Map<string, number>()
  #total = 0

  constructor(ports: FleetPorts) {
    this.#ports = ports
  }

  /** Takes one message and answers it; never throws. */
  receive(request: FleetRequest): void {
    const operation = parseOperation(request.topic)
    if (operation === undefined) return
    const { connectionId } = request.client
    const count = this.#underWay.get(connectionId) ?? 0
    const busy = busyReason(count, this.#total)
    if (busy !== undefined) return this.#reject(request, operation, fleetFault('FLEET_BUSY', { what: busy }))
    const brake = this.#ports.brake?.(request, operation.do)
    if (brake !== undefined) return this.#reject(request, operation, fleetFault('FLEET_BRAKED', { ...brake }))
    this.#total += 1
    this.#underWay.set(connectionId, count + 1)
    this.#perform(operation, request)
      .then(
        (answer) => request.reply(`${request.topic}/accepted`, writePayload(answer, operation.format)),
        (error: unknown) => this.#reject(request, operation, error),
      )
      .finally(() => this.#settle(connectionId))
  }

  /**
   * Removes what was offered and never used: certificates whose token has expired, and claims of trusted users whose
   * time is over. Gives their number; more may be left when it is {@link SWEEP_COUNT_MAX}.
   *
   * @throws faults of the registry
   */
  async sweep(scope: Scope): Promise<number> {
    const registry = this.#ports.registryOf(scope)
    const now = this.#ports.clock.now()
    const [offers, claims] = await Promise.all([
      registry.provisioning.expiredOffers(now, SWEEP_COUNT_MAX),
      registry.provisioning.expiredClaims(now, SWEEP_COUNT_MAX),
    ])
    if (offers.length + claims.length === 0) return 0
    await registry.commit([
      ...offers.map(({ certificateId }) => ({ do: 'end-offer', certificateId }) as const),
      ...claims.map(({ certificateId }) => ({ do: 'end-claim', certificateId }) as const),
    ])
    return offers.length + claims.length
  }

  #perform(operation: FleetOperation, request: FleetRequest): Promise<Readonly<Record<string, unknown>>> {
    // What reading throws becomes the promise's.
    return Promise.resolve().then(() => {
      const members = readPayload(request.payload, operation.format)
      switch (operation.do) {
        case 'create-keys':
          return createKeysAndCertificate(request, this.#ports)
        case 'create-from-csr':
          return createCertificateFromCsr(members, request, this.#ports)
        case 'provision':
          return provisionOffered(operation.templateName, members, request, this.#ports)
      }
    })
  }

  #reject(request: FleetRequest, operation: FleetOperation, error: unknown): void {
    const failure = failureOf(error)
    const { code } = failure
    request.note(`${code}: ${messageOf(error)}`)
    request.blame?.(failure)
    this.#ports.onRejected?.(request, failure)
    const { clientId, certificateId } = request.client
    const fields = { operation: operation.do, clientId, certificateId, code, why: messageOf(error) }
    this.#ports.log.write(isForeseen(error) ? 'info' : 'error', 'provisioning.rejected', fields)
    const { statusCode, errorCode, errorMessage } = rejectionOf(error)
    const payload = writePayload({ statusCode, errorCode, errorMessage }, operation.format)
    request.reply(`${request.topic}/rejected`, payload)
  }

  #settle(connectionId: string): void {
    this.#total -= 1
    const left = (this.#underWay.get(connectionId) ?? 1) - 1
    if (left === 0) this.#underWay.delete(connectionId)
    else this.#underWay.set(connectionId, left)
  }
}

/** What is no fault says nothing to strangers; the log has it. */
function failureOf(error: unknown): FleetFailure {
  if (error instanceof Fault) return { code: error.code, why: error.message, remedy: error.remedy }
  return { code: 'unforeseen', why: 'an invariant failed', remedy: 'Report it; the log has the details.' }
}

function busyReason(ofConnection: number, ofAll: number): string | undefined {
  if (ofConnection >= REQUESTS_PER_CONNECTION_MAX) {
    return `the connection has ${ofConnection} requests under way; ${REQUESTS_PER_CONNECTION_MAX} are allowed`
  }
  return ofAll >= REQUESTS_MAX ? 'too many devices ask at once' : undefined
}

function parseOperation(topic: string): FleetOperation | undefined {
  const [, root, name = '', verb, form] = topic.split('/')
  if (root === 'certificates') {
    const format = formatOf(verb)
    if (format === undefined) return undefined
    return name === 'create' ? { do: 'create-keys', format } : { do: 'create-from-csr', format }
  }
  const format = formatOf(form)
  return format && { do: 'provision', format, templateName: name }
}

function formatOf(level: string | undefined): FleetOperation['format'] | undefined {
  return level === 'json' || level === 'cbor' ? level : undefined
}

/** Expired certificates and claims removed in one commit. */
export const SWEEP_COUNT_MAX = 500
/**
 * Requests of one connection that wait for their answers: no client can tell the answers to equal ones apart, so an
 * honest one has at most one of each kind. At the limit: 429.
 */
const REQUESTS_PER_CONNECTION_MAX = 4
/** Requests of all connections under way, about 10 KB each. At the limit: 429, and the device asks again. */
const REQUESTS_MAX = 2000
