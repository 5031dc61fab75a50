import { type Instant, type Millis, millis } from '@birthmark/foundation/kernel'

/** Lets so many things a second happen, after a burst of as many. */
export class Pace {
  readonly #perSecond: number
  #left: number
  #since: Instant | undefined

  /** @param perSecond `Infinity` for no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
  }

  /** How long until there is one more. */
  get wait(): Millis {
    return millis(Math.ceil(1000 / this.#perSecond))
  }

  /** Takes up to `count` and gives how many it were. */
  take(count: number, now: Instant): number {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return count
    const passed = this.#since === undefined ? 0 : Math.max(0, now - this.#since)
    this.#since = now
    this.#left = Math.min(this.#perSecond, this.#left + (passed * this.#perSecond) / 1000)
    const taken = Math.min(count, Math.floor(this.#left))
    this.#left -= taken
    return taken
  }

  /** Returns what was taken and not used. */
  giveBack(count: number): void {
    this.#left += count
  }
}
