import { type Instant, later, millis } from '@birthmark/foundation/kernel'
import type { Threshold } from './rules.ts'

/**
 * Counts what happened in the last span of time, in constant memory: exactly within one span, and of the span before
 * in proportion to how much of it is still recent.
 */
export class SlidingCount {
  #began: Instant | undefined
  #current = 0
  #before = 0

  /** Counts one more, and tells whether that is too many. */
  add(threshold: Threshold, now: Instant): boolean {
    const had = this.value(threshold, now)
    this.#current += 1
    return had + 1 > threshold.count
  }

  /** Tells whether there have been too many already. */
  exceeds(threshold: Threshold, now: Instant): boolean {
    return this.value(threshold, now) > threshold.count
  }

  /** Gives the count. */
  value({ within }: Threshold, now: Instant): number {
    if (this.#began === undefined) this.#began = now
    const spans = Math.floor(Math.max(0, now - this.#began) / within)
    if (spans > 0) {
      this.#before = spans === 1 ? this.#current : 0
      this.#current = 0
      this.#began = later(this.#began, millis(spans * within))
    }
    const passed = Math.max(0, now - this.#began) / within
    return this.#current + Math.floor(this.#before * (1 - passed))
  }
}
