import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFault } from '../kernel/index.ts'
import { fromPem, PEM_CHARACTERS_MAX, toPem } from './index.ts'

test('what is written is read back, and lines have at most 64 characters', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (der) => {
      const pem = toPem('CERTIFICATE', der)
      assert.deepEqual(fromPem(pem, 'CERTIFICATE'), [der])
      assert.ok(pem.split('\n').every((line) => line.length <= 64))
    }),
  )
})

test('passes over text between blocks and over blocks with another label', () => {
  const key = toPem('PUBLIC KEY', Uint8Array.of(9))
  const mixed = `subject=CN = a\n${key}\r\n${toPem('CERTIFICATE', Uint8Array.of(1))}tail`
  assert.deepEqual(fromPem(mixed, 'CERTIFICATE'), [Uint8Array.of(1)])
  assert.deepEqual(fromPem(mixed, 'CERTIFICATE REQUEST'), [])
})

const REFUSED: readonly { text: string; why: string }[] = [
  { text: '-----BEGIN CERTIFICATE-----\nAQID\n', why: 'no end' },
  { text: '-----BEGIN CERTIFICATE-----\nAQI\n-----END CERTIFICATE-----', why: 'base64 that is cut off' },
  { text: '-----BEGIN CERTIFICATE-----\nA=ID\n-----END CERTIFICATE-----', why: 'padding in the middle' },
  { text: '-----BEGIN CERTIFICATE-----\nA_-D\n-----END CERTIFICATE-----', why: 'the alphabet of URLs' },
  { text: '-----BEGIN CERTIFICATE-----\nX: y\n\nAQID\n-----END CERTIFICATE-----', why: 'headers' },
  { text: ' '.repeat(PEM_CHARACTERS_MAX + 1), why: 'too long' },
]
for (const { text, why } of REFUSED) {
  test(`rejects PEM with ${why}`, () => {
    assert.throws(
      () => fromPem(text, 'CERTIFICATE'),
      (error) => isFault(error, 'PEM_MALFORMED'),
    )
  })
}

test('arbitrary text between the lines gives bytes or a declared fault; nothing else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        fromPem(`-----BEGIN CERTIFICATE-----${text}-----END CERTIFICATE-----`, 'CERTIFICATE')
      } catch (error) {
        assert.ok(isFault(error, 'PEM_MALFORMED'), String(error))
      }
    }),
  )
})
