import { type Entropy, type Millis, millis } from '@birthmark/foundation/kernel'

/** How long a device waits between tries, so that a fleet that lost its endpoint does not return as one wave. */
export interface Backoff {
  /** Upper bound of the first wait. */
  readonly firstDelayMax: Millis
  /** Upper bound of every wait. */
  readonly delayMax: Millis
}

/**
 * What a device does in the field: up to 1 s, 2 s, 4 s … 5 min. A first connection is dropped once it is provisioned,
 * so the first wait is short; the last is long, so that a million devices ask at most about 3,300 times a second.
 */
export const FIELD_BACKOFF: Backoff = { firstDelayMax: millis(1_000), delayMax: millis(300_000) }

/**
 * Gives the wait before try number `attempt` + 1: anything from nothing to an upper bound that doubles, all equally
 * likely ("full jitter": the spread that empties a queue of returning clients soonest).
 *
 * @param attempt Tries that failed so far, from 1.
 */
export function backoffDelay(backoff: Backoff, attempt: number, entropy: Entropy): Millis {
  const bound = Math.min(backoff.delayMax, backoff.firstDelayMax * 2 ** Math.min(attempt - 1, EXPONENT_MAX))
  const [a = 0, b = 0, c = 0, d = 0] = entropy.bytes(4)
  const share = (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32
  return millis(Math.floor(bound * share))
}

/** Keeps 2^n within the exact integers; every bound is reached long before. */
const EXPONENT_MAX = 40
