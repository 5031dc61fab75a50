import { type Instant, type Millis, millis } from './brand.ts'

/**
 * Lets so many things a second happen, after a burst of as many. Holds two numbers and no timer: whoever asks says what
 * time it is. A clock that goes back gives nothing and takes nothing.
 */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #at: Instant | undefined

  /**
   * @param perSecond `Infinity` for no limit.
   * @param burst How many may come at once after a rest.
   */
  constructor(perSecond: number, burst: number = perSecond) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
  }

  /** Takes `count` if there are as many; tells whether. */
  take(count: number, now: Instant): boolean {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return true
    this.#refill(now)
    if (this.#left < count) return false
    this.#left -= count
    return true
  }

  /** Gives how long it is until there are `count`; 0 when there are. */
  wait(count: number, now: Instant): Millis {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return millis(0)
    this.#refill(now)
    return this.#until(count)
  }

  /** Takes `count`, there or not, and gives how long it is until what was owed has come; 0 when nothing is. */
  owe(count: number, now: Instant): Millis {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return millis(0)
    this.#refill(now)
    this.#left -= count
    return this.#until(0)
  }

  #until(wanted: number): Millis {
    return millis(Math.max(0, Math.ceil(((wanted - this.#left) * 1000) / this.#perSecond)))
  }

  #refill(now: Instant): void {
    const passed = this.#at === undefined ? 0 : Math.max(0, now - this.#at)
    this.#at = now
    this.#left = Math.min(this.#burst, this.#left + (passed * this.#perSecond) / 1000)
  }
}
