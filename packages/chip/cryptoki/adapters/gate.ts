/** Lets a number of tasks run at a time; others wait, in the order in which they came. */
export class Gate {
  readonly #countMax: number
  #count = 0
  readonly #waiting: (() => void)[] = []

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  async through<Value>(task: () => Promise<Value>): Promise<Value> {
    if (this.#count >= this.#countMax) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#count += 1
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#count -= 1
      else next()
    }
  }
}
