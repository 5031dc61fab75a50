import { type Instant, later, type Millis } from '@birthmark/foundation/kernel'
import type { Alarm } from './alarm.ts'
import { LatestMap } from './latest-map.ts'

/** Remembers which alarms were raised lately, so that each is raised once. */
export class Told {
  readonly #until = new LatestMap<Instant>(TOLD_COUNT_MAX)
  readonly #lasts: Millis

  constructor(lasts: Millis) {
    this.#lasts = lasts
  }

  /** Gives the alarm when its like was not raised lately. @param about What tells it from its likes. */
  once(about: string, alarm: Alarm): readonly Alarm[] {
    const key = `${alarm.rule} ${about}`
    const until = this.#until.get(key)
    if (until !== undefined && alarm.at < until) return []
    this.#until.set(key, later(alarm.at, this.#lasts))
    return [alarm]
  }
}

/** Alarms that are remembered as raised, about 200 bytes each. Beyond it the oldest may be raised once more. */
const TOLD_COUNT_MAX = 10_000
