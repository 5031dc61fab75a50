import { type Millis, seconds } from '@birthmark/foundation/kernel'

/** Everything that bounds what connections can make the front hold. Each has a default of its name below. */
export interface FrontLimits {
  readonly connectionsMax: number
  readonly halfOpenMax: number
  readonly halfOpenPerAddressMax: number
  readonly connectsPerClientPerSecond: number
  readonly handshake: Millis
  readonly connect: Millis
  readonly httpRequest: Millis
  readonly httpIdle: Millis
  readonly attemptsMax: number
  readonly refusedAttemptsMax: number
  readonly stepsPerAttemptMax: number
  readonly unsentBytesMax: number
  readonly drain: Millis
}

/**
 * Connections at a time, all listeners together. An idle one holds about 60 KB, so this is 3 GB. At the limit: the
 * newest is closed before TLS begins and `front.limit` is logged.
 */
export const CONNECTIONS_MAX = 50_000

/**
 * Connections that have not sent a whole CONNECT yet: as many as one core brings through their handshakes in the time
 * that they have, so that a fleet may boot at once. At the limit: the oldest one makes room (`TLS_HANDSHAKE_TIMEOUT`,
 * `CONNECT_TIMEOUT`), so that sockets held open by somebody cannot keep others out.
 */
export const HALF_OPEN_MAX = 16_000

/**
 * The same from one address (one /64 of IPv6): a fleet behind one address may boot at once, and four such addresses
 * fill the whole. At the limit: the oldest one of this address makes room, so that a single host drives nobody else
 * out.
 */
export const HALF_OPEN_PER_ADDRESS_MAX = 4_000

/**
 * CONNECTs in a second by which one client identifier is let in (AWS IoT Core quotas, message broker: 1). At the limit:
 * the client is refused, with 0x97 in MQTT 5.0, and the connection before stays.
 */
const CONNECTS_PER_CLIENT_PER_SECOND = 1

/**
 * Time for the TLS handshake: a slow cellular link needs 4 s, and a slow secure element 30 s for its signature; who
 * waits for one costs a socket and nothing else. At the limit: `TLS_HANDSHAKE_TIMEOUT`.
 */
export const HANDSHAKE_MAX: Millis = seconds(45)

/**
 * Connections in a second whose first bytes are looked at, to say why their handshake fails: more than people who look
 * for a fault make. At the limit: those of addresses where a handshake has failed are looked at, and no others.
 */
export const HELLOS_PER_SECOND = 50

/** Addresses that are remembered because a handshake of theirs has failed. At the limit: the oldest is forgotten. */
export const SUSPECTS_MAX = 4096

/** Time for the CONNECT, once TLS is up. At the limit: `CONNECT_TIMEOUT`. */
export const CONNECT_MAX: Millis = seconds(15)

/**
 * Time for the body of a request over HTTP and for what is done about it: 128 KiB over a slow line take 20 s. At the
 * limit: the connection is closed.
 */
export const HTTP_REQUEST_MAX: Millis = seconds(30)

/** Time that a connection over HTTP is kept open between two requests. At the limit: it is closed. */
export const HTTP_IDLE_MAX: Millis = seconds(60)

/** Bytes of a request's line and headers; user properties and a signature need 10 KB. At the limit: status 431. */
export const HTTP_HEADER_BYTES_MAX = 16_384

/**
 * Bytes of one message of a WebSocket, which is in memory before MQTT sees it: AWS IoT's largest packet (149,504) and
 * as much besides as clients gather in one message. At the limit: the WebSocket ends with 1009.
 */
export const WEBSOCKET_MESSAGE_BYTES_MAX = 163_840

/** Bytes that wait for a client when its pings are no longer answered: it does not read. */
export const WEBSOCKET_PONG_BYTES_MAX = 65_536

/**
 * Time that a WebSocket lives which an access key has signed (AWS IoT Core endpoints and quotas: 24 hours), or as long
 * as its temporary key. At the limit: `WEBSOCKET_EXPIRED`.
 */
export const WEBSOCKET_LIFE_MAX: Millis = seconds(24 * 3600)

/** Attempts that are remembered, about 2 KB each. At the limit: the oldest is forgotten. */
export const ATTEMPTS_MAX = 2000

/**
 * Attempts that were refused after TLS and are remembered beside the others, about 2 KB each: what people ask about,
 * and what no crowd may push out. At the limit: the oldest is forgotten here; on disk it stays.
 */
export const REFUSED_ATTEMPTS_MAX = 2000

/** Steps of one attempt. An admission has about ten, the rest are refusals. At the limit: further ones are counted. */
export const STEPS_PER_ATTEMPT_MAX = 32

/**
 * Bytes that wait to be written to one socket: what a hundred publishers can send to one subscriber in a turn of the
 * event loop, before the socket had its turn. At the limit: the session is told that it is congested and keeps further
 * messages in its own queue, whose limits are the broker profile's.
 */
export const UNSENT_BYTES_MAX = 1_048_576

/** Time that a closing connection has to take what was written to it. At the limit: the socket is destroyed. */
export const DRAIN_MAX: Millis = seconds(5)

/** The limits of a front that is told no others. */
export const FRONT_LIMITS: FrontLimits = {
  connectionsMax: CONNECTIONS_MAX,
  halfOpenMax: HALF_OPEN_MAX,
  halfOpenPerAddressMax: HALF_OPEN_PER_ADDRESS_MAX,
  connectsPerClientPerSecond: CONNECTS_PER_CLIENT_PER_SECOND,
  handshake: HANDSHAKE_MAX,
  connect: CONNECT_MAX,
  httpRequest: HTTP_REQUEST_MAX,
  httpIdle: HTTP_IDLE_MAX,
  attemptsMax: ATTEMPTS_MAX,
  refusedAttemptsMax: REFUSED_ATTEMPTS_MAX,
  stepsPerAttemptMax: STEPS_PER_ATTEMPT_MAX,
  unsentBytesMax: UNSENT_BYTES_MAX,
  drain: DRAIN_MAX,
}
