import { randomFillSync } from 'node:crypto'
import { type Clock, type Entropy, instant, type Millis, type Timers } from '../kernel/index.ts'

/** The machine's clock. */
export const systemClock: Clock = { now: () => instant(Date.now()) }

/** The operating system's random generator, through OpenSSL. */
export const systemEntropy: Entropy = { bytes: (count) => randomFillSync(new Uint8Array(count)) }

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
