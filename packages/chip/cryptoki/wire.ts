import { cryptokiFault } from './faults.ts'

/** Reads the integers and byte strings of the protocol, all big-endian, from a message that is there as a whole. */
export class WireReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    // A platform's own kinds of byte array may share memory in slice().
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  byte(): number {
    return this.#bytes[this.#advance(1)] ?? 0
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  uint32(): number {
    return uint32At(this.#bytes, this.#advance(4))
  }

  /** @throws `CRYPTOKI_MESSAGE_INVALID` */
  uint64(): bigint {
    const at = this.#advance(8)
    const high = uint32At(this.#bytes, at)
    const low = uint32At(this.#bytes, at + 4)
    return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low)
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
  #space: Space
  #length = 0

  constructor() {
    // Memory that a writer before this one has done with: making some for each message costs more than the message.
    this.#space = spare ?? spaceOf(SPACE_BYTES)
    spare = undefined
  }

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#space.view.setUint8(at, value)
  }

  uint32(value: number): void {
    const at = this.#reserve(4)
    this.#space.view.setUint32(at, value)
  }

  uint64(value: bigint): void {
    const at = this.#reserve(8)
    this.#space.view.setBigUint64(at, value)
  }

  /** Writes a count and the bytes; `undefined` is C's NULL. */
  byteString(bytes: Uint8Array | undefined): void {
    this.uint32(bytes === undefined ? NULL : bytes.length)
    if (bytes !== undefined) this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#space.bytes.set(bytes, at)
  }

  /** Gives what was written. Nothing may be written after it. */
  finish(): Uint8Array {
    const written = this.#space.bytes.slice(0, this.#length)
    // What was written may be a PIN.
    this.#space.bytes.fill(0, 0, this.#length)
    if (this.#space.bytes.length === SPACE_BYTES) spare = this.#space
    return written
  }

  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#space.bytes.length) {
      const larger = spaceOf(Math.max(this.#length, 2 * this.#space.bytes.length))
      larger.bytes.set(this.#space.bytes)
      this.#space = larger
    }
    return at
  }
}

interface Space {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** What the next writer takes; absent while one is at work. */
let spare: Space | undefined

function spaceOf(count: number): Space {
  const bytes = new Uint8Array(count)
  return { bytes, view: new DataView(bytes.buffer) }
}

/** Nearly every message is shorter: a certificate, and names of attributes. */
const SPACE_BYTES = 4096

/** Gives the 32-bit number at `at`, which must be inside `bytes`. */
export function uint32At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return ((high << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

/** Makes the fault of a message that cannot be read. */
export function invalid(why: string): Error {
  return cryptokiFault('CRYPTOKI_MESSAGE_INVALID', { why })
}

/** The length that stands for a NULL pointer, and for a byte string of which only the size is told. */
export const NULL = 0xffff_ffff
