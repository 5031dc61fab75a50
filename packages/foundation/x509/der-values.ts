/** Reads the contents of DER values (ITU-T X.690 §8 and §11) as the values of this language. */
import { isAscii } from 'node:buffer'
import { decodeUtf8 } from '../kernel/index.ts'
import { DerError, type DerValue, TAG } from './der.ts'

/** Reads an object identifier as dotted decimal (X.690 §8.19). */
export function readOid(content: Uint8Array): string {
  if (content.length > OID_OCTETS_MAX) throw new DerError('an oversized object identifier')
  let text = ''
  let arc = 0
  let arcAt = 0
  for (let at = 0; at < content.length; at += 1) {
    const octet = content[at] ?? 0
    if (at === arcAt && octet === 0x80) throw new DerError('an object identifier with a padded arc')
    arc = arc * 128 + (octet & 0x7f)
    if (octet >= 0x80) continue
    const value = at - arcAt < EXACT_ARC_OCTETS_MAX ? arc : wideArc(content.subarray(arcAt, at + 1))
    text += arcAt === 0 ? firstArcs(value) : `.${value}`
    arc = 0
    arcAt = at + 1
  }
  if (arcAt !== content.length || text === '') throw new DerError('a malformed object identifier')
  return text
}

/** Seven bits an octet: up to here an arc is below 2^53 and a number holds it. */
const EXACT_ARC_OCTETS_MAX = 7

function wideArc(octets: Uint8Array): bigint {
  return octets.reduce((arc, octet) => (arc << 7n) | BigInt(octet & 0x7f), 0n)
}

function firstArcs(joined: number | bigint): string {
  if (joined < 80) return joined < 40 ? `0.${joined}` : `1.${Number(joined) - 40}`
  return `2.${typeof joined === 'bigint' ? joined - 80n : joined - 80}`
}

/** Reads a BOOLEAN; DER spells true as FF (X.690 §11.1). */
export function readBoolean(content: Uint8Array): boolean {
  const octet = content[0]
  if (content.length !== 1 || (octet !== 0x00 && octet !== 0xff)) throw new DerError('a malformed BOOLEAN')
  return octet === 0xff
}

/** Reads an INTEGER from 0 to 2^31 - 1. */
export function readSmallInteger(content: Uint8Array): number {
  const bytes = readInteger(content)
  if (bytes.length > 4 || ((bytes[0] ?? 0) & 0x80) !== 0) throw new DerError('an INTEGER out of range')
  return bytes.reduce((value, byte) => value * 256 + byte, 0)
}

/** Gives the two's complement octets of an INTEGER, checked to be the shortest (X.690 §8.3.2). */
export function readInteger(content: Uint8Array): Uint8Array {
  const [first, second] = content
  if (first === undefined) throw new DerError('an empty INTEGER')
  const padded = (first === 0x00 && second !== undefined && second < 0x80) || (first === 0xff && (second ?? 0) >= 0x80)
  if (padded) throw new DerError('an INTEGER that is not in its shortest form')
  return content
}

/** Gives the octets of a BIT STRING that uses all its bits. */
export function readOctetsOfBitString(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw new DerError('a BIT STRING with unused bits')
  return content.subarray(1)
}

