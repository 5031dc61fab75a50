/** Writes DER (ITU-T X.690 §8 and §10) where a library is not needed, or too slow for every device of a line. */
import { concat } from '../kernel/index.ts'
import { TAG } from './der.ts'

/** Writes one value: tag, length in its shortest form, content (X.690 §8.1 and §10.1). */
export function encodeDer(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  if (length < 0x80) return concat(Uint8Array.of(tag, length), ...content)
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return concat(Uint8Array.of(tag, 0x80 | octets.length, ...octets), ...content)
}

/**
 * Writes an object identifier (X.690 §8.19).
 *
 * @param dotted Matches {@link OID_TEXT}.
 */
export function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number)
  return encodeDer(TAG.OID, Uint8Array.from([first * 40 + second, ...others].flatMap(arcOctets)))
}

/** A dotted OID of 2 to 21 arcs below 10^10; below 0 and 1 the second arc has room for 39 (X.660 §7.6). */
export const OID_TEXT: RegExp = /^(?:[01]\.(?:[1-3]\d|\d)|2\.(?:0|[1-9]\d{0,9}))(?:\.(?:0|[1-9]\d{0,9})){0,19}$/

/** Seven bits an octet, highest first; all but the last have bit 8 set. */
function arcOctets(arc: number): number[] {
  const octets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 | (rest % 128))
  return octets
}
