import assert from 'node:assert/strict'
import { createECDH } from 'node:crypto'
import { test } from 'node:test'
import { encodeUtf8, fromHex } from '../kernel/index.ts'
import { SoftwareSigner, spkiFromPoint } from './index.ts'
import { algorithmIdentifier, isSignedWith, isSignedWithAside, openVerificationKey } from './signature.ts'

const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const message = encodeUtf8('message')
const signed = { message, algorithm: algorithmIdentifier(signer.algorithm), signature: await signer.sign(message) }

const CLAIMS = [
  { what: 'a signature', claim: signed, isTrue: true },
  { what: 'a signature of something else', claim: { ...signed, message: encodeUtf8('massage') }, isTrue: false },
  { what: 'half a signature', claim: { ...signed, signature: signed.signature.subarray(0, 30) }, isTrue: false },
  {
    what: 'an algorithm for other keys',
    claim: { ...signed, algorithm: algorithmIdentifier('rsa-pkcs1-sha256') },
    isTrue: false,
  },
  { what: 'ECDSA with SHA-1', claim: { ...signed, algorithm: fromHex('300906072a8648ce3d0401') }, isTrue: false },
] as const
for (const { what, claim, isTrue } of CLAIMS) {
  test(`${what}: the same is said in place and by another thread`, async () => {
    const key = openVerificationKey(signer.publicKey)
    assert.ok(key !== undefined)
    assert.equal(isSignedWith(key, claim), isTrue)
    assert.equal(await isSignedWithAside(key, claim, true), isTrue)
    assert.equal(await isSignedWithAside(key, claim, false), isTrue)
  })
}

test('a key stays open while 400 others are opened, and not for ever', () => {
  const ecdh = createECDH('prime256v1')
  const openOthers = (count: number): void => {
    for (let n = 0; n < count; n += 1) {
      assert.ok(openVerificationKey(spkiFromPoint('p256', new Uint8Array(ecdh.generateKeys()))) !== undefined)
    }
  }
  const first = openVerificationKey(signer.publicKey)
  openOthers(400)
  assert.equal(openVerificationKey(signer.publicKey), first)
  openOthers(1100)
  const again = openVerificationKey(signer.publicKey)
  assert.notEqual(again, first)
  assert.ok(again !== undefined && isSignedWith(again, signed))
})
