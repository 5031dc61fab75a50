import type { AttemptView } from '../attempts.ts'

/** What a look at the attempts brought. */
export interface Look {
  /** Those that are over and were not shown yet, in the order in which they ended. */
  readonly fresh: readonly AttemptView[]
  /** Whether more may have ended since the look before than an answer holds. */
  readonly mayHaveMissed: boolean
}

/** Tells which attempts are new since the last look. Remembers no more of them than the answers of one look hold. */
export class AttemptFollower {
  readonly #pageMax: number
  #known: ReadonlySet<string> | undefined

  /** @param pageMax Attempts that one answer holds. */
  constructor(pageMax: number) {
    this.#pageMax = pageMax
  }

  /** How many attempts are remembered. */
  get remembered(): number {
    return this.#known?.size ?? 0
  }

  /** Takes the answers of one look, each newest first, and each of attempts that the others do not have. */
  take(answers: readonly (readonly AttemptView[])[]): Look {
    const known = this.#known
    const over = answers.map((answer) => answer.filter(({ outcome }) => outcome !== 'open'))
    this.#known = new Set(over.flat().map(({ id }) => id))
    const fresh = over.flat().filter(({ id }) => known?.has(id) !== true)
    const isFull = (answer: readonly AttemptView[]): boolean =>
      answer.length >= this.#pageMax && !answer.some(({ id }) => known?.has(id))
    return {
      fresh: fresh.toSorted((left, right) => endOf(left) - endOf(right)),
      mayHaveMissed: known !== undefined && answers.some(isFull),
    }
  }
}

function endOf({ startedAt, steps }: AttemptView): number {
  return startedAt + (steps.at(-1)?.after ?? 0)
}
