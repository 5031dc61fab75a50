/** A map that forgets its oldest entry when a new one would exceed its size: for what can be made again at a cost. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>()
  readonly #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  /** Gives the value of `key`, made by `make` when it is not there. What `make` throws is not kept. */
  take(key: Key, make: () => Value): Value {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const made = make()
    if (this.#entries.size >= this.#countMax) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest)
        break
      }
    }
    this.#entries.set(key, made)
    return made
  }
}
