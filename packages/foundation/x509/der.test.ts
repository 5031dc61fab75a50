import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from '../kernel/index.ts'
import { DerError, DerReader, readDer, TAG } from './der.ts'
import {
  readAscii,
  readBits,
  readBoolean,
  readInteger,
  readOctetsOfBitString,
  readOid,
  readSmallInteger,
  readText,
  readTime,
} from './der-values.ts'
import { derNode, encodeDer } from './der-writer.ts'

const MALFORMED: readonly { hex: string; why: string }[] = [
  { hex: '', why: 'nothing at all' },
  { hex: '04', why: 'no length' },
  { hex: '04 01', why: 'no content' },
  { hex: '04 01 00 00', why: 'something after the value' },
  { hex: '04 80 00 00', why: 'an indefinite length' },
  { hex: '04 81 01 00', why: 'a long form where the short one fits' },
  { hex: '04 82 00 80', why: 'a length with a leading zero octet' },
  { hex: '04 84 ff ff ff ff', why: 'a length of four octets' },
  { hex: '04 83 ff ff ff', why: 'a length far beyond the end' },
  { hex: '1f 81 00 00', why: 'a tag number above 30' },
  { hex: '30 00', why: 'another tag' },
]
for (const { hex, why } of MALFORMED) {
  test(`rejects ${hex}: ${why}`, () => {
    assert.throws(() => readDer(fromHex(hex), TAG.OCTET_STRING), DerError)
  })
}

test('what is written is read back, at every length of the length field', () => {
  for (const count of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const content = new Uint8Array(count).fill(0xa5)
    const value = readDer(encodeDer(TAG.OCTET_STRING, content), TAG.OCTET_STRING)
    assert.deepEqual(value.content, content)
  }
})

test('a value within another is written as it would be alone, at every length', () => {
  for (const count of [0, 120, 124, 126, 128, 250, 254, 256, 65_530, 65_536]) {
    const content = new Uint8Array(count).fill(0xa5)
    const inner = derNode(TAG.SET, content, derNode(TAG.OCTET_STRING, content))
    const alone = encodeDer(TAG.SET, content, encodeDer(TAG.OCTET_STRING, content))
    assert.deepEqual(encodeDer(TAG.SEQUENCE, content, inner), encodeDer(TAG.SEQUENCE, content, alone))
    assert.deepEqual(readDer(encodeDer(TAG.SEQUENCE, inner), TAG.SEQUENCE).content, alone)
  }
})

test('arbitrary bytes give values or a DerError; nothing else, and what is accepted has one spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const reader = new DerReader(bytes)
      try {
        while (!reader.isAtEnd) {
          const value = reader.next()
          assert.deepEqual(encodeDer(value.tag, value.content), Uint8Array.from(value.raw))
          assert.deepEqual(new DerReader(value.raw).content(value.tag), value.content)
          assert.deepEqual(new DerReader(value.raw).raw(value.tag), value.raw)
        }
      } catch (error) {
        assert.ok(error instanceof DerError, String(error))
      }
    }),
  )
})

/** The contents of object identifiers: X.690 §8.19.5 for the first, the others as OpenSSL prints them. */
const OIDS: readonly { hex: string; oid: string }[] = [
  { hex: '88 37 03', oid: '2.999.3' },
  { hex: '2a 86 48 86 f7 0d 01 01 01', oid: '1.2.840.113549.1.1.1' },
  { hex: '55 04 03', oid: '2.5.4.3' },
  { hex: '00', oid: '0.0' },
]
for (const { hex, oid } of OIDS) {
  test(`reads the object identifier ${oid}`, () => assert.equal(readOid(fromHex(hex)), oid))
}

test('an object identifier with an arc above 64 bits is read exactly: the UUID form of ITU-T X.667 §7', () => {
  assert.equal(
    readOid(fromHex('69 83 f0 9d a7 eb cf de e0 c7 a1 a7 b2 c0 94 8c c8 f9 d7 76')),
    '2.25.329800735698586629295641978511506172918',
  )
})

