import { isFault, type Millis, messageOf, millis, seconds } from '@birthmark/foundation/kernel'
import { type Asker, acquire, closeOld } from './acquire.ts'
import { mayPass } from './agent.ts'
import { backoffDelay } from './backoff.ts'
import { readClaim } from './claim.ts'
import type { DeviceConnection } from './connection.ts'
import { agentFault } from './faults.ts'
import { requireIdentity, type StoredIdentity } from './identity-store.ts'
import type { CurrentIdentity, Place } from './journal.ts'
import type { AgentNotice } from './notice.ts'
import { type AgentParts, connectAs, nameOf } from './parts.ts'
import { receiveClaim } from './receiver.ts'
import { serveOnline } from './serve-online.ts'
import { type AgentState, chooseWay, nextAgentState } from './states.ts'

/** How an agent runs. */
export interface RunAgent extends AgentParts {
  /** Ends the run. */
  readonly signal: AbortSignal
  /** Failures in a row before it gives up; a device in the field never does (`Infinity`). */
  readonly triesMax: number
  /** Messages after which it is done; without end when absent. */
  readonly messagesMax?: number
  readonly onNotice: (notice: AgentNotice) => void
}

/** A device's certificate in use. */
interface InUse extends CurrentIdentity {
  readonly identity: StoredIdentity
}

/**
 * Runs a device until it is told to stop: chooses the way online by what the device holds, comes back after every
 * loss, replaces its certificate in time. Whatever happens is remembered, so that a run goes on where the last was cut.
 *
 * @throws `TRIES_EXHAUSTED`; at once, what no retry can cure: a broken element, a server that is not the right one
 */
export async function runAgent(options: RunAgent): Promise<void> {
  await new Agent(options).run()
}

/**
 * Replaces the certificate of a device that does not run; back when the new one is in use and the old one closed.
 *
 * @throws `ROTATION_NOT_CONFIGURED`, `ROTATION_WITHOUT_IDENTITY`, `OFFER_ABANDONED`, and what {@link runAgent} throws
 */
export async function rotateOnce(options: Omit<RunAgent, 'messagesMax'>): Promise<void> {
  if (options.configuration.rotation === undefined) throw agentFault('ROTATION_NOT_CONFIGURED')
  await new Agent(options).rotate()
}

class Agent {
  readonly #options: RunAgent
  #state: AgentState = 'starting'
  #claim: StoredIdentity | undefined
  #rotationWanted = false
  #failures = 0
  #published = 0

  constructor(options: RunAgent) {
    this.#options = options
  }

  async run(): Promise<void> {
    while (!this.#isOver) await this.#turn(() => this.#live())
    this.#move('stop')
  }

  async rotate(): Promise<void> {
    if ((await this.#inUse()) === undefined) throw agentFault('ROTATION_WITHOUT_IDENTITY')
    this.#rotationWanted = true
    while (this.#isRotating() && !this.#options.signal.aborted) {
      await this.#turn(async () => {
        const isAcquiring = this.#rotationWanted && this.#options.file.journal.closing.length === 0
        await (isAcquiring || this.#options.file.journal.pending !== undefined ? this.#acquire() : this.#close())
      })
    }
  }

  get #isOver(): boolean {
    const { signal, messagesMax = Number.POSITIVE_INFINITY } = this.#options
    return signal.aborted || this.#published >= messagesMax
  }

  #isRotating(): boolean {
    const { pending, closing } = this.#options.file.journal
    return this.#rotationWanted || pending !== undefined || closing.length > 0
  }

