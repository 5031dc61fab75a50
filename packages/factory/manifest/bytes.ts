import { createReadStream } from 'node:fs'
import { decodeUtf8 } from '@birthmark/foundation/kernel'
import { asFileFault } from '@birthmark/foundation/system'

/** Something that gives its bytes from the beginning each time it is asked. */
export type Bytes = () => AsyncIterable<Uint8Array>

/** The bytes of a file, a piece at a time. @throws `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` */
export function fileBytes(path: string): Bytes {
  return async function* () {
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
        if (chunk instanceof Uint8Array) yield chunk
      }
    } catch (error) {
      throw asFileFault(error, path)
    }
  }
}

/** A line without its end; `undefined` for one that is too long, whose rest was passed over, or no UTF-8. */
export interface Line {
  readonly number: number
  readonly text: string | undefined
  readonly why?: string
  /** Whether a line feed ended it. */
  readonly ended: boolean
}

/** Gives a text's lines, of which it holds one at a time. A carriage return before the line feed stays. */
export async function* readLines(bytes: Bytes, lineBytesMax: number): AsyncGenerator<Line, void, undefined> {
  let number = 1
  const held = new HeldBytes(lineBytesMax)
  for await (const chunk of bytes()) {
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      held.add(chunk.subarray(from, end))
      yield { number, ended: true, ...held.take() }
      number += 1
      from = end + 1
    }
    held.add(chunk.subarray(from))
  }
  if (held.length > 0) yield { number, ended: false, ...held.take() }
}

/** Bytes that wait for their end, up to a limit; those beyond it are counted and let go. */
export class HeldBytes {
  readonly #max: number
  #parts: Uint8Array[] = []
  #length = 0

  constructor(max: number) {
    this.#max = max
  }

  get length(): number {
    return this.#length
  }

  add(part: Uint8Array): void {
    if (part.length === 0) return
    this.#length += part.length
    if (this.#length <= this.#max) this.#parts.push(part)
    else this.#parts = []
  }

  /** Gives what was held as text, and is empty again. */
  take(): { readonly text: string | undefined; readonly why?: string } {
    const tooLong = this.#length > this.#max
    const whole = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts)
    this.#parts = []
    this.#length = 0
    if (tooLong) return { text: undefined, why: `it is longer than ${this.#max} bytes` }
    const text = decodeUtf8(whole ?? new Uint8Array())
    return text === undefined ? { text, why: 'it is not UTF-8' } : { text }
  }
}

/** Bytes that one read takes from a file. */
const CHUNK_BYTES = 65_536
const LINE_FEED = 0x0a
