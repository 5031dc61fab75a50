import { cryptokiFault } from './faults.ts'

/** Reads the integers and byte strings of the protocol, all big-endian, from a message that is there as a whole. */
export class WireReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    // A platform's own kinds of byte array may share memory in slice().
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  byte(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  uint32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8))
  }

  /**
   * Reads a count and that many bytes; `undefined` is C's NULL. The bytes are a copy.
   *
   * @throws `CRYPTOKI_MESSAGE_INVALID`
   */
  byteString(): Uint8Array | undefined {
    const count = this.uint32()
    return count === NULL ? undefined : this.take(count)
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  take(count: number): Uint8Array {
    const start = this.#advance(count)
    return this.#bytes.slice(start, start + count)
  }

  /**
   * Reads a count of things of at least `bytesEach` bytes, so that a count alone never makes us reserve memory.
   *
   * @throws `CRYPTOKI_MESSAGE_INVALID`
   */
  count(bytesEach: number): number {
    const count = this.uint32()
    if (count * bytesEach > this.left) throw invalid('it announces more elements than it holds')
    return count
  }

  #advance(count: number): number {
    if (count > this.left) throw invalid('it ends too early')
    const start = this.#at
    this.#at += count
    return start
  }
}

/** Writes what {@link WireReader} reads. */
export class WireWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#view.setUint8(at, value)
  }

  uint32(value: number): void {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value)
  }

  uint64(value: bigint): void {
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, value)
  }

  /** Writes a count and the bytes; `undefined` is C's NULL. */
  byteString(bytes: Uint8Array | undefined): void {
    this.uint32(bytes === undefined ? NULL : bytes.length)
    if (bytes !== undefined) this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** Gives what was written. Nothing may be written after it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

/** Makes the fault of a message that cannot be read. */
export function invalid(why: string): Error {
  return cryptokiFault('CRYPTOKI_MESSAGE_INVALID', { why })
}

/** The length that stands for a NULL pointer, and for a byte string of which only the size is told. */
export const NULL = 0xffff_ffff