  /** One turn of the loop, and the rest after one that failed. */
  async #turn(work: () => Promise<void>): Promise<void> {
    const { triesMax, configuration, entropy, onNotice } = this.#options
    try {
      await work()
      return
    } catch (error) {
      if (!isFault(error) || !(mayPass(error) || PASSING.has(error.code))) throw error
      this.#failures += 1
      if (this.#failures >= triesMax) {
        throw agentFault('TRIES_EXHAUSTED', { attempts: this.#failures, last: messageOf(error) }, error)
      }
      this.#move('failed')
      const delay = backoffDelay(configuration.backoff, this.#failures, entropy)
      onNotice({ event: 'failed', code: error.code, message: error.message, nextTryMs: delay })
      await this.#rest(delay)
    }
    this.#rise()
  }

  async #live(): Promise<void> {
    const { configuration, file } = this.#options
    const { pending, closing } = file.journal
    const inUse = await this.#inUse()
    const hasClaim = this.#claim !== undefined || configuration.claim !== undefined
    const needsAsker = pending?.step === 'making' && inUse === undefined && !hasClaim
    const way = chooseWay({
      isAcquiring: (pending !== undefined && !needsAsker) || (this.#rotationWanted && closing.length === 0),
      hasOld: pending === undefined && closing.length > 0 && inUse !== undefined,
      hasCertificate: inUse !== undefined,
      hasClaim,
      canReceive: configuration.receiver !== undefined,
    })
    switch (way) {
      case 'wait':
        return this.#wait()
      case 'acquire':
        return this.#acquire()
      case 'close':
        return this.#close()
      case 'connect':
        return this.#serve(inUse ?? (await this.#requireInUse()))
    }
  }

  async #wait(): Promise<void> {
    const { configuration, entropy, onNotice, signal } = this.#options
    this.#move('wait')
    const receiver = await receiveClaim(configuration.receiver ?? { host: '127.0.0.1', port: 0 }, entropy)
    onNotice({ event: 'receiver', url: receiver.url, code: receiver.code })
    try {
      this.#claim = await Promise.race([receiver.claim, aborted(signal)])
    } finally {
      receiver.close()
    }
    if (!signal.aborted) this.#move('done')
  }

  async #acquire(): Promise<void> {
    const { file, onNotice } = this.#options
    this.#move('acquire')
    try {
      await acquire(this.#options, await this.#asker())
    } catch (error) {
      if (isFault(error, 'OFFER_ABANDONED')) this.#rotationWanted = false
      throw error
    }
    this.#rotationWanted = false
    this.#claim = undefined
    this.#failures = 0
    const { certificateId = '', thingName } = file.journal.current ?? {}
    onNotice({ event: 'acquired', certificateId, thingName })
    this.#move('done')
  }

  async #close(): Promise<void> {
    this.#move('close')
    const { identity, thingName } = await this.#requireInUse()
    const name = nameOf(thingName, identity.certificate, this.#options.store.uid)
    await closeOld(this.#options, () => connectAs(this.#options, identity, name))
    this.#failures = 0
    this.#move('done')
  }

  async #serve({ identity, thingName, certificateId }: InUse): Promise<void> {
    const { onNotice, store, configuration, clock } = this.#options
    this.#move('connect')
    const name = nameOf(thingName, identity.certificate, store.uid)
    const connection = await connectAs(this.#options, identity, name)
    this.#move('connected')
    const since = clock.now()
    onNotice({ event: 'online', name, certificateId })
    const { notAfter } = identity.certificate
    const early = configuration.rotation?.beforeExpiry
    const ended = await this.#whileOnline(connection, name, early === undefined ? undefined : notAfter - early)
    if (ended === 'rotate') this.#rotationWanted = true
    if (this.#isOver) return
    this.#move(ended === 'rotate' ? 'done' : 'lost')
    if (ended === 'rotate') return
    // Two devices with one client id end each other's connections: only one that lasted is a success.
    this.#failures = clock.now() - since >= STEADY ? 1 : this.#failures + 1
    await this.#rest(backoffDelay(configuration.backoff, this.#failures, this.#options.entropy))
    this.#rise()
  }

  #rise(): void {
    if (!this.#isOver) this.#move('rested')
  }

  async #whileOnline(
    connection: DeviceConnection,
    name: string,
    rotateAt: number | undefined,
  ): Promise<'lost' | 'rotate' | 'stopped'> {
    const { onNotice, messagesMax = Number.POSITIVE_INFINITY } = this.#options
    try {
      return await serveOnline(this.#options, {
        connection,
        name,
        rotateAt,
        published: this.#published,
        messagesMax,
        onNotice: (notice) => {
          if (notice.event === 'published') this.#published = notice.count
          onNotice(notice)
        },
      })
    } finally {
      await connection.close()
    }
  }

  /** Who asks for the next certificate: the device itself when it has one, else the claim. */
  async #asker(): Promise<Asker | undefined> {
    const { configuration, store, file } = this.#options
    const inUse = await this.#inUse()
    if (inUse !== undefined) {
      const request = configuration.rotation ?? configuration.provisioning
      if (request === undefined) throw agentFault('ROTATION_NOT_CONFIGURED')
      const { identity, thingName, place, certificateId } = inUse
      const name = nameOf(thingName, identity.certificate, store.uid)
      const replaced = file.journal.current === undefined ? { replaced: { place, certificateId } } : {}
      return { identity, name, request, ...replaced }
    }
    const { claim, provisioning: request } = configuration
    const identity = this.#claim ?? (claim === undefined ? undefined : readClaim(claim))
    return identity && request && { identity, name: store.uid, request }
  }

  /** The certificate that the journal names, else the newest that the element holds. */
  async #inUse(): Promise<InUse | undefined> {
    const { file, store } = this.#options
    const { current, ignored, pending } = file.journal
    if (current !== undefined) return { ...current, identity: await requireIdentity(store, current.place) }
    const found: InUse[] = []
    for (const place of PLACES) {
      // What is being written there may be half of one.
      if (place === pending?.place) continue
      const identity = await store.identity(place)
      if (identity === undefined) continue
      const { fingerprint: certificateId } = identity.certificate
      if (!ignored.includes(certificateId)) found.push({ place, certificateId, identity })
    }
    found.sort((a, b) => b.identity.certificate.notBefore - a.identity.certificate.notBefore)
    // Without a journal the newer one may never have been activated: tries take turns.
    return found[this.#failures % Math.max(found.length, 1)]
  }

  async #requireInUse(): Promise<InUse> {
    const inUse = await this.#inUse()
    if (inUse === undefined) throw agentFault('ROTATION_WITHOUT_IDENTITY')
    return inUse
  }

  #move(event: Parameters<typeof nextAgentState>[1]): void {
    this.#state = nextAgentState(this.#state, event)
    this.#options.onNotice({ event: 'state', state: this.#state })
  }

  #rest(delay: Millis): Promise<void> {
    const { timers, signal } = this.#options
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const cancel = timers.after(millis(delay), () => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
      const stop = (): void => {
        cancel()
        resolve()
      }
      signal.addEventListener('abort', stop, { once: true })
    })
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

const PLACES: readonly Place[] = ['first', 'second']

/** How long a connection must last for the next back-off to begin anew. */
const STEADY: Millis = seconds(60)

/** Failures of the agent's own work that another try may mend; those of connecting are in `agent.ts`. */
const PASSING: ReadonlySet<string> = new Set([
  'PUBLISH_REFUSED',
  'SUBSCRIPTION_REFUSED',
  'PROVISIONING_REJECTED',
  'PROVISIONING_SILENT',
  'PROVISIONING_ANSWER_INVALID',
  'OFFER_ABANDONED',
  'CLOSING_REFUSED',
  'CLAIM_UNUSABLE',
])
