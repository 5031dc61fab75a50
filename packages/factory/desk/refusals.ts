import type { Instant } from '@birthmark/foundation/kernel'

/** Tells which refusals get a record of their own: a station that is refused forever must not fill the disk. */
export class RefusalRate {
  readonly #seen = new Map<string, { since: Instant; recorded: number; left: number }>()

  /** @returns How many refusals the record stands for; `undefined` when this one waits for the next record. */
  note(station: string, code: string, now: Instant): number | undefined {
    const key = `${code} ${station}`
    const seen = this.#seen.get(key)
    if (seen === undefined || now - seen.since >= WINDOW_MS) {
      if (this.#seen.size >= KEYS_COUNT_MAX) this.#seen.clear()
      this.#seen.set(key, { since: now, recorded: 1, left: 0 })
      return 1 + (seen?.left ?? 0)
    }
    if (seen.recorded < RECORDED_COUNT_MAX) {
      seen.recorded += 1
      return 1
    }
    seen.left += 1
    return undefined
  }
}

/** Records of one kind from one station in a minute; the others are counted. */
const RECORDED_COUNT_MAX = 60
const WINDOW_MS = 60_000

/** Stations and codes that are told apart; a stranger can claim any number of keys. */
const KEYS_COUNT_MAX = 1024
