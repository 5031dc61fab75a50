import type { AcceptedConnect, Delivery, Grant, Message, StoredMark, TopicFilter } from '@birthmark/cloud/mqtt'
import type { Consumer } from './consumer.ts'
import type { SessionRecord, SessionSubscription } from './store.ts'

/** The sessions of one account and region as their connections use them, in this process or in another. */
export interface ClientSessions {
  /**
   * Begins a connection that was let in; the one before of its client id has ended, wherever it was, when this has
   * resolved. A session of another MQTT version is not resumed, and neither is any by a client that wants a clean
   * start.
   *
   * @param connectionId Marks the will's message.
   * @param takeOver Called when another connection has come with the client id in another process: this one must end.
   */
  begin(accepted: AcceptedConnect, connectionId: string, takeOver: () => void): Begun | Promise<Begun>
  /** Ends a connection that {@link begin} began. */
  release(connectionId: string, left: LeftSession): void
  /** Ends the session of a client id that has no connection; tells whether there was one. Absent where others do. */
  end?(clientId: string): boolean
}

/** What a connection begins with. */
export interface Begun {
  /** What outlives the connection; `undefined` when nothing does, whatever was granted. */
  readonly session: ClientSession | undefined
  /** Whether an earlier connection left it: the session present flag of the CONNACK. */
  readonly isPresent: boolean
  /** Resolves when the client may be told. */
  readonly kept: Promise<void>
}

/** What a connection leaves. */
export interface LeftSession {
  readonly session: ClientSession | undefined
  /** Seconds that the session lasts from now. */
  readonly expiry: number
  /** What is to be published if nobody comes back in so many seconds. */
  readonly will?: { readonly message: Message; readonly seconds: number }
}

/** A session that outlives its connections, as one of them uses it. */
export interface ClientSession {
  readonly record: SessionRecord
  readonly subscriptions: readonly SessionSubscription[]
  /** Messages that were not kept because there were too many. */
  readonly dropped: number
  /** Lets a connection have what waits, from the oldest on; what the last one left unacknowledged is sent again. */
  attach(consumer: Consumer): void
  detach(): void
  /** Subscribes. @returns resolves when that is on disk and in force */
  subscribe(filter: TopicFilter, grant: Grant): Promise<void>
  /** Ends a subscription. @returns resolves when that is on disk */
  unsubscribe(filter: TopicFilter): Promise<void>
  /** Identifiers of the client's QoS 2 messages that an earlier connection sent and has not released. */
  readonly received: readonly number[]
  /** Keeps a message of QoS 1 or 2 for the client, as if it had been published. Absent where only the bus can. */
  keep?(delivery: Delivery, qos: 1 | 2): void | Promise<void>
  /** A message needs to be kept no longer. */
  settle(stored: StoredMark): void
  /** Keeps of a QoS 2 message only its place: the client has received it. @returns resolves when that is on disk */
  release(stored: StoredMark): Promise<void>
  /**
   * Keeps the identifier of a QoS 2 message of the client's, in the same turn in which it is given to the bus.
   *
   * @returns resolves when that is on disk
   */
  receive(packetId: number): Promise<void>
  /** Keeps it no longer. @returns resolves when that is on disk */
  forget(packetId: number): Promise<void>
  /** Gives the consumer what waits, as far as there is room. */
  pump(): void
}
