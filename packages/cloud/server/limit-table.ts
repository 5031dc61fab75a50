import type { FrontLimits } from '@birthmark/cloud/front'
import type { BrokerProfile } from '@birthmark/cloud/mqtt'
import type { RetainedLimits } from '@birthmark/cloud/retained'
import type { SessionLimits } from '@birthmark/cloud/sessions'

/** The members of a profile that are numbers: its limits, but for the highest QoS. */
export type ProfileLimit = Exclude<
  {
    [Name in keyof BrokerProfile]-?: BrokerProfile[Name] extends number | undefined ? Name : never
  }[keyof BrokerProfile],
  'qosMax'
>

/** Where a limit is kept. */
type Place =
  | { readonly of: 'profile'; readonly member: ProfileLimit }
  | { readonly of: 'front'; readonly member: keyof FrontLimits }
  | { readonly of: 'sessions'; readonly member: keyof SessionLimits }
  | { readonly of: 'retained'; readonly member: keyof RetainedLimits }

/** One row of {@link LIMITS}. */
export type LimitRow = Place & {
  readonly name: string
  readonly unit: 'bytes' | 'count' | 'per second' | 'seconds' | 'bytes per second' | 'ms'
  /** What it bounds, and what happens at it. */
  readonly what: string
  /** Whether AWS IoT Core has this limit: then the profile `aws` has its number. */
  readonly isAws: boolean
}

