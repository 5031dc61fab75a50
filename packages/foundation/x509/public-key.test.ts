import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { AsnConvert } from '@peculiar/asn1-schema'
import { SubjectPublicKeyInfo } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { fromHex, isFault } from '../kernel/index.ts'
import { DerError } from './der.ts'
import { pointFromSpki, spkiFromPoint } from './index.ts'
import { isSupportedKey, readKeyAlgorithm } from './public-key.ts'

const CURVES = [
  { curve: 'p256', namedCurve: 'P-256' },
  { curve: 'p384', namedCurve: 'P-384' },
  { curve: 'p521', namedCurve: 'P-521' },
] as const

for (const { curve, namedCurve } of CURVES) {
  test(`a point on ${namedCurve} goes into a key and out again, as the ASN.1 library sees it`, () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve })
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
    const point = pointFromSpki(spki)
    assert.deepEqual(point, new Uint8Array(AsnConvert.parse(spki, SubjectPublicKeyInfo).subjectPublicKey))
    assert.deepEqual(spkiFromPoint(curve, point), spki)
    assert.equal(readKeyAlgorithm(spki), `ec-${curve}`)
  })
}

test('says how many bits an RSA key has', () => {
  for (const modulusLength of [1024, 2048, 2056]) {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength })
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
    assert.equal(readKeyAlgorithm(spki), `rsa-${modulusLength}`)
    assert.throws(
      () => pointFromSpki(spki),
      (error) => isFault(error, 'KEY_UNREADABLE'),
    )
  }
})

test('knows which keys are supported', () => {
  assert.deepEqual(
    (['ec-p256', 'ec-p384', 'ec-p521', 'rsa-2048', 'rsa-4096', 'rsa-2047', 'rsa-4097', 'rsa-0', 'other'] as const).map(
      isSupportedKey,
    ),
    [true, true, true, true, true, false, false, false, false],
  )
})

const GENERATOR = '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'
const REFUSED: readonly { why: string; point: Uint8Array }[] = [
  { why: 'too short a point', point: fromHex('04 01 02') },
  { why: 'a compressed point', point: fromHex(`03 ${GENERATOR}`) },
  { why: 'a point off the curve', point: fromHex(`04 ${GENERATOR} ${GENERATOR}`) },
  { why: 'the point at infinity', point: new Uint8Array(65) },
]
for (const { why, point } of REFUSED) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => spkiFromPoint('p256', point),
      (error) => isFault(error, 'KEY_UNREADABLE'),
    )
  })
}

test('arbitrary bytes are a key algorithm or a DerError, and a point or a declared fault; nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      try {
        readKeyAlgorithm(bytes)
      } catch (error) {
        assert.ok(error instanceof DerError, String(error))
      }
      assert.throws(
        () => pointFromSpki(bytes),
        (error) => isFault(error, 'KEY_UNREADABLE'),
      )
    }),
  )
})
