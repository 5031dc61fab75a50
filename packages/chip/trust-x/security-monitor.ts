import { type Instant, later, type Millis, millis, seconds } from '@birthmark/foundation/kernel'

/**
 * The security event counter SEC and its credit: uses of stored keys cost a credit, then count up; every
 * {@link EVENT_PERIOD} without one counts down, then earns a credit.
 *
 * Source: data sheet v2.70, security monitor; credit and delay: Trust M solution reference manual v3.70.
 */
export class SecurityMonitor {
  readonly #creditMax: number
  #count: number
  #credit = 0
  #since: Instant

  /**
   * @param count What the counter stood at when power was lost.
   * @param creditMax Most events that quiet time earns.
   */
  constructor(count: number, creditMax: number, now: Instant) {
    this.#creditMax = creditMax
    this.#count = count
    this.#since = now
  }

  /** What object E0C5 reads, 0 to 255. */
  count(now: Instant): number {
    this.#catchUp(now)
    return this.#count
  }

  /** Takes note of an event and gives the delay that it costs before the command is executed. */
  event(now: Instant): Millis {
    this.#catchUp(now)
    const delay = securityDelay(this.#count)
    this.#since = now
    if (this.#credit > 0) this.#credit--
    else this.#count = Math.min(this.#count + 1, EVENT_COUNT_MAX)
    return delay
  }

  #catchUp(now: Instant): void {
    const periods = Math.max(0, Math.floor((now - this.#since) / EVENT_PERIOD))
    if (periods === 0) return
    this.#since = later(this.#since, millis(periods * EVENT_PERIOD))
    const spent = Math.min(periods, this.#count)
    this.#count -= spent
    this.#credit = Math.min(this.#credit + periods - spent, this.#creditMax)
  }
}

/** Gives the delay before a protected command while the counter stands at `count`: none up to 127, then up to 5 s. */
export function securityDelay(count: number): Millis {
  return millis(
    count <= FREE_COUNT ? 0 : Math.round((EVENT_PERIOD * (count - FREE_COUNT)) / (EVENT_COUNT_MAX - FREE_COUNT)),
  )
}

/** tmax: one protected operation in this time is what the chip is meant for. */
const EVENT_PERIOD: Millis = seconds(5)
const EVENT_COUNT_MAX = 255
const FREE_COUNT = 127
