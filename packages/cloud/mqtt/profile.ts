import type { TopicLimits } from './topic.ts'

/**
 * Largest packet accepted before a CONNECT was accepted, in bytes. A CONNECT with a 128-byte client id, the SDKs' user
 * name and a small will needs under 1 KiB. At the limit: `MQTT_PACKET_TOO_LARGE`, the connection ends.
 */
export const PRE_AUTH_PACKET_BYTES_MAX = 4096

/** Everything in which one broker's behaviour differs from another's. Each number but `qosMax` is a limit. */
export interface BrokerProfile extends TopicLimits {
  readonly name: 'aws' | 'standard'
  /** Whether `a/#` matches `a`. */
  readonly hashMatchesParent: boolean
  /** The highest QoS; a higher wish is granted as this one, a PUBLISH above it ends the connection with 0x9B. */
  readonly qosMax: 1 | 2
  /** Whether messages are retained at all. Without: RETAIN ends the connection with 0x9A. */
  readonly retainAvailable: boolean
  /** Whether subscriptions with wildcards are given what is retained, and not only those to one topic. */
  readonly retainedByWildcard: boolean
  /** Whether the option Retain As Published is granted. */
  readonly retainAsPublished: boolean
  /** Whether subscriptions may have identifiers. */
  readonly subscriptionIdentifiers: boolean
  /** Whether every other topic that begins with `$` than `$aws/…` is a topic like others. */
  readonly foreignDollarTopics: boolean
  /** Whether what is sent again carries DUP, as both standards demand. */
  readonly marksRepetitions: boolean
  /** Whole packets from a client, fixed header included. At the limit: DISCONNECT 0x95. */
  readonly packetBytesMax: number
  /** Smallest Maximum Packet Size that a client may set. Below it: CONNECT is refused. */
  readonly clientPacketBytesMin: number
  /** Payload of a message. At the limit: the message is refused with 0x97. */
  readonly payloadBytesMax: number
  /** Client identifier, UTF-8. At the limit: CONNECT is refused. */
  readonly clientIdBytesMax: number
  /** Seconds; shorter wishes are raised to it. */
  readonly keepAliveMin: number
  /** Seconds; longer wishes, and 0 (none), are lowered to it. 0: as the client wishes. */
  readonly keepAliveMax: number
  /** QoS 1 messages from a client that wait for our PUBACK. At the limit: 0x93 in 5.0, reading pauses in 3.1.1. */
  readonly inboundInflightMax: number
  /** QoS 1 messages to a client that wait for its PUBACK. At the limit: further ones queue. */
  readonly outboundInflightMax: number
  /** QoS 1 messages that wait for a client. At the limit: the newest is dropped, as `queue-full`. */
  readonly outboundQueueCountMax: number
  /** Bytes of the messages that wait for a client. At the limit: the newest is dropped, as `queue-full`. */
  readonly outboundQueueBytesMax: number
  /** Messages from a client in a second. At the limit: further ones are not published; 0x97 tells a 5.0 client. */
  readonly publishesInPerSecond: number
  /** Messages to a client in a second. At the limit: QoS 0 is dropped, as `throttled`, and QoS 1 and 2 wait. */
  readonly publishesOutPerSecond: number
  /** Bytes from a client in a second. At the limit: reading pauses, nothing is lost. */
  readonly bytesInPerSecond: number
  /** Topic aliases that a client may set, and that we set. */
  readonly topicAliasMax: number
  /**
   * Seconds that a session outlives its connection, at most; a 3.1.1 session with clean session 0 gets all of them. A
   * longer wish is lowered to it. 0: every session ends with its connection.
   */
  readonly sessionExpiryMax: number
  /** Name of a shared subscription, UTF-8. At the limit: the filter is refused with 0x8F. */
  readonly shareNameBytesMax: number
  /** Filters in one SUBSCRIBE. At the limit: each filter of the packet is refused with 0x97. */
  readonly filtersPerSubscribeMax: number
  /** Subscriptions of one connection. At the limit: further filters are refused with 0x97. */
  readonly subscriptionsMax: number
  /** Content Type, UTF-8. At this limit and the two below: the message is refused with 0x97. */
  readonly contentTypeBytesMax: number
  readonly correlationDataBytesMax: number
  /** All User Properties of a message together, UTF-8. */
  readonly userPropertiesBytesMax: number
  /** Seconds; longer Message Expiry Intervals are lowered to it. */
  readonly messageExpiryMax: number
}

/** AWS IoT Core's behaviour (AWS IoT Core quotas, message broker and protocol limits; developer guide, MQTT). */
export const AWS_PROFILE: BrokerProfile = {
  name: 'aws',
  hashMatchesParent: false,
  qosMax: 1,
  retainAvailable: true,
  retainedByWildcard: false,
  retainAsPublished: false,
  subscriptionIdentifiers: false,
  foreignDollarTopics: false,
  marksRepetitions: false,
  packetBytesMax: 149_504,
  clientPacketBytesMin: 512,
  payloadBytesMax: 131_072,
  topicBytesMax: 256,
  topicSlashesMax: 7,
  clientIdBytesMax: 128,
  keepAliveMin: 30,
  keepAliveMax: 1200,
  inboundInflightMax: 100,
  outboundInflightMax: 100,
  // Ours: AWS publishes no number. A burst of 1 000 short messages, or 8 of the largest, for a client that is slow.
  outboundQueueCountMax: 1000,
  outboundQueueBytesMax: 1_048_576,
  publishesInPerSecond: 100,
  publishesOutPerSecond: 100,
  bytesInPerSecond: 524_288,
  topicAliasMax: 8,
  sessionExpiryMax: 3600,
  shareNameBytesMax: 128,
  filtersPerSubscribeMax: 8,
  subscriptionsMax: 50,
  contentTypeBytesMax: 256,
  correlationDataBytesMax: 8192,
  userPropertiesBytesMax: 8192,
  messageExpiryMax: 604_800,
}

/** The standard's behaviour where AWS IoT deviates, with limits of a broker's size instead of an account's. */
export const STANDARD_PROFILE: BrokerProfile = {
  ...AWS_PROFILE,
  name: 'standard',
  hashMatchesParent: true,
  qosMax: 2,
  retainedByWildcard: true,
  retainAsPublished: true,
  subscriptionIdentifiers: true,
  foreignDollarTopics: true,
  marksRepetitions: true,
  packetBytesMax: 1_048_576,
  // Ours: room for our CONNACK.
  clientPacketBytesMin: 128,
  payloadBytesMax: 1_048_576,
  topicBytesMax: 65_535,
  // Ours: the walk through the topic tree goes one call deeper for each level.
  topicSlashesMax: 127,
  clientIdBytesMax: 65_535,
  keepAliveMin: 0,
  keepAliveMax: 0,
  outboundQueueBytesMax: 8_388_608,
  // A machine of one's own is no shared service.
  publishesInPerSecond: Number.POSITIVE_INFINITY,
  publishesOutPerSecond: Number.POSITIVE_INFINITY,
  bytesInPerSecond: Number.POSITIVE_INFINITY,
  topicAliasMax: 100,
  // The longest that AWS IoT can be set to: for ever would need somebody to clean up.
  sessionExpiryMax: 604_800,
  filtersPerSubscribeMax: 1000,
  subscriptionsMax: 1000,
  contentTypeBytesMax: 65_535,
  correlationDataBytesMax: 65_535,
  userPropertiesBytesMax: 1_048_576,
  messageExpiryMax: 4_294_967_295,
}
