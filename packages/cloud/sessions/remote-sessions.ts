import type { AcceptedConnect, Delivery, Grant, QoS, StoredMark, TopicFilter } from '@birthmark/cloud/mqtt'
import type { Begun, ClientSession, ClientSessions, LeftSession } from './client-sessions.ts'
import type { Consumer } from './consumer.ts'
import type { SessionRecord, SessionSubscription } from './store.ts'

/** The process that has the sessions of an account and region, as another needs it; it hears things in their order. */
export interface SessionsLink {
  begin(accepted: AcceptedConnect, connectionId: string): Promise<RemoteBegun>
  /** Lets a connection have what waits: so many messages of QoS 1 before it has settled one. */
  attach(connectionId: string, room: number): void
  subscribe(connectionId: string, filter: TopicFilter, grant: Grant): Promise<void>
  unsubscribe(connectionId: string, filter: TopicFilter): Promise<void>
  settle(connectionId: string, stored: StoredMark): void
  keep(connectionId: string, delivery: Delivery, qos: 1 | 2): Promise<void>
  releaseMessage(connectionId: string, stored: StoredMark): Promise<void>
  receive(connectionId: string, packetId: number): Promise<void>
  forget(connectionId: string, packetId: number): Promise<void>
  release(connectionId: string, left: Omit<LeftSession, 'session'>): void
}

/** What a connection begins with whose session is in another process. */
export interface RemoteBegun {
  readonly session:
    | {
        readonly record: SessionRecord
        readonly subscriptions: readonly SessionSubscription[]
        readonly dropped: number
        readonly received: readonly number[]
      }
    | undefined
  readonly isPresent: boolean
}

/** The sessions of one account and region, which another process has. */
export class RemoteSessions implements ClientSessions {
  readonly #link: SessionsLink
  readonly #byConnection = new Map<string, RemoteSession>()
  /** What ends each connection. */
  readonly #takeOvers = new Map<string, () => void>()

  constructor(link: SessionsLink) {
    this.#link = link
  }

  async begin(accepted: AcceptedConnect, connectionId: string, takeOver: () => void): Promise<Begun> {
    this.#takeOvers.set(connectionId, takeOver)
    const { isPresent, session: found } = await this.#link.begin(accepted, connectionId)
    if (found === undefined) return { session: undefined, isPresent, kept: DONE }
    const session = new RemoteSession(connectionId, accepted.outboundInflightMax, found, this.#link)
    this.#byConnection.set(connectionId, session)
    return { session, isPresent, kept: DONE }
  }

  release(connectionId: string, { expiry, will }: LeftSession): void {
    this.#byConnection.get(connectionId)?.detach()
    this.#byConnection.delete(connectionId)
    this.#takeOvers.delete(connectionId)
    this.#link.release(connectionId, { expiry, ...(will !== undefined && { will }) })
  }

  /** Takes a message from the session of a connection. */
  deliver(connectionId: string, delivery: Delivery, qos: QoS, stored: StoredMark | undefined): void {
    this.#byConnection.get(connectionId)?.deliver(delivery, qos, stored)
  }

  /** Lets a connection go on with a message of QoS 2 that its client has received. */
  resumeReleased(connectionId: string, stored: StoredMark): void {
    this.#byConnection.get(connectionId)?.resumeReleased(stored)
  }

  /** Another connection has come with the client id of one here. */
  takeOver(connectionId: string): void {
    this.#takeOvers.get(connectionId)?.()
  }

  /** What waits for a connection cannot be read. */
  fail(connectionId: string, error: unknown): void {
    this.#byConnection.get(connectionId)?.fail(error)
  }
}

/** A session that another process has, as its connection here uses it. */
class RemoteSession implements ClientSession {
  readonly record: SessionRecord
  readonly dropped: number
  readonly subscriptions: readonly SessionSubscription[]
  readonly received: readonly number[]
  readonly #connectionId: string
  readonly #room: number
  readonly #link: SessionsLink
  #consumer: Consumer | undefined
  /** What came when there was no room, in its order: never more than the room that the other process knows of. */
  #waiting: (() => void)[] = []

  constructor(
    connectionId: string,
    room: number,
    { record, dropped, received, subscriptions }: NonNullable<RemoteBegun['session']>,
    link: SessionsLink,
  ) {
    this.record = record
    this.dropped = dropped
    this.subscriptions = subscriptions
    this.received = received
    this.#connectionId = connectionId
    this.#room = room
    this.#link = link
  }

  attach(consumer: Consumer): void {
    this.#consumer = consumer
    this.#link.attach(this.#connectionId, this.#room)
  }

  detach(): void {
    this.#consumer = undefined
    this.#waiting = []
  }

  subscribe(filter: TopicFilter, grant: Grant): Promise<void> {
    return this.#link.subscribe(this.#connectionId, filter, grant)
  }

  unsubscribe(filter: TopicFilter): Promise<void> {
    return this.#link.unsubscribe(this.#connectionId, filter)
  }

  settle(stored: StoredMark): void {
    this.#link.settle(this.#connectionId, stored)
  }

  keep(delivery: Delivery, qos: 1 | 2): Promise<void> {
    return this.#link.keep(this.#connectionId, delivery, qos)
  }

  release(stored: StoredMark): Promise<void> {
    return this.#link.releaseMessage(this.#connectionId, stored)
  }

  receive(packetId: number): Promise<void> {
    return this.#link.receive(this.#connectionId, packetId)
  }

  forget(packetId: number): Promise<void> {
    return this.#link.forget(this.#connectionId, packetId)
  }

  deliver(delivery: Delivery, qos: QoS, stored: StoredMark | undefined): void {
    if (qos === 0) this.#consumer?.deliver(delivery, 0)
    else this.#whenRoom(() => this.#consumer?.deliver(delivery, qos, stored))
  }

  resumeReleased(stored: StoredMark): void {
    this.#whenRoom(() => this.#consumer?.resumeReleased(stored))
  }

  pump(): void {
    while ((this.#consumer?.room ?? 0) > 0) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next()
    }
  }

  fail(error: unknown): void {
    this.#consumer?.fail(error)
  }

  #whenRoom(give: () => void): void {
    this.#waiting.push(give)
    this.pump()
  }
}

const DONE: Promise<void> = Promise.resolve()
