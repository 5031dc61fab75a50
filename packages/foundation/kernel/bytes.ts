/** Joins `parts` into one array of their total length. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return fill(new Uint8Array(lengthOf(parts)), parts)
}

/** Does the same for something that is soon forgotten, see {@link shortLived}. */
export function concatShortLived(...parts: readonly Uint8Array[]): Uint8Array {
  return fill(shortLived(lengthOf(parts)), parts)
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}

function fill(whole: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * Gives `count` zero bytes for something that is soon forgotten, a message or a frame. They are cut from a piece of
 * memory that lasts as long as any part of it: an array with memory of its own costs ten times as much to make and to
 * give back, and so does a view of a tiny one. What is kept is a `slice` of it; its `buffer` holds what others wrote.
 */
export function shortLived(count: number): Uint8Array {
  if (count > PIECE_BYTES / 4) return new Uint8Array(count)
  if (pieceUsed + count > PIECE_BYTES) {
    piece = new ArrayBuffer(PIECE_BYTES)
    pieceUsed = 0
  }
  const bytes = new Uint8Array(piece, pieceUsed, count)
  pieceUsed += count
  return bytes
}

/** Where {@link shortLived} cuts from: some thirty frames. */
const PIECE_BYTES = 8192
let piece = new ArrayBuffer(PIECE_BYTES)
let pieceUsed = 0

/** Tells whether both arrays hold the same bytes. Not for secrets: its time depends on the content. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false
  return true
}

/** Writes bytes as lower-case hex without separators. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += HEX_AT_ONCE) text += hexPiece(bytes, at)
  return text
}

/** Writes some bytes in one piece: a text that grows by pairs takes ten times its length for as long as it is kept. */
function hexPiece(bytes: Uint8Array, from: number): string {
  const count = Math.min(bytes.length - from, HEX_AT_ONCE)
  const codes: number[] = []
  codes.length = 2 * count
  for (let at = 0; at < count; at += 1) {
    const byte = bytes[from + at] ?? 0
    codes[2 * at] = HEX_DIGITS[byte >> 4] ?? 0
    codes[2 * at + 1] = HEX_DIGITS[byte & 15] ?? 0
  }
  return String.fromCharCode(...codes)
}

/** The character codes of the digits. */
const HEX_DIGITS: readonly number[] = Array.from({ length: 16 }, (_, digit) => digit.toString(16).charCodeAt(0))
/** Bytes that are written in one piece: its digits are the arguments of one call. */
const HEX_AT_ONCE = 4096

/**
 * Reads hex; white space is allowed between bytes, as in data sheets.
 *
 * @throws `TypeError` when it is not hex: meant for constants, not for outside input
 */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s+/g, '')
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw new TypeError(`not hex: ${text.slice(0, 40)}`)
  const bytes = new Uint8Array(digits.length / 2)
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16)
  return bytes
}

/** Writes `value`, 0 to 65 535, as two bytes, high byte first. */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff)
}
