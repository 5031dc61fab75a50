import { seededRandom } from '../testkit/random.ts'

/** Chance that can be thrown again. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  /** Gives a whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  /** Gives one of `items`, which are not none. */
  pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item {
    const [item] = items.slice(this.below(items.length))
    if (item === undefined) throw new TypeError('there is nothing to pick from')
    return item
  }
}
