import { type Millis, seconds } from '@birthmark/foundation/kernel'

/**
 * Connections at a time to each listener of the control plane; a fleet's operators and tools need dozens. Each may hold
 * one request of 256 KiB, so this is 256 MiB. At the limit: a new connection is closed before it says anything.
 */
export const CONTROL_CONNECTIONS_MAX = 1000

/**
 * Time for a TLS handshake, and then for the headers of a request: as long as the front gives devices. At the limit:
 * the connection ends, with status 408 if it spoke HTTP.
 */
export const CONTROL_HEADERS_MAX: Millis = seconds(15)

/**
 * How often the age of the endpoint's certificate is looked at. It lasts for a year and is replaced after eight months;
 * an authority that is away then has four months to come back.
 */
export const ENDPOINT_RENEWAL_CHECK: Millis = seconds(6 * 3600)

/** Time for a whole request: 256 KiB over a slow line take 20 s. At the limit: 408, and the connection ends. */
export const CONTROL_REQUEST_MAX: Millis = seconds(30)

/** What bounds the refused attempts on disk. Each has a default of its name below. */
export interface AttemptFileLimits {
  readonly keptMax: number
  readonly strangersKeptMax: number
  readonly perSecond: number
  readonly strangersPerSecond: number
}

/** Age at which a refused attempt on disk is forgotten: a month, so that last month's failures can be looked into. */
export const ATTEMPT_AGE_MAX: Millis = seconds(30 * 24 * 3600)

/**
 * Refused attempts on disk, about 2 KB each: 20,000 of clients that came through TLS, and 5,000 of those that did not,
 * whom anybody can send. At the limit: the oldest of the same kind is forgotten.
 */
const ATTEMPTS_KEPT_MAX = 20_000
const STRANGERS_KEPT_MAX = 5_000

/**
 * Refused attempts that go to disk in a second: a crowd costs the disk no more. At the limit: further ones are in
 * memory only, and `server.attempts-skipped` counts them.
 */
const ATTEMPTS_PER_SECOND = 200
const STRANGERS_PER_SECOND = 20

/** Attempts that wait for the disk: those of a second. At the limit: as above. */
export const ATTEMPTS_WAITING_MAX = 500

/** The limits of a file of attempts that is told no others. */
export const ATTEMPT_LIMITS: AttemptFileLimits = {
  keptMax: ATTEMPTS_KEPT_MAX,
  strangersKeptMax: STRANGERS_KEPT_MAX,
  perSecond: ATTEMPTS_PER_SECOND,
  strangersPerSecond: STRANGERS_PER_SECOND,
}