/** Every limit that `birthmark server --limit NAME=VALUE` sets. The source of `docs/reference/limits.md`. */
export const LIMITS: readonly LimitRow[] = [
  ...profile('bytes', true, {
    'packet-bytes': ['packetBytesMax', 'A packet from a client. Beyond: the connection ends (0x95).'],
    'client-packet-bytes-min': ['clientPacketBytesMin', 'The smallest Maximum Packet Size. Below: no CONNECT (0x82).'],
    'payload-bytes': ['payloadBytesMax', 'A payload. Beyond: the message is refused (0x97).'],
    'topic-bytes': ['topicBytesMax', 'A topic or filter, UTF-8. Beyond: refused (0x90, 0x8F).'],
    'client-id-bytes': ['clientIdBytesMax', 'A client identifier, UTF-8. Beyond: no CONNECT (0x85).'],
    'share-name-bytes': ['shareNameBytesMax', 'The name of a shared subscription, UTF-8. Beyond: refused (0x8F).'],
    'content-type-bytes': ['contentTypeBytesMax', 'A Content Type, UTF-8. Beyond: the message is refused (0x97).'],
    'correlation-data-bytes': ['correlationDataBytesMax', 'Correlation Data. Beyond: the message is refused (0x97).'],
    'user-properties-bytes': ['userPropertiesBytesMax', 'All User Properties of a message. Beyond: refused (0x97).'],
  }),
  ...profile('count', true, {
    'topic-slashes': ['topicSlashesMax', 'Slashes of a topic or filter. Beyond: refused (0x90, 0x8F).'],
    'filters-per-subscribe': ['filtersPerSubscribeMax', 'Filters of a SUBSCRIBE. Beyond: all are refused (0x97).'],
    subscriptions: ['subscriptionsMax', 'Subscriptions of a connection. Beyond: further ones are refused (0x97).'],
    'inbound-inflight': ['inboundInflightMax', 'Messages from a client that wait for us. Beyond: 0x93; 3.1.1 waits.'],
    'outbound-inflight': ['outboundInflightMax', 'Messages to a client that wait for it. Beyond: further ones queue.'],
    'topic-aliases': ['topicAliasMax', 'Topic aliases of a connection, each way. Beyond: 0x94.'],
  }),
  ...profile('seconds', true, {
    'keep-alive-min': ['keepAliveMin', 'The shortest keep-alive. Shorter wishes are raised to it.'],
    'keep-alive-max': ['keepAliveMax', 'The longest keep-alive. Longer wishes, and none, become it; 0: as wished.'],
    'session-expiry': ['sessionExpiryMax', 'How long a session outlives its connection. Longer wishes become it.'],
    'message-expiry': ['messageExpiryMax', 'The longest Message Expiry Interval. Longer ones become it.'],
  }),
  ...profile('per second', true, {
    'publishes-in-per-second': ['publishesInPerSecond', 'Messages from a client. Beyond: not published (0x97).'],
    'publishes-out-per-second': [
      'publishesOutPerSecond',
      'Messages to a client. Beyond: QoS 0 is dropped, others wait.',
    ],
  }),
  ...profile('bytes per second', true, {
    'bytes-in-per-second': ['bytesInPerSecond', 'Bytes from a client. Beyond: reading pauses.'],
  }),
  ...profile('count', false, {
    'outbound-queue-count': [
      'outboundQueueCountMax',
      'Messages that wait for a slow client. Beyond: the newest drops.',
    ],
  }),
  ...profile('bytes', false, {
    'outbound-queue-bytes': ['outboundQueueBytesMax', 'The same in bytes.'],
  }),
  front('connects-per-client-per-second', 'connectsPerClientPerSecond', 'per second', {
    what: 'CONNECTs by which one client identifier is let in. Beyond: no CONNECT (0x97).',
    isAws: true,
  }),
  front('connections', 'connectionsMax', 'count', { what: 'TCP connections. Beyond: the newest is closed.' }),
  front('half-open', 'halfOpenMax', 'count', { what: 'Connections without a CONNECT. Beyond: the oldest is closed.' }),
  front('half-open-per-address', 'halfOpenPerAddressMax', 'count', {
    what: 'The same from one address. Beyond: the oldest of this address is closed.',
  }),
  front('handshake-ms', 'handshake', 'ms', { what: 'Time for the TLS handshake. Beyond: the connection ends.' }),
  front('connect-ms', 'connect', 'ms', { what: 'Time for the CONNECT after it. Beyond: the connection ends.' }),
  front('http-request-ms', 'httpRequest', 'ms', { what: 'Time for a request over HTTP. Beyond: the connection ends.' }),
  front('http-idle-ms', 'httpIdle', 'ms', { what: 'Time between two requests. Beyond: the connection ends.' }),
  front('attempts', 'attemptsMax', 'count', { what: 'Attempts in memory. Beyond: the oldest is forgotten.' }),
  front('refused-attempts', 'refusedAttemptsMax', 'count', { what: 'The same of those refused.' }),
  front('steps-per-attempt', 'stepsPerAttemptMax', 'count', {
    what: 'Steps of one. Beyond: further ones are counted.',
  }),
  front('unsent-bytes', 'unsentBytesMax', 'bytes', {
    what: 'Bytes that wait for one socket. Beyond: the session queues, and drops QoS 0.',
  }),
  front('drain-ms', 'drain', 'ms', { what: 'Time for a closing socket to take what was written. Beyond: destroyed.' }),
  sessions('sessions', 'sessionsMax', 'count', 'Sessions that last. Beyond: a new one ends with its connection.', true),
  sessions('session-messages', 'messagesMax', 'count', 'Messages kept for a session. Beyond: the newest drops.'),
  sessions('session-message-bytes', 'messageBytesMax', 'bytes', 'The same in bytes.'),
  sessions('replay-per-second', 'replayPerSecond', 'per second', 'Kept messages given to a client. Beyond: they wait.'),
  retained('retained-messages', 'messagesMax', 'count', 'Retained messages of an account. Beyond: refused (0x97).'),
  retained('retained-per-topic-per-second', 'perTopicPerSecond', 'per second', 'The same for one topic. Beyond: 0x97.'),
  retained('retained-per-second', 'perSecond', 'per second', 'The same for an account. Beyond: 0x97.'),
]

function profile(
  unit: LimitRow['unit'],
  isAws: boolean,
  rows: Readonly<Record<string, readonly [member: ProfileLimit, what: string]>>,
): LimitRow[] {
  return Object.entries(rows).map(([name, [member, what]]) => ({ of: 'profile', name, member, unit, what, isAws }))
}

function front(
  name: string,
  member: keyof FrontLimits,
  unit: LimitRow['unit'],
  { what, isAws = false }: { readonly what: string; readonly isAws?: boolean },
): LimitRow {
  return { of: 'front', name, member, unit, what, isAws }
}

function sessions(
  name: string,
  member: keyof SessionLimits,
  unit: LimitRow['unit'],
  what: string,
  isAws = false,
): LimitRow {
  return { of: 'sessions', name, member, unit, what, isAws }
}

function retained(name: string, member: keyof RetainedLimits, unit: LimitRow['unit'], what: string): LimitRow {
  return { of: 'retained', name, member, unit, what, isAws: true }
}
