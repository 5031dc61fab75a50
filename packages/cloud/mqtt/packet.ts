import type {
  AuthProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  PublishProperties,
  ReasonProperties,
  SubscribeProperties,
  UnsubscribeProperties,
  WillProperties,
} from './properties.ts'

/** The protocol level of a CONNECT: 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 4 | 5

/** Quality of service: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2

/** Every MQTT control packet (MQTT 3.1.1 and 5.0, chapter 3), told apart by `type`. */
export type Packet =
  | Connect
  | Connack
  | Publish
  | Acknowledgement
  | Subscribe
  | Suback
  | Unsubscribe
  | Unsuback
  | Pingreq
  | Pingresp
  | Disconnect
  | Auth

/** A client's request for a session (MQTT 5.0 §3.1). */
export interface Connect {
  readonly type: 'connect'
  readonly protocolVersion: ProtocolVersion
  /** Empty when the server shall choose one. */
  readonly clientId: string
  /** Clean Session in 3.1.1, Clean Start in 5.0. */
  readonly cleanStart: boolean
  /** Seconds, 0 to 65 535; 0 asks for no keep-alive. */
  readonly keepAlive: number
  readonly will: Will | undefined
  readonly userName: string | undefined
  readonly password: Uint8Array | undefined
  readonly properties: ConnectProperties
}

/** The message that the server publishes when the connection ends abnormally (MQTT 5.0 §3.1.2.5). */
export interface Will {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: WillProperties
}

/** The answer to a CONNECT (MQTT 5.0 §3.2). */
export interface Connack {
  readonly type: 'connack'
  readonly sessionPresent: boolean
  /** Return code in 3.1.1 (0 to 5), reason code in 5.0. */
  readonly reasonCode: number
  readonly properties: ConnackProperties
}

/** An application message, in either direction (MQTT 5.0 §3.3). */
export interface Publish {
  readonly type: 'publish'
  /** Empty only in 5.0, when a topic alias stands for it. */
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  /** 1 to 65 535 with QoS 1 and 2, `undefined` with QoS 0. */
  readonly packetId: number | undefined
  readonly properties: PublishProperties
}

/** The four acknowledgements of a PUBLISH (MQTT 5.0 §3.4 to §3.7). */
export interface Acknowledgement {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'
  readonly packetId: number
  /** 0 in 3.1.1, which has none. */
  readonly reasonCode: number
  readonly properties: ReasonProperties
}

/** A request for subscriptions (MQTT 5.0 §3.8). */
export interface Subscribe {
  readonly type: 'subscribe'
  readonly packetId: number
  /** At least one. */
  readonly subscriptions: readonly SubscriptionRequest[]
  readonly properties: SubscribeProperties
}

/** One topic filter of a SUBSCRIBE and its options (MQTT 5.0 §3.8.3.1); 3.1.1 has only `qos`. */
export interface SubscriptionRequest {
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

/** The answer to a SUBSCRIBE: one code for each filter, in its order (MQTT 5.0 §3.9). */
export interface Suback {
  readonly type: 'suback'
  readonly packetId: number
  readonly reasonCodes: readonly number[]
  readonly properties: ReasonProperties
}

/** A request to end subscriptions (MQTT 5.0 §3.10). */
export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly packetId: number
  /** At least one. */
  readonly filters: readonly string[]
  readonly properties: UnsubscribeProperties
}

/** The answer to an UNSUBSCRIBE (MQTT 5.0 §3.11). */
export interface Unsuback {
  readonly type: 'unsuback'
  readonly packetId: number
  /** One for each filter, in its order; empty in 3.1.1, which has none. */
  readonly reasonCodes: readonly number[]
  readonly properties: ReasonProperties
}

/** A client's sign of life (MQTT 5.0 §3.12). */
export interface Pingreq {
  readonly type: 'pingreq'
}

/** The answer to a {@link Pingreq} (MQTT 5.0 §3.13). */
export interface Pingresp {
  readonly type: 'pingresp'
}

/** The last packet of a connection (MQTT 5.0 §3.14); in 3.1.1 only the client sends it. */
export interface Disconnect {
  readonly type: 'disconnect'
  /** 0 in 3.1.1, which has none. */
  readonly reasonCode: number
  readonly properties: DisconnectProperties
}

/** A step of enhanced authentication (MQTT 5.0 §3.15). */
export interface Auth {
  readonly type: 'auth'
  readonly reasonCode: number
  readonly properties: AuthProperties
}
