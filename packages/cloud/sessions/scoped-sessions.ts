import type { AcceptedConnect, Message } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import { type Cancel, type Instant, type Log, later, messageOf, millis, seconds } from '@birthmark/foundation/kernel'
import type { Begun, ClientSessions, LeftSession } from './client-sessions.ts'
import { DurableSession, type SessionPorts } from './durable-session.ts'
import type { KeptWill, RestoredSession, SessionRecord } from './store.ts'

/** What a connection begins with, where sessions are in this process. */
export interface BegunHere extends Begun {
  readonly session: DurableSession | undefined
}

/** The sessions of one account and region that outlive their connections, by client id. */
export class ScopedSessions implements ClientSessions {
  readonly #scope: Scope
  readonly #ports: SessionPorts
  readonly #log: Log
  readonly #byClientId = new Map<string, DurableSession>()
  /** What will happen to sessions without a connection: their will, or their end. */
  readonly #timers = new Map<DurableSession, Cancel>()

  constructor(scope: Scope, ports: SessionPorts, log: Log) {
    this.#scope = scope
    this.#ports = ports
    this.#log = log
  }

  /** Takes a session from the store. If its connection ended with the process that had it, it has ended now. */
  restore(restored: RestoredSession, now: Instant): void {
    const session = new DurableSession(restored, this.#ports)
    this.#byClientId.set(restored.record.clientId, session)
    if (session.record.disconnectedAt === undefined) this.#lose(session, now)
    this.#schedule(session)
  }

  /** Takes a session from a connection whose process has ended: its will is due. */
  lose(session: DurableSession): void {
    session.detach()
    if (this.#byClientId.get(session.record.clientId) !== session) return
    this.#lose(session, this.#ports.clock.now())
    this.#schedule(session)
  }

  /**
   * Begins a connection that was let in; the one that the session had before has ended. A session of another MQTT
   * version is not resumed, and neither is any by a client that wants a clean start: it ends then.
   *
   * @param connectionId Marks the will's message.
   */
  begin(accepted: AcceptedConnect, connectionId: string): BegunHere {
    const { clientId, cleanStart, sessionExpiry, version } = accepted
    const now = this.#ports.clock.now()
    const known = this.#byClientId.get(clientId)
    const will = willOf(accepted, connectionId, now)
    if (known !== undefined && !cleanStart && known.record.version === version && !hasExpired(known.record, now)) {
      this.#unschedule(known)
      const kept = known.update({ expiry: sessionExpiry, disconnectedAt: undefined, will })
      return { session: known, isPresent: true, kept }
    }
    const ended = known === undefined ? DONE : this.#end(known)
    if (sessionExpiry === 0 || this.#isFull()) return { session: undefined, isPresent: false, kept: ended }
    const id = this.#ports.store.newId()
    const record = { id, scope: this.#scope, clientId, version, expiry: sessionExpiry, disconnectedAt: undefined, will }
    const session = new DurableSession({ record, subscriptions: [], messages: NO_MESSAGES, received: [] }, this.#ports)
    this.#byClientId.set(clientId, session)
    return { session, isPresent: false, kept: this.#ports.store.write({ do: 'begin', session: record }) }
  }

  /** Takes a connection from its session. */
  release(_connectionId: string, { session: kept, ...left }: LeftSession): void {
    const session = kept && this.#byClientId.get(kept.record.clientId)
    kept?.detach()
    // It has ended, or another has its place.
    if (session === undefined || session !== kept) return
    if (left.expiry === 0) return void this.#end(session)
    const now = this.#ports.clock.now()
    const will = left.will && delayed({ message: left.will.message, delay: left.will.seconds, dueAt: undefined }, now)
    void session.update({ expiry: left.expiry, disconnectedAt: now, will })
    this.#schedule(session)
  }

  /** Ends the session of a client id that has no connection; gives false when there is none. */
  end(clientId: string): boolean {
    const session = this.#byClientId.get(clientId)
    if (session === undefined) return false
    void this.#end(session)
    return true
  }

  /** Leaves everything to the store: this process has no say in it any more. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  #lose(session: DurableSession, now: Instant): void {
    void session.update({ disconnectedAt: now, will: delayed(session.record.will, now) })
  }

  #isFull(): boolean {
    const { sessionsMax: value } = this.#ports.limits
    if (this.#byClientId.size < value) return false
    this.#log.write('warn', 'sessions.limit', { limit: 'sessionsMax', value })
    return true
  }

  #end(session: DurableSession): Promise<void> {
    const { clientId, disconnectedAt, id, will } = session.record
    this.#unschedule(session)
    // The end of the session ends the delay (MQTT 5.0 §3.1.3.2.2). While it is connected, the will is not ours.
    if (will !== undefined && disconnectedAt !== undefined) this.#publish(will.message)
    session.end()
    this.#byClientId.delete(clientId)
    return this.#ports.store.write({ do: 'end', id })
  }

  #schedule(session: DurableSession): void {
    this.#unschedule(session)
    const { will } = session.record
    const at = Math.min(will?.dueAt ?? Number.POSITIVE_INFINITY, expiresAt(session.record))
    const wait = millis(Math.max(0, at - this.#ports.clock.now()))
    this.#timers.set(
      session,
      this.#ports.timers.after(wait, () => this.#due(session), { background: true }),
    )
  }

  #unschedule(session: DurableSession): void {
    this.#timers.get(session)?.()
    this.#timers.delete(session)
  }

  #due(session: DurableSession): void {
    const now = this.#ports.clock.now()
    const { record } = session
    if (hasExpired(record, now)) return void this.#end(session)
    if (record.will?.dueAt !== undefined && record.will.dueAt <= now) {
      // Sessions that keep the will do so in the transaction that forgets it here.
      this.#publish(record.will.message)
      void session.update({ will: undefined })
    }
    this.#schedule(session)
  }

  #publish(message: Message): void {
    this.#ports.bus
      .publish({ ...message, receivedAt: this.#ports.clock.now() })
      .catch((error: unknown) => this.#log.write('error', 'sessions.will-failed', { why: messageOf(error) }))
  }
}

/** Gives the will that a connection of this client leaves if nobody says otherwise. */
function willOf(accepted: AcceptedConnect, publisher: string, receivedAt: Instant): KeptWill | undefined {
  if (accepted.will === undefined) return undefined
  const { delay, ...will } = accepted.will
  const message = { ...will, publisher, receivedAt }
  return { message, delay: Math.min(delay, accepted.sessionExpiry), dueAt: undefined }
}

function delayed(will: KeptWill | undefined, now: Instant): KeptWill | undefined {
  return will && { ...will, dueAt: later(now, seconds(will.delay)) }
}

function hasExpired(record: SessionRecord, now: Instant): boolean {
  return expiresAt(record) <= now
}

function expiresAt({ disconnectedAt, expiry }: SessionRecord): number {
  return disconnectedAt === undefined ? Number.POSITIVE_INFINITY : later(disconnectedAt, seconds(expiry))
}

const NO_MESSAGES = { count: 0, bytes: 0, lastPlace: 0 }
const DONE: Promise<void> = Promise.resolve()
