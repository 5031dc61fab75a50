import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { pointFromSpki } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { makeVendor } from './adapters/vendor.ts'
import { certificateKey } from './certificate-key.ts'
import { integerBytes, readElement, readElements, writeInteger } from './der.ts'
import { CHIP_ERROR } from './errors.ts'
import { certificateIn, wrapIdentity } from './identity.ts'

test('the key of a certificate is found', async () => {
  const { certificate } = await makeVendor(systemClock, systemEntropy)
  const key = certificateKey(certificate.der)
  assert.ok(typeof key === 'object')
  assert.equal(key.curve.name, 'ec-p256')
  assert.equal(toHex(key.point), toHex(pointFromSpki(certificate.publicKey)))
})

test('no certificate with a byte changed or missing breaks the parser', async () => {
  const { certificate } = await makeVendor(systemClock, systemEntropy)
  const refusals = new Set<unknown>(Object.values(CHIP_ERROR))
  const byte = fc.tuple(fc.nat({ max: certificate.der.length - 1 }), fc.nat({ max: 255 }))
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 4 }), fc.nat({ max: certificate.der.length }), (changes, length) => {
      const der = Uint8Array.from(certificate.der)
      for (const [at, value] of changes) der[at] = value
      for (const bytes of [der, der.subarray(0, length)]) {
        const key = certificateKey(bytes)
        assert.ok(typeof key === 'object' ? key.point.length === 1 + 2 * key.curve.bytes : refusals.has(key))
      }
    }),
    { numRuns: 500 },
  )
})

/** Rows: why it is refused, the error code, how the certificate of a fresh vendor changes. */
const CERTIFICATES: readonly (readonly [why: string, code: number, from: string, to: string])[] = [
  ['version 1', CHIP_ERROR.CERTIFICATE_FORMAT, 'a003020102', 'a003020100'],
  [
    'a signature that is not ECDSA',
    CHIP_ERROR.UNSUPPORTED_ALGORITHM,
    '300a06082a8648ce3d0403',
    '300a06082a8648ce3d0503',
  ],
  ['an attribute whose identifier begins with 1', CHIP_ERROR.CERTIFICATE_FORMAT, '0603550403', '06032a0403'],
  ['a curve that the chip lacks', CHIP_ERROR.UNSUPPORTED_ALGORITHM, '2a8648ce3d030107', '2a8648ce3d030101'],
  ['a key that is not EC', CHIP_ERROR.UNSUPPORTED_ALGORITHM, '06072a8648ce3d0201', '06072a8648ce3d0202'],
  ['a point that is compressed', CHIP_ERROR.CERTIFICATE_FORMAT, '03420004', '03420002'],
]

for (const [why, code, from, to] of CERTIFICATES) {
  test(`a certificate is refused with ${code.toString(16)}: ${why}`, async () => {
    const { certificate } = await makeVendor(systemClock, systemEntropy)
    const hex = toHex(certificate.der)
    assert.ok(hex.includes(from), from)
    assert.equal(typeof certificateKey(fromHex(hex)), 'object')
    assert.equal(certificateKey(fromHex(hex.replace(from, to))), code)
  })
}

test('a chip may be told to parse all names', async () => {
  const { certificate } = await makeVendor(systemClock, systemEntropy)
  const odd = fromHex(toHex(certificate.der).replace('0603550403', '06032a0403'))
  assert.equal(typeof certificateKey(odd, true), 'object')
})

const REFUSED: readonly (readonly [hex: string, why: string])[] = [
  ['', 'nothing'],
  ['30', 'a tag alone'],
  ['30 01', 'a length that reaches past the end'],
  ['30 80 00 00', 'the indefinite length'],
  ['30 81 01 00', 'a long form where a short one does'],
  ['30 82 00 80', 'a long form that is padded'],
  ['30 84 00 00 00 00', 'a length of four bytes'],
  ['1f 01 00', 'a tag of several bytes'],
]

for (const [hex, why] of REFUSED) {
  test(`${hex || 'the empty string'} is no element: ${why}`, () => {
    assert.equal(readElement(fromHex(hex), 0), undefined)
  })
}

test('arbitrary bytes are elements that follow each other to the end, or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      let at = 0
      for (const { tag, content, next } of readElements(bytes) ?? []) {
        assert.equal(tag, bytes[at])
        assert.equal(toHex(bytes.subarray(next - content.length, next)), toHex(content))
        at = next
      }
      assert.ok(at === 0 || at === bytes.length)
    }),
  )
})

test('an integer is written in its shortest form and read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat({ max: 31 }), (magnitude, zeros) => {
      magnitude.fill(0, 0, zeros)
      const der = writeInteger(magnitude)
      const element = readElement(der, 0)
      assert.ok(element !== undefined && element.next === der.length)
      assert.equal(toHex(integerBytes(element, 32)!), toHex(magnitude))
      assert.ok(element.content.length === 1 || element.content[0] !== 0 || element.content[1]! >= 0x80)
    }),
  )
})

test('a TLS identity of one certificate of 447 bytes starts as the vendor’s does', () => {
  const der = new Uint8Array(447).fill(0x30)
  const blob = wrapIdentity(der)
  assert.equal(toHex(blob.subarray(0, 9)), 'c001c50001c20001bf')
  assert.equal(toHex(certificateIn(blob)!), toHex(der))
  assert.equal(toHex(certificateIn(der)!), toHex(der))
})

test('arbitrary bytes hold a certificate that lies inside them, or none', () => {
  const blob = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(
      fc.oneof(
        blob,
        blob.map((bytes) => Uint8Array.of(0xc0, 0, bytes.length, 0, ...bytes)),
      ),
      (bytes) => {
        const der = certificateIn(bytes)
        if (der !== undefined) assert.ok(toHex(bytes).includes(toHex(der)))
      },
    ),
  )
})
