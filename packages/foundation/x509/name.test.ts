import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { fromHex, isFault } from '../kernel/index.ts'
import { serialize } from './build.ts'
import { DerError, TAG } from './der.ts'
import { encodeDer } from './der-writer.ts'
import { type DistinguishedName, formatName, NAME_ATTRIBUTES_COUNT_MAX } from './index.ts'
import { encodeName, readName } from './name.ts'

const EVERY_TYPE: DistinguishedName = [
  { type: 'C', value: 'DE' },
  { type: 'ST', value: 'Bayern' },
  { type: 'L', value: 'München' },
  { type: 'O', value: 'Acme' },
  { type: 'OU', value: 'Presses' },
  { type: 'CN', value: 'press-7' },
  { type: 'serialNumber', value: '0815' },
  { type: 'dnQualifier', value: 'q-1' },
  { type: 'title', value: 'Dr' },
  { type: 'SN', value: 'Curie' },
  { type: 'GN', value: 'Marie' },
  { type: 'initials', value: 'M' },
  { type: 'pseudonym', value: 'mc' },
  { type: 'generationQualifier', value: 'II' },
  { type: 'DC', value: 'example' },
  { type: 'emailAddress', value: 'a@example.com' },
  { type: '1.2.3.4', value: 'own' },
]

test('every attribute type is written and read back', () => {
  assert.deepEqual(readName(encodeName(EVERY_TYPE)), EVERY_TYPE)
})

test('names of any text are written and read back', () => {
  const value = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter((text) => text.length <= 64)
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const name = values.map((text) => ({ type: 'CN', value: text }))
      assert.deepEqual(readName(encodeName(name)), name)
    }),
  )
})

test('a name is written as the library writes it, object identifiers and strings alike', () => {
  const oid = fc
    .tuple(fc.nat(39), fc.array(fc.integer({ min: 0, max: 4_294_967_295 }), { minLength: 1, maxLength: 6 }))
    .map(([second, others]) => `1.${second}.${others.join('.')}`)
  const value = fc.string({ minLength: 1, maxLength: 90, unit: 'grapheme' }).filter((text) => text.length <= 256)
  fc.assert(
    fc.property(fc.array(fc.record({ type: oid, value }), { maxLength: 4 }), (name) => {
      const parts = name.map(
        ({ type, value: utf8String }) =>
          new RelativeDistinguishedName([
            new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String }) }),
          ]),
      )
      assert.deepEqual(encodeName(name), serialize(new Name(parts)))
    }),
  )
})

test('the values of a multi-valued part stand beside each other', () => {
  const attribute = (hex: string, text: string): Uint8Array =>
    encodeDer(TAG.SEQUENCE, encodeDer(TAG.OID, fromHex(hex)), encodeDer(TAG.UTF8_STRING, Buffer.from(text)))
  const part = encodeDer(TAG.SET, attribute('55 04 03', 'a'), attribute('55 04 0b', 'b'))
  assert.deepEqual(readName(encodeDer(TAG.SEQUENCE, part)), [
    { type: 'CN', value: 'a' },
    { type: 'OU', value: 'b' },
  ])
})

const FORMATTED: readonly { name: DistinguishedName; text: string; why: string }[] = [
  { name: [], text: '', why: 'an empty name' },
  {
    name: EVERY_TYPE.slice(0, 6),
    text: 'CN=press-7,OU=Presses,O=Acme,L=München,ST=Bayern,C=DE',
    why: 'most specific first',
  },
  {
    name: [{ type: 'CN', value: 'a,b+c="d"\\<e>;' }],
    text: 'CN=a\\,b\\+c=\\"d\\"\\\\\\<e\\>\\;',
    why: 'special characters',
  },
  { name: [{ type: 'CN', value: ' a ' }], text: 'CN=\\ a\\ ', why: 'a space at either end' },
  { name: [{ type: 'CN', value: '#a#' }], text: 'CN=\\#a#', why: 'a leading number sign' },
  { name: [{ type: 'CN', value: 'a\0b\nc\u0085' }], text: 'CN=a\\00b\\0ac\\c2\\85', why: 'control characters' },
]
for (const { name, text, why } of FORMATTED) {
  test(`formats ${why}`, () => assert.equal(formatName(name), text))
}

const REFUSED: readonly { type: string; value: string; why: string }[] = [
  { type: 'CN', value: '', why: 'an empty value' },
  { type: 'CN', value: 'x'.repeat(65), why: 'a common name above 64 characters' },
  { type: 'CN', value: '\ud800', why: 'half a surrogate pair' },
  { type: 'C', value: 'Germany', why: 'a country that is no code' },
  { type: 'C', value: 'de', why: 'a country code in lower case' },
  { type: 'serialNumber', value: 'a_b', why: 'an underscore in a PrintableString' },
  { type: 'emailAddress', value: 'ü@example.com', why: 'an IA5String beyond ASCII' },
  { type: 'commonName', value: 'a', why: 'a type that has another short name' },
  { type: '1.2.03', value: 'a', why: 'an object identifier with a leading zero' },
  { type: 'constructor', value: 'a', why: 'the name of an inherited property' },
]
for (const { type, value, why } of REFUSED) {
  test(`refuses to write ${why}`, () => {
    assert.throws(
      () => encodeName([{ type, value }]),
      (error) => isFault(error, 'NAME_INVALID'),
    )
  })
}

test('a value that is no text is shown as its DER in hex', () => {
  const attribute = encodeDer(
    TAG.SEQUENCE,
    encodeDer(TAG.OID, fromHex('55 04 03')),
    encodeDer(TAG.OCTET_STRING, fromHex('ab')),
  )
  assert.deepEqual(readName(encodeDer(TAG.SEQUENCE, encodeDer(TAG.SET, attribute))), [{ type: 'CN', value: '#0401ab' }])
})

test('a name with more attributes than the limit is refused', () => {
  const name = Array.from({ length: NAME_ATTRIBUTES_COUNT_MAX + 1 }, () => ({ type: 'CN', value: 'a' }))
  assert.throws(() => readName(encodeName(name)), DerError)
})

test('an empty part of a name is refused', () => {
  assert.throws(() => readName(encodeDer(TAG.SEQUENCE, encodeDer(TAG.SET))), DerError)
})
