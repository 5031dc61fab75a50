import { concat, type Fault } from '@birthmark/foundation/kernel'
import { tpmFault } from './faults.ts'

/** Reads the big-endian integers and sized buffers of TPM 2.0 (Part 2, §4) from bytes that are there as a whole. */
export class TpmReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #what: string
  #at = 0

  /** @param what The structure's name, for the fault that says that it is none. */
  constructor(bytes: Uint8Array, what: string) {
    // A platform's own kinds of byte array may share memory in slice().
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#what = what
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8))
  }

  /** Gives a copy of the next `count` bytes. */
  take(count: number): Uint8Array {
    const start = this.#advance(count)
    return this.#bytes.slice(start, start + count)
  }

  /** Reads a TPM2B: a count of two bytes, and that many bytes. */
  sized(): Uint8Array {
    return this.take(this.uint16())
  }

  /** Says that nothing may follow. */
  end(): void {
    if (this.left > 0) throw this.invalid(`${this.left} bytes follow it`)
  }

  invalid(why: string): Fault {
    return tpmFault('TPM_STRUCTURE_INVALID', { what: this.#what, why })
  }

  #advance(count: number): number {
    if (count > this.left) throw this.invalid('it ends too early')
    const start = this.#at
    this.#at += count
    return start
  }
}

/** Writes `value`, 0 to 2^32 - 1, as four bytes. */
export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

/** Writes integers of two bytes, one after the other. */
export function uint16s(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >>> 8) & 0xff, value & 0xff]))
}

/** Writes a TPM2B: the length in two bytes, and the bytes. */
export function sized(bytes: Uint8Array): Uint8Array {
  return concat(uint16s(bytes.length), bytes)
}

/** Gives the bytes of a TPM2B that is all there is. */
export function readSized(bytes: Uint8Array, what: string): Uint8Array {
  const reader = new TpmReader(bytes, what)
  const content = reader.sized()
  reader.end()
  return content
}

/** Gives a big-endian number with zeros before it, `count` bytes in all; some TPMs leave leading zeros out. */
export function leftPadded(bytes: Uint8Array, count: number): Uint8Array | undefined {
  if (bytes.length > count) return undefined
  const padded = new Uint8Array(count)
  padded.set(bytes, count - bytes.length)
  return padded
}
