import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { encodeUtf8, isFault } from '../kernel/index.ts'
import { SoftwareSigner, toPem, verifySignature } from './index.ts'

const MESSAGE = encodeUtf8('message')
const ALGORITHMS = ['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pkcs1-sha256'] as const

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: signs, is stored under a passphrase, and signs again`, async () => {
    const signer = await SoftwareSigner.generate(algorithm)
    const again = SoftwareSigner.fromEncryptedPem(signer.toEncryptedPem('correct horse'), 'correct horse')
    assert.equal(again.algorithm, algorithm)
    assert.deepEqual(again.publicKey, signer.publicKey)
    const { publicKey } = signer
    const signature = await again.sign(MESSAGE)
    assert.equal(verifySignature({ publicKey, algorithm, message: MESSAGE, signature }), true)
    assert.equal(verifySignature({ publicKey, algorithm, message: encodeUtf8('massage'), signature }), false)
    const short = signature.subarray(0, -1)
    assert.equal(verifySignature({ publicKey, algorithm, message: MESSAGE, signature: short }), false)
  })
}

test('a signature is not verified with an algorithm of another key, nor with a key that is none', async () => {
  const { publicKey, ...signer } = await SoftwareSigner.generate('ecdsa-p256-sha256').then(async (key) => ({
    publicKey: key.publicKey,
    signature: await key.sign(MESSAGE),
  }))
  const check = { message: MESSAGE, signature: signer.signature }
  assert.equal(verifySignature({ ...check, publicKey, algorithm: 'rsa-pkcs1-sha256' }), false)
  assert.equal(verifySignature({ ...check, publicKey: Uint8Array.of(1), algorithm: 'ecdsa-p256-sha256' }), false)
})

test('text, JSON and inspection never show the key', async () => {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const { d } = createPrivateKey({ key: signer.toEncryptedPem('x'), passphrase: 'x' }).export({ format: 'jwk' })
  const secret = Buffer.from(d ?? '', 'base64url')
  const shown = [
    String(signer),
    JSON.stringify(signer),
    inspect(signer, { depth: 9, showHidden: true, maxArrayLength: null }),
  ]
  for (const text of shown) {
    assert.ok(!text.includes(secret.toString('hex')) && !text.includes(secret.toString('base64')))
    assert.ok(!text.includes(secret.subarray(0, 4).join(', ')), text)
  }
  assert.equal(shown[0], 'SoftwareSigner(ecdsa-p256-sha256)')
  assert.equal(shown[1], '{"algorithm":"ecdsa-p256-sha256"}')
})

test('a wrong passphrase is the operator’s to correct, also when the padding happens to fit', async () => {
  const pem = (await SoftwareSigner.generate('ecdsa-p256-sha256')).toEncryptedPem('right')
  // One wrong passphrase in 256 decrypts to well-formed padding, and fails in another place of OpenSSL.
  for (let attempt = 0; attempt < 600; attempt += 1) {
    assert.throws(
      () => SoftwareSigner.fromEncryptedPem(pem, `wrong ${attempt}`),
      (error) => isFault(error, 'KEY_PASSPHRASE_WRONG') && error.blame === 'operator',
    )
  }
})

test('an empty passphrase is refused', async () => {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  assert.throws(
    () => signer.toEncryptedPem(''),
    (error) => isFault(error, 'KEY_PASSPHRASE_EMPTY'),
  )
})

const ed25519 = generateKeyPairSync('ed25519').privateKey
const plain = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
const UNREADABLE: readonly { why: string; pem: string }[] = [
  { why: 'no PEM', pem: 'hello' },
  { why: 'a key that is not encrypted', pem: plain.export({ format: 'pem', type: 'pkcs8' }).toString() },
  { why: 'a block that is no PKCS#8', pem: toPem('ENCRYPTED PRIVATE KEY', Uint8Array.of(0x30, 0)) },
  { why: 'two keys', pem: encrypted(plain).repeat(2) },
  { why: 'an Ed25519 key', pem: encrypted(ed25519) },
  { why: 'a P-521 key, which no algorithm of the port has', pem: encrypted(p521) },
]
for (const { why, pem } of UNREADABLE) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => SoftwareSigner.fromEncryptedPem(pem, 'x'),
      (error) => isFault(error, 'KEY_UNREADABLE'),
    )
  })
}

function encrypted(key: typeof plain): string {
  return key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()
}
