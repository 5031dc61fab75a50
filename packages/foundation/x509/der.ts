/**
 * A strict reader of DER (ITU-T X.690 §8 and §10). It never recurses by itself and allocates nothing but views, so
 * nesting and lengths chosen by a stranger cost no more than the bytes they arrived in.
 */

/** What a {@link DerReader} found wrong. Never leaves this room: each entry point turns it into its own fault. */
export class DerError extends Error {}

/** The tags of the types in RFC 5280, as their identifier octet. */
export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  TELETEX_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  UNIVERSAL_STRING: 0x1c,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const

/** One value: its identifier octet, its content, and both with the length as they stood in the input. */
export interface DerValue {
  readonly tag: number
  readonly content: Uint8Array
  readonly raw: Uint8Array
}

/** Gives the tag of a context-specific value that is constructed, such as `[0] EXPLICIT`. */
export function constructed(number: number): number {
  return 0xa0 | number
}

/** Gives the tag of a context-specific value that is primitive, such as `[2] IMPLICIT IA5String`. */
export function primitive(number: number): number {
  return 0x80 | number
}

/** Reads the values inside a constructed one, in order. */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number
  /** Of the value that was taken last: its identifier octet, and where it and its content begin. */
  #tag = 0
  #start = 0
  #contentAt = 0

  /** Reads `bytes`, or the part of it from `at` to `end`. */
  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  /** Takes the next value, whatever it is. */
  next(): DerValue {
    this.#next()
    return this.#value()
  }

  /** Takes the next value, which must have `tag`. */
  take(tag: number): DerValue {
    this.#take(tag)
    return this.#value()
  }

  /** Takes the next value, which must have `tag`, for its content. */
  content(tag: number): Uint8Array {
    this.#take(tag)
    return this.#bytes.subarray(this.#contentAt, this.#at)
  }

  /** Takes the next value, which must have `tag`, for all of its octets. */
  raw(tag: number): Uint8Array {
    this.#take(tag)
    return this.#bytes.subarray(this.#start, this.#at)
  }

  /** Takes the next value if it has `tag`. */
  takeIf(tag: number): DerValue | undefined {
    return !this.isAtEnd && this.#bytes[this.#at] === tag ? this.next() : undefined
  }

  /** Opens the next value, which must have `tag`, to read what is inside. */
  enter(tag: number): DerReader {
    this.#take(tag)
    return new DerReader(this.#bytes, this.#contentAt, this.#at)
  }

  /** Says that nothing may follow. */
  end(): void {
    if (!this.isAtEnd) throw new DerError('more values than the type has')
  }

  #value(): DerValue {
    const raw = this.#bytes.subarray(this.#start, this.#at)
    return { tag: this.#tag, content: raw.subarray(this.#contentAt - this.#start), raw }
  }

  #next(): void {
    this.#start = this.#at
    this.#tag = this.#octet()
    if ((this.#tag & 0x1f) === 0x1f) throw new DerError('a tag number above 30')
    const length = this.#length()
    this.#contentAt = this.#at
    if (length > this.#end - this.#at) throw new DerError('a length beyond the end')
    this.#at += length
  }

  #take(tag: number): void {
    this.#next()
    if (this.#tag !== tag) throw new DerError(`tag ${hexOctet(tag)} expected, ${hexOctet(this.#tag)} found`)
  }

  #octet(): number {
    if (this.isAtEnd) throw new DerError('the end came too early')
    const octet = this.#bytes[this.#at] ?? 0
    this.#at += 1
    return octet
  }

  /** X.690 §10.1: definite, in as few octets as possible. */
  #length(): number {
    const first = this.#octet()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > LENGTH_OCTETS_MAX) throw new DerError('an indefinite or oversized length')
    let length = 0
    for (let index = 0; index < count; index += 1) length = length * 256 + this.#octet()
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length that is not in its shortest form')
    return length
  }
}

/** Reads the one value that fills `bytes`, which must have `tag`. */
export function readDer(bytes: Uint8Array, tag: number): DerValue {
  const reader = new DerReader(bytes)
  const value = reader.take(tag)
  reader.end()
  return value
}

/** Reads the values inside the one value that fills `bytes`. */
export function enterDer(bytes: Uint8Array, tag: number): DerReader {
  const reader = new DerReader(bytes)
  const inside = reader.enter(tag)
  reader.end()
  return inside
}

function hexOctet(octet: number): string {
  return octet.toString(16).padStart(2, '0')
}

/** Longest length field, in octets: three count to 16 MiB, far above every limit of this room. */
const LENGTH_OCTETS_MAX = 3
