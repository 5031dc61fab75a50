import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pkcs7Bundle } from '../../../testing/testkit/vendor-manifests.ts'
import { Fault, fromHex } from '../kernel/index.ts'
import { readPkcs7Certificates } from './pkcs7.ts'

const CERTIFICATES = [fromHex('3003020101'), fromHex('3003020102')]

test('a bundle gives its certificates in order, and an empty one none', () => {
  assert.deepEqual(readPkcs7Certificates(pkcs7Bundle(CERTIFICATES)), CERTIFICATES)
  assert.deepEqual(readPkcs7Certificates(pkcs7Bundle([])), [])
})

const GOOD = pkcs7Bundle(CERTIFICATES)
const REFUSED: readonly (readonly [why: string, der: Uint8Array, says: RegExp])[] = [
  ['nothing', new Uint8Array(), /end came too early/],
  ['a certificate', fromHex('3003020101'), /tag 06 expected/],
  ['other content', GOOD.with(12, 0x03), /no SignedData/],
  ['a signed one', pkcs7Bundle(CERTIFICATES, fromHex('3000')), /it is signed/],
  ['an attribute certificate', pkcs7Bundle([fromHex('a103020101')]), /tag 30 expected/],
  ['bytes behind', Uint8Array.from([...GOOD, 0]), /more values/],
  ['an indefinite length', fromHex('3080060100'), /indefinite/],
  ['too long', new Uint8Array(16_777_216), /longer than/],
]
for (const [why, der, says] of REFUSED) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => readPkcs7Certificates(der),
      (error) => error instanceof Fault && error.code === 'PKCS7_UNREADABLE' && says.test(error.message),
    )
  })
}

test('arbitrary bytes and changed bundles give values or the declared fault', () => {
  const changed = fc
    .tuple(fc.nat(GOOD.length - 1), fc.integer({ min: 0, max: 255 }))
    .map(([at, octet]) => GOOD.with(at, octet))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), changed), (der) => {
      try {
        for (const one of readPkcs7Certificates(der)) assert.equal(one[0], 0x30)
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'PKCS7_UNREADABLE', String(error))
      }
    }),
  )
})
