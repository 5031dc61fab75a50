/** Writes DER (ITU-T X.690 §8 and §10) where a library is not needed, or too slow for every device of a line. */
import { TAG } from './der.ts'

/** A value that is written together with the one around it, so that no octet is written twice. */
export interface DerNode {
  readonly tag: number
  readonly parts: readonly DerPart[]
  /** Octets of the parts together. */
  readonly length: number
}

/** What the content of a value is made of: octets as they are, and values. */
export type DerPart = Uint8Array | DerNode

/** Gives a value to be written within another. */
export function derNode(tag: number, ...parts: readonly DerPart[]): DerNode {
  let length = 0
  for (const part of parts) length += part instanceof Uint8Array ? part.length : wholeLength(part.length)
  return { tag, parts, length }
}

/** Writes one value: tag, length in its shortest form, content (X.690 §8.1 and §10.1). */
export function encodeDer(tag: number, ...parts: readonly DerPart[]): Uint8Array {
  const node = derNode(tag, ...parts)
  const bytes = new Uint8Array(wholeLength(node.length))
  writeNode(bytes, 0, node)
  return bytes
}

/** @returns Where the next value goes. */
function writeNode(bytes: Uint8Array, start: number, { tag, parts, length }: DerNode): number {
  let at = start + wholeLength(length) - length
  bytes[start] = tag
  if (length < 0x80) bytes[start + 1] = length
  else {
    bytes[start + 1] = 0x80 | (at - start - 2)
    for (let place = at - 1, rest = length; rest > 0; place -= 1, rest = Math.floor(rest / 256)) bytes[place] = rest
  }
  for (const part of parts) {
    if (part instanceof Uint8Array) bytes.set(part, at)
    at = part instanceof Uint8Array ? at + part.length : writeNode(bytes, at, part)
  }
  return at
}

/** Octets of a value with so many octets of content. */
function wholeLength(length: number): number {
  let whole = length + 2
  for (let rest = length < 0x80 ? 0 : length; rest > 0; rest = Math.floor(rest / 256)) whole += 1
  return whole
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
