import { concat, uint16 } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'

/** Reads one structure of RFC 8446 §3 from its first byte to its last; whatever does not fit is malformed. */
export class Reader {
  readonly #bytes: Uint8Array
  /** Which structure this is, for the fault. */
  readonly #name: string
  #at = 0

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes
    this.#name = name
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#number(1)
  }

  uint16(): number {
    return this.#number(2)
  }

  /** Reads `count` bytes, as a view of the original. */
  bytes(count: number): Uint8Array {
    if (this.left < count) throw this.malformed()
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  /** Reads a vector with a length of one byte. */
  vector8(): Uint8Array {
    return this.bytes(this.#number(1))
  }

  /** Reads a vector with a length of two bytes. */
  vector16(): Uint8Array {
    return this.bytes(this.#number(2))
  }

  /** Reads a vector with a length of three bytes. */
  vector24(): Uint8Array {
    return this.bytes(this.#number(3))
  }

  /** Reads a vector of two-byte numbers, at least one, with a length of two bytes. */
  uint16s(): readonly number[] {
    const items = new Reader(this.vector16(), this.#name)
    const values: number[] = []
    do values.push(items.uint16())
    while (items.left > 0)
    return values
  }

  /** Says that the structure ends here. */
  end(): void {
    if (this.left > 0) throw this.malformed()
  }

  /** Gives the fault for whatever the caller finds wrong with the structure's form. */
  malformed(): Error {
    return tlsFault('TLS_MESSAGE_MALFORMED', { structure: this.#name })
  }

  #number(size: number): number {
    return this.bytes(size).reduce((value, byte) => value * 256 + byte, 0)
  }
}

/** Writes a vector with a length of one byte; `content` has at most 255. */
export function vector8(...content: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(...content)
  return concat(Uint8Array.of(bytes.length), bytes)
}

/** Writes a vector with a length of two bytes; `content` has at most 65 535. */
export function vector16(...content: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(...content)
  return concat(uint16(bytes.length), bytes)
}

/** Writes a vector with a length of three bytes; `content` has at most 16 777 215. */
export function vector24(...content: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(...content)
  return concat(Uint8Array.of(bytes.length >> 16), uint16(bytes.length), bytes)
}

/** Writes numbers of two bytes each, without a length. */
export function uint16s(values: readonly number[]): Uint8Array {
  return concat(...values.map(uint16))
}

/** Spells a code of two bytes as the standards do, for faults: `0x1301`. */
export function codeText(code: number): string {
  return `0x${code.toString(16).padStart(4, '0')}`
}
