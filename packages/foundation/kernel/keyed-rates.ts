import { type Instant, seconds } from './brand.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * Lets so many things a second happen for each key, after a burst of as many. Whatever happened more than two seconds
 * ago is forgotten, so that it holds no more keys than come in that time.
 */
export class KeyedRates {
  readonly #perSecond: number
  /** By key, in two generations: what only the older one has was full again when that was put away. */
  #young = new Map<string, TokenBucket>()
  #old = new Map<string, TokenBucket>()
  #since: Instant | undefined

  /** @param perSecond 1 at least, `Infinity` for no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** Takes one if there is one for this key; tells whether. */
  take(key: string, now: Instant): boolean {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return true
    this.#age(now)
    const bucket = this.#young.get(key) ?? this.#old.get(key) ?? new TokenBucket(this.#perSecond)
    this.#young.set(key, bucket)
    return bucket.take(1, now)
  }

  #age(now: Instant): void {
    if (this.#since !== undefined && Math.abs(now - this.#since) < GENERATION) return
    this.#since = now
    this.#old = this.#young
    this.#young = new Map()
  }
}

/** A bucket is full after a second of rest. */
const GENERATION = seconds(1)
