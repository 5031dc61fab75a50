import type { Distribution } from './journal-records.ts'
import { type JournalState, shardUrl } from './journal-state.ts'

/**
 * Gives each certificate its shard: one after the other, each filled to its size. It knows of intents before they are
 * on the disk; their order there is that of {@link take}.
 */
export class ShardPicker {
  #distribution: Distribution | undefined
  /** The number of the last shard that was begun, and how many certificates it has room for. */
  #number: number
  #room: number

  constructor({ mark, lastShard }: JournalState) {
    this.#distribution = mark?.distribution
    this.#number = lastShard?.number ?? 0
    const isCurrent = lastShard !== undefined && lastShard.number >= (mark?.firstShard ?? 1)
    this.#room = isCurrent ? (this.#distribution?.shardSize ?? 0) - lastShard.certificates : 0
  }

  /** The shard of the next certificate; `undefined` when certificates name none. */
  get next(): { readonly number: number; readonly url: string } | undefined {
    if (this.#distribution === undefined) return undefined
    const number = this.#room > 0 ? this.#number : this.#number + 1
    return { number, url: shardUrl(this.#distribution, number) }
  }

  /** Takes the place of one certificate in the shard that {@link next} gave in this turn of the event loop. */
  take(number: number): void {
    if (number > this.#number) this.#room = this.#distribution?.shardSize ?? 0
    this.#number = number
    this.#room -= 1
  }

  /** From here on certificates name other places, and a new shard begins. */
  distribute(distribution: Distribution): void {
    this.#distribution = distribution
    this.#room = 0
  }
}