/** Gives the numbers of the bits that are set in a named bit list, lowest first. */
export function readBits(content: Uint8Array): number[] {
  const [unused] = content
  const bitCount = (content.length - 1) * 8 - (unused ?? 0)
  if (unused === undefined || unused > 7 || bitCount < 0) throw new DerError('a malformed BIT STRING')
  const bits: number[] = []
  for (let bit = 0; bit < bitCount; bit += 1) {
    if (((content[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) bits.push(bit)
  }
  return bits
}

/** Reads a UTCTime or GeneralizedTime in the forms of RFC 5280 §4.1.2.5, as milliseconds since 1970. */
export function readTime({ tag, content }: DerValue): number {
  const yearDigits = tag === TAG.UTC_TIME ? 2 : tag === TAG.GENERALIZED_TIME ? 4 : undefined
  if (yearDigits === undefined || content.length !== yearDigits + 11 || content[yearDigits + 10] !== LETTER_Z) {
    throw new DerError('a malformed time')
  }
  const year = readDigits(content, 0, yearDigits)
  const [month, day] = [readDigits(content, yearDigits, 2), readDigits(content, yearDigits + 2, 2)]
  const [hour, minute] = [readDigits(content, yearDigits + 4, 2), readDigits(content, yearDigits + 6, 2)]
  const second = readDigits(content, yearDigits + 8, 2)
  const time = new Date(0)
  time.setUTCFullYear(tag === TAG.UTC_TIME ? century(year) : year, month - 1, day)
  time.setUTCHours(hour, minute, second)
  // Date takes 30 February for 1 March, and 24 o'clock for the next day; the way back shows it.
  const exists = time.getUTCMonth() === month - 1 && time.getUTCDate() === day && time.getUTCHours() === hour
  if (!exists || minute > 59 || second > 59) throw new DerError('a time that does not exist')
  return time.getTime()
}

function readDigits(content: Uint8Array, from: number, count: number): number {
  let number = 0
  for (let at = from; at < from + count; at += 1) {
    const digit = (content[at] ?? 0) - DIGIT_ZERO
    if (digit < 0 || digit > 9) throw new DerError('a malformed time')
    number = number * 10 + digit
  }
  return number
}

const DIGIT_ZERO = 0x30
const LETTER_Z = 0x5a

/** RFC 5280 §4.1.2.5.1: two digits from 50 on mean the 20th century. */
function century(year: number): number {
  return year >= 50 ? 1900 + year : 2000 + year
}

/** Reads one of the string types of RFC 5280; `undefined` when the value is of another type. */
export function readText(value: DerValue): string | undefined {
  return STRING_READERS.get(value.tag)?.(value.content)
}

/** Reads octets as the characters of the same number, as old certificates use PrintableString and TeletexString. */
function readLatin1(content: Uint8Array): string {
  return Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1')
}

/** Reads an IA5String, which is ASCII. */
export function readAscii(content: Uint8Array): string {
  if (!isAscii(content)) throw new DerError('an IA5String with octets above 7F')
  return readLatin1(content)
}

function readUtf8(content: Uint8Array): string {
  if (isAscii(content)) return readLatin1(content)
  const text = decodeUtf8(content)
  if (text === undefined) throw new DerError('ill-formed UTF-8')
  return text
}

/** Reads characters of a fixed number of octets, high octet first: BMPString has 2, UniversalString 4. */
function readWide(content: Uint8Array, width: number): string {
  if (content.length % width !== 0) throw new DerError('a string that ends within a character')
  let text = ''
  for (let at = 0; at < content.length; at += width) {
    const point = content.subarray(at, at + width).reduce((value, octet) => value * 256 + octet, 0)
    if (point > 0x10ffff) throw new DerError('a character beyond Unicode')
    text += String.fromCodePoint(point)
  }
  if (!text.isWellFormed()) throw new DerError('half a surrogate pair')
  return text
}

const STRING_READERS: ReadonlyMap<number, (content: Uint8Array) => string> = new Map([
  [TAG.UTF8_STRING, readUtf8],
  [TAG.PRINTABLE_STRING, readLatin1],
  [TAG.TELETEX_STRING, readLatin1],
  [TAG.IA5_STRING, readAscii],
  [TAG.BMP_STRING, (content: Uint8Array) => readWide(content, 2)],
  [TAG.UNIVERSAL_STRING, (content: Uint8Array) => readWide(content, 4)],
])

/** Longest object identifier, in octets; those in use stay under 20, and longer ones only cost time. */
const OID_OCTETS_MAX = 64