const REFUSED_VALUES: readonly { what: string; read: () => unknown }[] = [
  { what: 'an empty object identifier', read: () => readOid(fromHex('')) },
  { what: 'an object identifier that ends within an arc', read: () => readOid(fromHex('55 84')) },
  { what: 'an object identifier with a padded arc', read: () => readOid(fromHex('55 80 04')) },
  { what: 'an object identifier of 65 octets', read: () => readOid(new Uint8Array(65).fill(1)) },
  { what: 'a BOOLEAN that is neither 00 nor FF', read: () => readBoolean(fromHex('01')) },
  { what: 'a BOOLEAN of two octets', read: () => readBoolean(fromHex('ff ff')) },
  { what: 'an empty INTEGER', read: () => readInteger(fromHex('')) },
  { what: 'a positive INTEGER with a needless zero', read: () => readInteger(fromHex('00 7f')) },
  { what: 'a negative INTEGER with a needless FF', read: () => readInteger(fromHex('ff 80')) },
  { what: 'a negative small INTEGER', read: () => readSmallInteger(fromHex('ff')) },
  { what: 'a small INTEGER of five octets', read: () => readSmallInteger(fromHex('01 00 00 00 00')) },
  { what: 'a BIT STRING of octets with unused bits', read: () => readOctetsOfBitString(fromHex('01 fe')) },
  { what: 'a BIT STRING without its first octet', read: () => readBits(fromHex('')) },
  { what: 'a BIT STRING with eight unused bits', read: () => readBits(fromHex('08 00')) },
  { what: 'a BIT STRING with unused bits of nothing', read: () => readBits(fromHex('01')) },
  { what: 'an IA5String above 7F', read: () => readAscii(fromHex('e4')) },
  { what: 'ill-formed UTF-8', read: () => text(TAG.UTF8_STRING, 'c0 80') },
  { what: 'a BMPString of three octets', read: () => text(TAG.BMP_STRING, '00 41 00') },
  { what: 'a BMPString with half a surrogate pair', read: () => text(TAG.BMP_STRING, 'd8 00') },
  { what: 'a UniversalString beyond Unicode', read: () => text(TAG.UNIVERSAL_STRING, '00 11 00 00') },
]
for (const { what, read } of REFUSED_VALUES) test(`rejects ${what}`, () => assert.throws(read, DerError))

test('reads each of the string types', () => {
  assert.equal(text(TAG.UTF8_STRING, 'c3 bc'), 'ü')
  assert.equal(text(TAG.PRINTABLE_STRING, '41'), 'A')
  assert.equal(text(TAG.TELETEX_STRING, 'fc'), 'ü')
  assert.equal(text(TAG.IA5_STRING, '40'), '@')
  assert.equal(text(TAG.BMP_STRING, '00 fc d8 3d de 00'), 'ü😀')
  assert.equal(text(TAG.UNIVERSAL_STRING, '00 01 f6 00'), '😀')
  assert.equal(text(TAG.OCTET_STRING, '00'), undefined)
})

test('reads named bits, with and without trailing zeros', () => {
  assert.deepEqual(readBits(fromHex('07 80')), [0])
  assert.deepEqual(readBits(fromHex('00 06')), [5, 6])
  assert.deepEqual(readBits(fromHex('07 00 80')), [8])
  assert.deepEqual(readBits(fromHex('00')), [])
})

test('reads both forms of a time (RFC 5280 §4.1.2.5)', () => {
  assert.equal(time(TAG.UTC_TIME, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59))
  assert.equal(time(TAG.UTC_TIME, '500101000000Z'), Date.UTC(1950, 0, 1))
  assert.equal(time(TAG.GENERALIZED_TIME, '99991231235959Z'), Date.UTC(9999, 11, 31, 23, 59, 59))
})

const REFUSED_TIMES: readonly { tag: number; text: string; why: string }[] = [
  { tag: TAG.UTC_TIME, text: '2601010000Z', why: 'no seconds' },
  { tag: TAG.UTC_TIME, text: '260101000000+0100', why: 'not in GMT' },
  { tag: TAG.UTC_TIME, text: '20260101000000Z', why: 'the other type’s form' },
  { tag: TAG.UTC_TIME, text: '2601010000x0Z', why: 'a letter among the digits' },
  { tag: TAG.UTC_TIME, text: '260101000000z', why: 'a small z' },
  { tag: TAG.UTC_TIME, text: '260101006000Z', why: 'the 61st minute' },
  { tag: TAG.UTC_TIME, text: '260101000060Z', why: 'the 61st second' },
  { tag: TAG.UTC_TIME, text: '260001000000Z', why: 'month 0' },
  { tag: TAG.UTC_TIME, text: '260230000000Z', why: '30 February' },
  { tag: TAG.UTC_TIME, text: '260101240000Z', why: 'the 25th hour' },
  { tag: TAG.GENERALIZED_TIME, text: '20260101000000.5Z', why: 'fractions of a second' },
  { tag: TAG.OCTET_STRING, text: '260101000000Z', why: 'no time type' },
]
for (const row of REFUSED_TIMES) {
  test(`rejects the time ${row.text}: ${row.why}`, () => assert.throws(() => time(row.tag, row.text), DerError))
}

function text(tag: number, hex: string): string | undefined {
  return readText(readDer(encodeDer(tag, fromHex(hex)), tag))
}

function time(tag: number, written: string): number {
  return readTime(readDer(encodeDer(tag, Buffer.from(written)), tag))
}
