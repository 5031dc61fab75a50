import { equalBytes, isFault, messageOf } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { backoffDelay } from './backoff.ts'
import type { DeviceConnection } from './connection.ts'
import { agentFault } from './faults.ts'
import { ask, askForCertificate, type ProvisioningRequest, provisionThing } from './fleet.ts'
import { requireIdentity, type StoredIdentity } from './identity-store.ts'
import type { CurrentIdentity, Pending } from './journal.ts'
import { type AgentParts, connectAs, fillIn, nameOf, record } from './parts.ts'

/** Who asks for a new certificate: a claim, or the device as it is. */
export interface Asker {
  readonly identity: StoredIdentity
  readonly name: string
  readonly request: ProvisioningRequest
  /** The certificate of the device's maker when that is what is replaced. */
  readonly replaced?: CurrentIdentity
}

/**
 * Gets a certificate, from wherever an earlier try was cut off. Nothing is thrown away before its successor has
 * connected: until then the device is who it was.
 *
 * @param asker Absent when the claim that began this is gone; only what is finished without it can be finished then.
 * @throws faults of the connection and of fleet provisioning; calling again goes on from there.
 *   `OFFER_ABANDONED` when the new certificate cannot be had; the device stays who it was
 */
export async function acquire(parts: AgentParts, asker: Asker | undefined): Promise<void> {
  const asking = new Asking(parts, asker)
  try {
    for (;;) {
      const { pending } = parts.file.journal
      switch (pending?.step) {
        case undefined: {
          const { replaced } = asker ?? {}
          record(parts, { do: 'begin', ...(replaced === undefined ? {} : { replaced }) })
          await parts.onMoment?.('begun')
          break
        }
        case 'making':
          await obtain(parts, asking, pending)
          break
        case 'offered':
          await bind(parts, asking, pending)
          break
        case 'provisioned':
          // The endpoint lets one connection of a client id live: the asker's ends first, in order.
          await asking.close()
          await prove(parts, pending)
          return
      }
    }
  } finally {
    await asking.close()
  }
}

async function obtain(parts: AgentParts, asking: Asking, pending: Pending & { step: 'making' }): Promise<void> {
  const { asker } = asking
  const connection = await asking.connection()
  const signer = await parts.store.newKey(pending.place)
  await parts.onMoment?.('key-made')
  const csr = await createCsr({ subject: [{ type: 'CN', value: asker.name.slice(0, NAME_CHARACTERS_MAX) }], signer })
  const offer = await askForCertificate(connection, toPem('CERTIFICATE REQUEST', csr), parts.timers)
  if (!equalBytes(offer.certificate.publicKey, signer.publicKey)) {
    throw agentFault('PROVISIONING_ANSWER_INVALID', { operation: 'create-from-csr', why: 'it is for another key' })
  }
  await parts.onMoment?.('offer-received')
  const { certificateId, certificate, token } = offer
  record(parts, { do: 'offer', certificateId, certificatePem: certificate.toPem(), token })
  await parts.onMoment?.('offer-kept')
}

async function bind(parts: AgentParts, asking: Asking, pending: Pending & { step: 'offered' }): Promise<void> {
  const { place, certificatePem, certificateId, token } = pending
  await parts.store.writeCertificate(place, parseCertificate(certificatePem))
  await parts.onMoment?.('certificate-written')
  try {
    const connection = await asking.connection()
    const { parameters, template } = asking.asker.request
    const names = { name: asking.asker.name, uid: parts.store.uid }
    const filled = Object.fromEntries(Object.entries(parameters).map(([key, text]) => [key, fillIn(text, names)]))
    const { thingName } = await provisionThing(connection, { template, parameters: filled }, token, parts.timers)
    await parts.onMoment?.('provisioned')
    record(parts, { do: 'provision', ...(thingName === undefined ? {} : { thingName }) })
  } catch (error) {
    // An answer may have been lost with the power: whether it was yes is seen by connecting.
    if (!isFinal(error) && !isRefusal(error)) throw error
    await asking.close()
    if (await canConnect(parts, pending)) record(parts, { do: 'provision' })
    else if (isFinal(error)) abandon(parts, certificateId, error)
    else throw error
  }
  await parts.onMoment?.('provision-kept')
}

/** Whether the cloud will not give another answer to the same request. */
function isFinal(error: unknown): boolean {
  if (isFault(error, 'CLAIM_UNUSABLE')) return true
  if (!isFault(error, 'PROVISIONING_REJECTED')) return false
  const { statusCode } = error.context
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 && statusCode !== TOO_MANY
}

