/**
 * Texts that one memory holds: a device uses a few topics over and over, and all its kind the same property names. At
 * the limit: the newer takes the place of the older. With {@link REMEMBERED_BYTES_MAX} a memory is at most 256 KiB.
 */
const REMEMBERED_COUNT = 2048

/** Longest text that is remembered, in bytes. */
const REMEMBERED_BYTES_MAX = 128

/**
 * Reads text that tends to repeat: what was read before is neither decoded nor checked again, and is the same string.
 * Nothing but time tells a memory from its decoder.
 */
export class TextMemory {
  readonly #decode: (bytes: Uint8Array) => string
  readonly #texts: (string | undefined)[] = Array.from({ length: REMEMBERED_COUNT }, () => undefined)

  /** @param decode Decodes and checks at least one byte; throws when it is not what is wanted. */
  constructor(decode: (bytes: Uint8Array) => string) {
    this.#decode = decode
  }

  /** Reads the text of `length` bytes, at least 1, at `at`; throws what the decoder throws. */
  read(bytes: Uint8Array, at: number, length: number): string {
    if (length > REMEMBERED_BYTES_MAX) return this.#decode(view(bytes, at, length))
    let hash = length
    for (let index = at; index < at + length; index += 1) hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0
    const slot = (hash ^ (hash >>> 15)) & (REMEMBERED_COUNT - 1)
    const known = this.#texts[slot]
    if (known !== undefined && isSpelt(known, bytes, at, length)) return known
    const text = this.#decode(view(bytes, at, length))
    // Text beyond ASCII has fewer UTF-16 units than bytes; it is not remembered, or its units could pass for bytes.
    if (text.length === length) this.#texts[slot] = text
    return text
  }
}

/** Compares remembered text, which is ASCII, with bytes. */
function isSpelt(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index += 1) {
    if (text.charCodeAt(index) !== bytes[at + index]) return false
  }
  return true
}

function view(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length)
}
