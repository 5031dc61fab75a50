import { type Millis, seconds } from '@birthmark/foundation/kernel'

/** Everything that bounds what connections can make the front hold. Each has a default of its name below. */
export interface FrontLimits {
  readonly connectionsMax: number
  readonly halfOpenMax: number
  readonly handshake: Millis
  readonly connect: Millis
  readonly attemptsMax: number
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

/** Time for the TLS handshake: a slow cellular link needs 4 s. At the limit: `TLS_HANDSHAKE_TIMEOUT`. */
export const HANDSHAKE_MAX: Millis = seconds(15)

/** Time for the CONNECT, once TLS is up. At the limit: `CONNECT_TIMEOUT`. */
export const CONNECT_MAX: Millis = seconds(15)

/** Attempts that are remembered, about 2 KB each. At the limit: the oldest is forgotten. */
export const ATTEMPTS_MAX = 2000

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
  handshake: HANDSHAKE_MAX,
  connect: CONNECT_MAX,
  attemptsMax: ATTEMPTS_MAX,
  stepsPerAttemptMax: STEPS_PER_ATTEMPT_MAX,
  unsentBytesMax: UNSENT_BYTES_MAX,
  drain: DRAIN_MAX,
}
