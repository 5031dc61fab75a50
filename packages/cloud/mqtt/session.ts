import type { Decision } from '@birthmark/cloud/policy'
import type { Fault, Instant } from '@birthmark/foundation/kernel'
import type { AcceptedConnect } from './accept-connect.ts'
import type { Delivery, Message } from './message.ts'
import type { Packet, QoS } from './packet.ts'
import type { BrokerProfile } from './profile.ts'
import type { ReservedService } from './reserved-topics.ts'
import type { TopicFilter, TopicName } from './topic.ts'
import type { Grant } from './topic-tree.ts'

/** Why a policy refuses. */
export type Denial = Extract<Decision, { readonly effect: 'deny' }>

/** What the principal of one session may do. Asked for every message, so answers should be cached. */
export interface SessionPolicy {
  publish(topic: TopicName): Denial | undefined
  /** Asked beside {@link publish} for a message with RETAIN. */
  retainPublish(topic: TopicName): Denial | undefined
  subscribe(filter: TopicFilter): Denial | undefined
  receive(topic: TopicName): boolean
}

/** What a session needs to begin. */
export interface SessionOptions {
  readonly accepted: AcceptedConnect
  /** Marks the messages of this connection; unique among all connections of the bus. */
  readonly connectionId: string
  readonly policy: SessionPolicy
  readonly profile: BrokerProfile
  /** The services behind reserved topics that run here; topics of the others are refused. */
  readonly services: ReadonlySet<ReservedService>
  /**
   * What a 3.1.1 client sees when a subscription is denied: `close` (AWS IoT) or `suback`, the standard's failure code
   * 0x80 (MQTT 3.1.1 §3.9.3).
   */
  readonly deniedSubscribe: 'close' | 'suback'
  /** What an earlier connection of this session subscribed to; nothing when absent. */
  readonly resumed?: readonly TopicFilter[]
  /** Packet identifiers of the QoS 2 messages that an earlier connection sent and has not released. */
  readonly resumedReceived?: readonly number[]
  /** Judges by the limits of retained messages and counts the message; no limits when absent. */
  readonly retainRefusal?: (topic: TopicName, deletes: boolean) => Fault | undefined
  /** Whether a group of a shared subscription takes another member; every one does when absent. */
  readonly mayShare?: (filter: TopicFilter) => boolean
  readonly now: Instant
}

/** Marks a message of QoS 1 or 2 that a store keeps until the client has acknowledged it. */
export interface StoredMark {
  /** Its place among the messages of the session. */
  readonly place: number
  /** What it counts for in the store's limits. */
  readonly bytes: number
  /** Whether the client may have been sent it on an earlier connection. */
  readonly isRepeated?: boolean
}

/** What happens to a session. */
export type SessionInput =
  | { readonly on: 'packet'; readonly packet: Packet }
  /** The decoder found this; no more packets will come. */
  | { readonly on: 'fault'; readonly fault: Fault }
  /**
   * The bus has a message; `qos` is the lower of the message's and the subscription's. One that is `stored` is given
   * only while there is room ({@link ServerSession.room}).
   */
  | { readonly on: 'deliver'; readonly delivery: Delivery; readonly qos: QoS; readonly stored?: StoredMark }
  /** The store has a QoS 2 message that the client has received on an earlier connection; given while there is room. */
  | { readonly on: 'resume-released'; readonly stored: StoredMark }
  /** The bus has taken the message of the publish effect with this packet id. */
  | { readonly on: 'acknowledged'; readonly packetId: number }
  /** The bus has failed to take it. */
  | { readonly on: 'publish-failed'; readonly packetId: number }
  /** The socket takes no more for now. */
  | { readonly on: 'congested' }
  /** The socket takes bytes again. */
  | { readonly on: 'drained' }
  /** The server ends the session. */
  | { readonly on: 'close'; readonly order: CloseOrder; readonly withoutWill?: boolean }
  /** The socket is gone without a DISCONNECT. */
  | { readonly on: 'connection-lost' }

/** Reasons of the server's own to end a session; each has its DISCONNECT reason code. */
export type CloseOrder = 'taken-over' | 'shutting-down' | 'administrative' | 'not-authorized' | 'server-error'

/** What the world has to do for a session, in this order. */
export type SessionEffect =
  | { readonly do: 'send'; readonly bytes: Uint8Array }
  /**
   * Give the message to the bus. With a packet id the client waits: answer with `acknowledged` or `publish-failed`.
   * With QoS 2, what makes it taken also notes the packet id as received. `isWill` marks the will.
   */
  | {
      readonly do: 'publish'
      readonly message: Message
      readonly packetId: number | undefined
      readonly isWill: boolean
    }
  /** Publish the will in so many seconds, unless the session is resumed before; always ahead of `close`. */
  | { readonly do: 'delay-will'; readonly message: Message; readonly seconds: number }
  /** A message needs to be stored no longer: the client has acknowledged it, or it is not for this client. */
  | { readonly do: 'settled'; readonly stored: StoredMark }
  /** A stored QoS 2 message was received by the client: keep that until it is settled, and send what follows then. */
  | { readonly do: 'released'; readonly stored: StoredMark }
  /** Forget that a QoS 2 message with this identifier was received, and send what follows then. */
  | { readonly do: 'forget-received'; readonly packetId: number }
  | { readonly do: 'subscribe'; readonly filter: TopicFilter; readonly grant: Grant }
  /** Deliver what is retained for a subscription that was just made. */
  | { readonly do: 'replay'; readonly filter: TopicFilter; readonly grant: Grant }
  | { readonly do: 'unsubscribe'; readonly filter: TopicFilter }
  /** Record it: the client was refused something and the connection stays. */
  | { readonly do: 'refuse'; readonly cause: RefusalCause }
  /** Count it: a message does not reach this client. */
  | { readonly do: 'drop'; readonly message: Message; readonly why: DropReason }
  /** Stop reading from the socket, until `resume`. */
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  /**
   * Write what is left, close the socket, and keep the session for `sessionExpiry` seconds; take the receiver from the
   * bus if that is 0. Always the last effect.
   */
  | { readonly do: 'close'; readonly end: SessionEnd; readonly sessionExpiry: number }

/** Why a message does not reach a client that has subscribed to it. */
export type DropReason =
  /** QoS 0, while the socket takes no more. */
  | 'congested'
  /** QoS 0, and the client had as many messages in this second as the profile allows. */
  | 'throttled'
  /** QoS 1, and as many wait already as the profile allows. */
  | 'queue-full'
  | 'larger-than-client-accepts'
  | 'expired'

/** Why one request was refused: by a rule of this room, or by the policy. */
export type RefusalCause = FaultCause | DenialCause

/** A rule of this room refused it. */
export interface FaultCause {
  readonly because: 'fault'
  readonly fault: Fault
}

/** The policy denied it. */
export interface DenialCause {
  readonly because: 'denied'
  readonly action: 'publish' | 'retain-publish' | 'subscribe'
  /** Topic name or filter; within the profile's limits. */
  readonly topic: string
  readonly denial: Denial
}

/** Why a session ended. */
export type SessionEnd =
  | RefusalCause
  /** The client said DISCONNECT. */
  | { readonly because: 'disconnected'; readonly reasonCode: number }
  | { readonly because: 'ordered'; readonly order: CloseOrder }
  | { readonly because: 'connection-lost' }