async function canConnect(parts: AgentParts, { place }: Pending): Promise<boolean> {
  try {
    const { file, store } = parts
    const name = nameOf(file.journal.current?.thingName, undefined, store.uid)
    const connection = await connectAs(parts, await requireIdentity(store, place), name)
    await connection.close()
    return true
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

function abandon(parts: AgentParts, certificateId: string, error: unknown): never {
  record(parts, { do: 'abandon' })
  throw agentFault('OFFER_ABANDONED', { certificateId, why: messageOf(error) }, error)
}

async function prove(parts: AgentParts, pending: Pending & { step: 'provisioned' }): Promise<void> {
  const { file, store, timers, entropy } = parts
  const { place, thingName, certificateId } = pending
  const identity = await requireIdentity(store, place)
  const name = nameOf(thingName ?? file.journal.current?.thingName, identity.certificate, store.uid)
  for (let attempt = 1; ; attempt += 1) {
    try {
      const connection = await connectAs(parts, identity, name)
      await parts.onMoment?.('connected')
      record(parts, { do: 'prove' })
      await connection.close()
      await parts.onMoment?.('switched')
      return
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (attempt >= PROOFS_COUNT_MAX) abandon(parts, certificateId, error)
    }
    await pause(backoffDelay(parts.configuration.backoff, attempt, entropy), timers)
  }
}

/** Whether an endpoint that is there did not let a certificate in. */
function isRefusal(error: unknown): boolean {
  return isFault(error) && REFUSALS.has(error.code)
}

/**
 * Closes every certificate that must not stay active, one by one.
 *
 * @param connect Gives a connection of the present identity, for closing by topic.
 * @throws `CLOSING_REFUSED`, faults of the connection
 */
export async function closeOld(parts: AgentParts, connect: () => Promise<DeviceConnection>): Promise<void> {
  const { configuration, file, timers, log } = parts
  const close = configuration.rotation?.close
  const [...ids] = file.journal.closing
  let connection: DeviceConnection | undefined
  try {
    for (const certificateId of ids) {
      if (close === undefined) log.write('warn', 'agent.left-open', { certificate: certificateId })
      else if (close.by === 'control-plane') await closeByControlPlane(parts, certificateId)
      else {
        connection ??= await connect()
        const { current } = file.journal
        await ask(connection, close.topic, { certificateId, replacedBy: current?.certificateId }, timers).catch(
          (error: unknown) => {
            if (!isFault(error, 'PROVISIONING_REJECTED')) throw error
            throw agentFault('CLOSING_REFUSED', { certificateId, why: messageOf(error) }, error)
          },
        )
      }
      await parts.onMoment?.('closed')
      record(parts, { do: 'closed', certificateId })
      await parts.onMoment?.('closing-kept')
    }
  } finally {
    await connection?.close()
  }
}

async function closeByControlPlane({ closeCertificate }: AgentParts, certificateId: string): Promise<void> {
  const why = 'this agent was started without access to a control plane'
  if (closeCertificate === undefined) throw agentFault('CLOSING_REFUSED', { certificateId, why })
  try {
    await closeCertificate(certificateId)
  } catch (error) {
    throw agentFault('CLOSING_REFUSED', { certificateId, why: messageOf(error) }, error)
  }
}

/** The asker's connection, opened when it is needed first. */
class Asking {
  readonly #parts: AgentParts
  readonly #asker: Asker | undefined
  #connection: DeviceConnection | undefined

  constructor(parts: AgentParts, asker: Asker | undefined) {
    this.#parts = parts
    this.#asker = asker
  }

  /** @throws `CLAIM_UNUSABLE` */
  get asker(): Asker {
    if (this.#asker === undefined) throw agentFault('CLAIM_UNUSABLE', { why: 'it is gone since it was received' })
    return this.#asker
  }

  async connection(): Promise<DeviceConnection> {
    const { identity, name } = this.asker
    this.#connection ??= await connectAs(this.#parts, identity, name)
    return this.#connection
  }

  async close(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    await connection?.close()
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  'CONNECTION_DROPPED',
  'CONNECTION_REFUSED',
  'TLS_CLIENT_CERTIFICATE_REFUSED',
])
/** Times that a new certificate may be refused before the device stays with the old one; activation takes seconds. */
const PROOFS_COUNT_MAX = 5
/** HTTP's status for "ask again later". */
const TOO_MANY = 429
/** X.520's upper bound of a common name. */
const NAME_CHARACTERS_MAX = 64
