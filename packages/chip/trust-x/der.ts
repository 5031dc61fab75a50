import { shortLived } from '@birthmark/foundation/kernel'

/** One DER element. */
export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** Where the next element starts. */
  readonly next: number
}

/**
 * Reads the element at `at`: a one-byte tag and a definite length in its shortest form (X.690 §8.1, §10.1);
 * `undefined` when there is none.
 */
export function readElement(bytes: Uint8Array, at: number): Element | undefined {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytes > 3) return undefined
  let length = first < 0x80 ? first : 0
  for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[at + 2 + index] ?? 0)
  if (lengthBytes > 0 && (length < 0x80 || length < 256 ** (lengthBytes - 1))) return undefined
  const start = at + 2 + lengthBytes
  const next = start + length
  if (next > bytes.length) return undefined
  return { tag, content: bytes.subarray(start, next), next }
}

/** Reads the elements that fill `bytes` exactly; `undefined` when they do not. */
export function readElements(bytes: Uint8Array): readonly Element[] | undefined {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at)
    if (element === undefined) return undefined
    elements.push(element)
    at = element.next
  }
  return elements
}

/** Writes an element whose content is shorter than 128 bytes. */
export function writeShort(tag: number, content: Uint8Array): Uint8Array {
  const bytes = shortLived(2 + content.length)
  bytes[0] = tag
  bytes[1] = content.length
  bytes.set(content, 2)
  return bytes
}

/** Writes a non-negative INTEGER from its big-endian bytes, in the shortest form. */
export function writeInteger(magnitude: Uint8Array): Uint8Array {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const isNegative = (magnitude[start] ?? 0) >= 0x80
  const bytes = shortLived(2 + (isNegative ? 1 : 0) + magnitude.length - start)
  bytes[0] = DER.INTEGER
  bytes[1] = bytes.length - 2
  bytes.set(magnitude.subarray(start), bytes.length - (magnitude.length - start))
  return bytes
}

/** Gives the `count` big-endian bytes of an INTEGER; `undefined` when it is negative, longer, or zero-padded. */
export function integerBytes(element: Element, count: number): Uint8Array | undefined {
  const { tag, content } = element
  const first = content[0]
  const second = content[1] ?? 0xff
  if (tag !== DER.INTEGER || first === undefined || first >= 0x80) return undefined
  if (first === 0 && content.length > 1 && second < 0x80) return undefined
  const magnitude = first === 0 ? content.subarray(1) : content
  if (magnitude.length > count) return undefined
  const bytes = new Uint8Array(count)
  bytes.set(magnitude, count - magnitude.length)
  return bytes
}

/** The tags that occur here (X.680). */
export const DER = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  SEQUENCE: 0x30,
  CONTEXT_0: 0xa0,
  CONTEXT_3: 0xa3,
} as const
