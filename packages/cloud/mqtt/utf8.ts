/** Gives the bytes that `text` takes in UTF-8, a lone surrogate counted as U+FFFD. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (isPair(unit, text.charCodeAt(at + 1))) {
      bytes += 2
      at += 1
    } else bytes += 2
  }
  return bytes
}

/**
 * Writes `text` as UTF-8 into `bytes` from `at`, a lone surrogate as U+FFFD, and gives the offset behind it.
 *
 * @param bytes Has room for {@link utf8Length} bytes from `at`.
 */
export function writeUtf8(text: string, bytes: Uint8Array, at: number): number {
  let to = at
  for (let from = 0; from < text.length; from += 1) {
    const unit = text.charCodeAt(from)
    if (unit < 0x80) {
      bytes[to] = unit
      to += 1
    } else if (unit < 0x800) {
      bytes[to] = 0xc0 | (unit >> 6)
      bytes[to + 1] = 0x80 | (unit & 0x3f)
      to += 2
    } else if (isPair(unit, text.charCodeAt(from + 1))) {
      from += 1
      to = writeSupplementary(unit, text.charCodeAt(from), bytes, to)
    } else to = writeThree((unit & 0xf800) === 0xd800 ? 0xfffd : unit, bytes, to)
  }
  return to
}

/** Two UTF-16 units that stand for one code point beyond U+FFFF (the second is NaN at the end of the text). */
function isPair(first: number, second: number): boolean {
  return (first & 0xfc00) === 0xd800 && (second & 0xfc00) === 0xdc00
}

function writeThree(unit: number, bytes: Uint8Array, at: number): number {
  bytes[at] = 0xe0 | (unit >> 12)
  bytes[at + 1] = 0x80 | ((unit >> 6) & 0x3f)
  bytes[at + 2] = 0x80 | (unit & 0x3f)
  return at + 3
}

function writeSupplementary(high: number, low: number, bytes: Uint8Array, at: number): number {
  const point = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff)
  bytes[at] = 0xf0 | (point >> 18)
  bytes[at + 1] = 0x80 | ((point >> 12) & 0x3f)
  bytes[at + 2] = 0x80 | ((point >> 6) & 0x3f)
  bytes[at + 3] = 0x80 | (point & 0x3f)
  return at + 4
}
