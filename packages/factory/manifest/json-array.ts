import { type Bytes, HeldBytes } from './bytes.ts'

/** One element of a list as it stands in the file; `text` is `undefined` when it is too long or no UTF-8. */
export interface ArrayElement {
  readonly number: number
  readonly text: string | undefined
  readonly why?: string
}

/** What ends the reading of a list: its own form is broken. */
export class ArrayBroken extends Error {
  readonly number: number

  constructor(number: number, why: string) {
    super(why)
    this.number = number
  }
}

/**
 * Gives the elements of a JSON text (RFC 8259) that is one list of objects, holding one at a time. Only brackets and
 * strings are followed; whether an element is JSON is for its reader.
 *
 * @throws {@link ArrayBroken}
 */
export async function* readArray(bytes: Bytes, elementBytesMax: number): AsyncGenerator<ArrayElement, void, undefined> {
  const scan = new ArrayScan(elementBytesMax)
  for await (const chunk of bytes()) yield* scan.take(chunk)
  scan.end()
}

/** Where the scan is: before the list, where an element or the end may come, after an element, inside one, behind. */
type Place = 'before' | 'first' | 'next' | 'after' | 'inside' | 'behind'

class ArrayScan {
  readonly #held: HeldBytes
  #place: Place = 'before'
  #number = 1
  #depth = 0
  #inString = false
  #escaped = false

  constructor(elementBytesMax: number) {
    this.#held = new HeldBytes(elementBytesMax)
  }

  *take(chunk: Uint8Array): Generator<ArrayElement, void, undefined> {
    let from = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const octet = chunk[at] ?? 0
      if (this.#place !== 'inside') {
        this.#between(octet)
        from = at
      } else if (this.#closes(octet)) {
        this.#held.add(chunk.subarray(from, at + 1))
        yield { number: this.#number, ...this.#held.take() }
        this.#place = 'after'
        this.#number += 1
      }
    }
    if (this.#place === 'inside') this.#held.add(chunk.subarray(from))
  }

  end(): void {
    if (this.#place !== 'behind') throw new ArrayBroken(this.#number, 'the list has no end')
  }

  #between(octet: number): void {
    if (WHITE_SPACE.has(octet)) return
    const next = NEXT.get(this.#place)?.get(octet)
    if (next === undefined) throw new ArrayBroken(this.#number, `${EXPECTED[this.#place]} was expected`)
    this.#place = next
    if (next === 'inside') this.#depth = 1
  }

  /** Follows one octet inside an element; tells whether it is the last. */
  #closes(octet: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (octet === BACKSLASH) this.#escaped = true
      else if (octet === QUOTE) this.#inString = false
      return false
    }
    if (octet === QUOTE) this.#inString = true
    else if (octet === OPEN_OBJECT || octet === OPEN_LIST) this.#depth += 1
    else if (octet === CLOSE_OBJECT || octet === CLOSE_LIST) this.#depth -= 1
    return this.#depth === 0
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

const NEXT: ReadonlyMap<Place, ReadonlyMap<number, Place>> = new Map<Place, ReadonlyMap<number, Place>>([
  ['before', new Map<number, Place>([[OPEN_LIST, 'first']])],
  [
    'first',
    new Map<number, Place>([
      [OPEN_OBJECT, 'inside'],
      [CLOSE_LIST, 'behind'],
    ]),
  ],
  ['next', new Map<number, Place>([[OPEN_OBJECT, 'inside']])],
  [
    'after',
    new Map<number, Place>([
      [COMMA, 'next'],
      [CLOSE_LIST, 'behind'],
    ]),
  ],
])

const EXPECTED: Readonly<Record<Place, string>> = {
  before: 'a list ([)',
  first: 'an object or the end of the list',
  next: 'an object',
  after: 'a comma or the end of the list',
  inside: 'the rest of an object',
  behind: 'nothing more',
}
