import type { Instant, Millis } from './brand.ts'

/** Tells the time. Pure code receives an {@link Instant} instead. */
export interface Clock {
  now(): Instant
}

/** Gives unpredictable bytes. */
export interface Entropy {
  /** Gives `count` fresh bytes, fit for keys. */
  bytes(count: number): Uint8Array
}

/** Undoes a scheduled task; harmless after it ran. */
export type Cancel = () => void

/** Runs something later: the only way to wait in this code base. */
export interface Timers {
  /** Runs `task` once, `delay` from now. An open timer does not keep the process alive when `background` is set. */
  after(delay: Millis, task: () => void, options?: { readonly background?: boolean }): Cancel
}
