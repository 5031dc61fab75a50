import { createHash } from 'node:crypto'

/**
 * Remembers in which row a value came first, for a million values in flat arrays: 16 bytes of SHA-256 and the row's
 * number each, in a table with open addressing. Two different values count as one only if 128 bits of SHA-256 agree.
 */
export class FirstSeen {
  #table = new Uint32Array(INITIAL_PLACES * WORDS)
  #places = INITIAL_PLACES
  #count = 0

  /** Gives the row that was remembered with `value`; `undefined` when none was. */
  row(value: Uint8Array | string): number | undefined {
    const known = this.#table[this.#find(wordsOf(value)) + ROW_WORD] ?? 0
    return known === 0 ? undefined : known
  }

  /** Remembers that `value` came in `row`, counted from 1; the first row stays. */
  remember(value: Uint8Array | string, row: number): void {
    if (this.#count * 2 >= this.#places) this.#grow()
    const words = wordsOf(value)
    const at = this.#find(words)
    if (this.#table[at + ROW_WORD] !== 0) return
    this.#table.set([...words, row], at)
    this.#count += 1
  }

  #find(words: ArrayLike<number>): number {
    let place = (words[0] ?? 0) % this.#places
    for (;;) {
      const at = place * WORDS
      if (this.#table[at + ROW_WORD] === 0 || this.#holds(at, words)) return at
      place = (place + 1) % this.#places
    }
  }

  #holds(at: number, words: ArrayLike<number>): boolean {
    for (let index = 0; index < ROW_WORD; index += 1) {
      if (this.#table[at + index] !== words[index]) return false
    }
    return true
  }

  #grow(): void {
    const old = this.#table
    this.#places *= 2
    this.#table = new Uint32Array(this.#places * WORDS)
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + ROW_WORD] === 0) continue
      const words = old.subarray(at, at + WORDS)
      this.#table.set(words, this.#find(words))
    }
  }
}

function wordsOf(value: Uint8Array | string): number[] {
  const digest = createHash('sha256').update(value).digest()
  return [0, 4, 8, 12].map((at) => digest.readUInt32LE(at))
}

/** Four words of digest and one with the row's number, which is 0 in an empty place. */
const WORDS = 5
const ROW_WORD = 4
const INITIAL_PLACES = 1024
