import { randomFillSync } from 'node:crypto'
import { type Clock, type Entropy, instant, type Millis, type Timers } from '../kernel/index.ts'

/** The machine's clock. */
export const systemClock: Clock = { now: () => instant(Date.now()) }

/**
 * The operating system's random generator, through OpenSSL. Short asks, of which each connection has several, are
 * served from a pool, because a call of the generator costs as much for 16 bytes as for thousands. Nothing is given
 * twice, and what was given is wiped from the pool.
 */
export const systemEntropy: Entropy = { bytes: (count) => (count <= POOLED_BYTES_MAX ? pooled(count) : fresh(count)) }

const pool = new Uint8Array(4096)
let poolUsed: number = pool.length

function pooled(count: number): Uint8Array {
  if (poolUsed + count > pool.length) {
    randomFillSync(pool)
    poolUsed = 0
  }
  const bytes = pool.slice(poolUsed, poolUsed + count)
  pool.fill(0, poolUsed, poolUsed + count)
  poolUsed += count
  return bytes
}

function fresh(count: number): Uint8Array {
  return randomFillSync(new Uint8Array(count))
}

/** Asks that the pool serves, in bytes: ids, serial numbers and nonces are shorter. Longer ones do not pay. */
const POOLED_BYTES_MAX = 64

/** Node's timers. */
export const systemTimers: Timers = {
  after(delay, task, options = {}) {
    const timer = setTimeout(task, Math.min(delay, DELAY_MS_MAX))
    if (options.background === true) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Waits for `delay`. */
export function pause(delay: Millis, timers: Timers = systemTimers): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delay, resolve)
  })
}

/** Longest delay that Node's timers take, in milliseconds (2^31 - 1); a longer one would fire at once. */
const DELAY_MS_MAX = 2_147_483_647
