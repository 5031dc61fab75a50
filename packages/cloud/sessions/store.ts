import type { Delivery, Grant, Message, ProtocolVersion, TopicFilter } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'

/** A session as a store keeps it. It belongs to a client id in an account and region, whoever connects with it. */
export interface SessionRecord {
  /** Unique in its store. */
  readonly id: number
  readonly scope: Scope
  readonly clientId: string
  /** A session of one version cannot be resumed with the other. */
  readonly version: ProtocolVersion
  /** Seconds that it lasts after the end of its connection. */
  readonly expiry: number
  /** When its connection ended; `undefined` while it lasts. */
  readonly disconnectedAt: Instant | undefined
  readonly will: KeptWill | undefined
}

/** The will of a session's connection. */
export interface KeptWill {
  readonly message: Message
  /** Seconds from the end of the connection. */
  readonly delay: number
  /** When it will be published; `undefined` while the connection lasts. */
  readonly dueAt: Instant | undefined
}

/** A subscription of a session. */
export interface SessionSubscription extends Grant {
  readonly filter: TopicFilter
}

/** What a store has of a session when it is opened. */
export interface RestoredSession {
  readonly record: SessionRecord
  readonly subscriptions: readonly SessionSubscription[]
  /** Messages that wait for the client, their bytes, and the place of the last one (0 without any). */
  readonly messages: { readonly count: number; readonly bytes: number; readonly lastPlace: number }
  /** Identifiers of the client's QoS 2 messages that it has not released. */
  readonly received: readonly number[]
}

/** A change of one session. */
export type SessionChange =
  /** Begins a session; one of the same client id in the same scope is gone, with all that belongs to it. */
  | { readonly do: 'begin'; readonly session: SessionRecord }
  /** Ends a session; all that belongs to it is gone. */
  | { readonly do: 'end'; readonly id: number }
  /** Replaces what may change in a session. */
  | { readonly do: 'update'; readonly session: SessionRecord }
  | { readonly do: 'subscribe'; readonly id: number; readonly subscription: SessionSubscription }
  | { readonly do: 'unsubscribe'; readonly id: number; readonly filter: TopicFilter }
  /** Keeps a message of QoS 1 or 2. */
  | {
      readonly do: 'keep'
      readonly id: number
      /** Among the messages of the session: larger than that of any before. */
      readonly place: number
      readonly qos: 1 | 2
      /** Its MQTT 5.0 PUBLISH with QoS 0. Must not change any more. */
      readonly packet: Uint8Array
      readonly receivedAt: Instant
      /** When its Message Expiry Interval has passed; `undefined` without one. */
      readonly expiresAt: Instant | undefined
    }
  /** Keeps of a message of QoS 2 only that the client has received it. */
  | { readonly do: 'release'; readonly id: number; readonly place: number }
  /** Keeps a message no longer. */
  | { readonly do: 'settle'; readonly id: number; readonly place: number }
  /** Keeps the identifier of a QoS 2 message of the client's. */
  | { readonly do: 'receive'; readonly id: number; readonly packetId: number }
  /** Keeps it no longer. */
  | { readonly do: 'forget'; readonly id: number; readonly packetId: number }

/** A message that waits for a client. */
export interface WaitingMessage {
  readonly place: number
  readonly bytes: number
  /** `undefined` when the client has received it. */
  readonly delivery: Delivery | undefined
}

/** How much a session store keeps. */
export interface SessionCounts {
  readonly sessions: number
  /** Messages that wait for clients, and places of those that clients have not released. */
  readonly messages: number
}

/** Where sessions are kept. Changes take effect in the order in which they are written. */
export interface SessionStore {
  /** How much is on disk; known without looking, which would cost as much as there is. */
  readonly counts: SessionCounts

  /** Gives every session there is; asked once, before anything is written. */
  restore(): readonly RestoredSession[]

  /** Gives an id for {@link SessionRecord}. */
  newId(): number

  /**
   * Makes a change. What is written in one turn of the event loop becomes durable together, with one promise.
   *
   * @returns resolves when it is on disk; the caller need not look
   * @throws (rejects) `DISK_FULL`, `FILE_UNUSABLE` and the like; nothing of the turn was written
   */
  write(change: SessionChange): Promise<void>

  /**
   * Gives messages of a session in their order, out of those that are on disk.
   *
   * @param places Behind `after`, up to `last`.
   * @param max Messages to give at most.
   */
  read(id: number, places: { readonly after: number; readonly last: number }, max: number): readonly WaitingMessage[]

  /**
   * Forgets the messages of a session behind `after` that have expired, and gives how many are left, and their bytes;
   * `undefined` when the disk does not let it.
   */
  dropExpired(id: number, after: number, now: Instant): { readonly count: number; readonly bytes: number } | undefined

  /** Makes what was written durable and takes nothing more. */
  close(): void
}
