/** ML-DSA-65 (RFC 9881) from end to end, with node:crypto's own X.509 as the second opinion. */
import assert from 'node:assert/strict'
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { days, later } from '../kernel/index.ts'
import {
  createCsr,
  DEVICE,
  ISSUING_CA,
  Linted,
  ROOT_CA,
  SoftwareSigner,
  signCrl,
  verifyChain,
  verifyCsr,
  verifySignature,
} from './index.ts'
import { readSigned } from './signature.ts'
import { makeCa, makeIdentity, makeRoot, NOW } from './testing/pki.ts'

const KEYS = ['ml-dsa-65'] as const
const signers = await Promise.all([1, 2, 3].map(() => SoftwareSigner.generate('ml-dsa-65')))
const [rootKey, issuingKey, deviceKey] = signers
assert.ok(rootKey && issuingKey && deviceKey)
const root = await makeRoot({ signer: rootKey, profile: { ...ROOT_CA, keys: KEYS } })
const issuing = await makeCa(root, { signer: issuingKey, profile: { ...ISSUING_CA, keys: KEYS } })
const device = await makeIdentity(issuing, { signer: deviceKey, profile: { ...DEVICE, keys: KEYS } })

test('a chain of ML-DSA-65 certificates verifies, here and in node:crypto', () => {
  const { certificates } = verifyChain({
    leaf: device.certificate,
    intermediates: [issuing.certificate],
    anchors: [root.certificate],
    now: NOW,
    purpose: 'clientAuth',
  })
  assert.equal(certificates.length, 3)
  const theirs = [device, issuing, root].map(({ certificate }) => new X509Certificate(certificate.der))
  const [leaf, ca, anchor] = theirs
  assert.ok(leaf && ca && anchor)
  assert.ok(leaf.verify(ca.publicKey) && ca.verify(anchor.publicKey) && anchor.verify(anchor.publicKey))
  assert.equal(leaf.publicKey.asymmetricKeyType, 'ml-dsa-65')
  assert.equal(leaf.verify(anchor.publicKey), false)
  assert.equal(device.certificate.keyAlgorithm, 'ml-dsa-65')
})

test('a signature is a bare one of 3309 bytes under an algorithm without parameters', () => {
  const { algorithm, signature, message } = readSigned(device.certificate.der)
  assert.equal(Buffer.from(algorithm).toString('hex'), '300b0609608648016503040312')
  assert.equal(signature.length, 3309)
  const key = createPublicKey({ key: Buffer.from(issuingKey.publicKey), format: 'der', type: 'spki' })
  assert.ok(verify(null, message, key, signature))
})

test('a request is refused unless somebody asked for such keys, and a device profile does not allow them', async () => {
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer: deviceKey })
  assert.throws(() => verifyCsr(csr), { code: 'CSR_KEY_UNSUPPORTED', message: /ml-dsa-65/ })
  assert.equal(verifyCsr(csr, { mlDsa: true }).keyAlgorithm, 'ml-dsa-65')
  assert.throws(
    () =>
      Linted.lint({
        profile: DEVICE,
        subject: [{ type: 'CN', value: 'press-7' }],
        publicKey: deviceKey.publicKey,
        issuer: { certificate: issuing.certificate },
        serialNumber: new Uint8Array(16).fill(1),
        now: NOW,
      }),
    { code: 'CERTIFICATE_LINT_FAILED', message: /key-allowed-by-profile/ },
  )
})

test('a revocation list, and a key that went through its encrypted file', async () => {
  const again = SoftwareSigner.fromEncryptedPem(issuingKey.toEncryptedPem('words'), 'words')
  assert.equal(again.algorithm, 'ml-dsa-65')
  const message = Uint8Array.of(1, 2, 3)
  const signature = await again.sign(message)
  assert.ok(verifySignature({ publicKey: issuingKey.publicKey, algorithm: 'ml-dsa-65', message, signature }))
  const crl = { issuer: issuing.certificate, number: 1, thisUpdate: NOW, nextUpdate: later(NOW, days(1)), revoked: [] }
  assert.ok((await signCrl(crl, again)).length > 3309)
})
