import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instant } from '../kernel/index.ts'
import { buildTbsCertificate, type TbsDraft } from './build.ts'
import { type CertificateProfile, DEVICE, NO_EXPIRATION, SoftwareSigner, VENDOR_DEVICE } from './index.ts'
import { keyIdentifier } from './public-key.ts'
import { algorithmIdentifier } from './signature.ts'
import { fillTbsCertificate } from './tbs-template.ts'
import { makeCa, makeRoot, NOW } from './testing/pki.ts'

const root = await makeRoot()
const issuers = [await makeCa(root), await makeCa(root, { subject: [{ type: 'O', value: 'München' }] })]
const KINDS = ['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pkcs1-sha256'] as const
const keys = await Promise.all(KINDS.map(async (kind) => (await SoftwareSigner.generate(kind)).publicKey))
const POLICY: CertificateProfile = { ...VENDOR_DEVICE, policies: ['1.2.276.0.68.1.20.1'] }

const someDraft = fc.record({
  issuer: fc.constantFrom(...issuers),
  profile: fc.constantFrom(DEVICE, VENDOR_DEVICE, POLICY),
  publicKey: fc.constantFrom(...keys),
  serialNumber: fc.uint8Array({ minLength: 8, maxLength: 20 }),
  notBefore: fc.constantFrom(NOW, instant(NOW + 1000), instant(Date.UTC(2050, 0, 1))),
  notAfter: fc.constantFrom(NO_EXPIRATION, instant(Date.UTC(2049, 11, 31))),
  commonName: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => text.length <= 64),
  names: fc.constantFrom<TbsDraft['subjectAlternativeNames']>([], [{ type: 'dns', value: 'press-7.example' }]),
})

test('a filled template is, octet by octet, what the library builds', () => {
  fc.assert(
    fc.property(fc.array(someDraft, { minLength: 2, maxLength: 6 }), (rows) => {
      for (const { issuer, profile, commonName, names, ...fields } of rows) {
        const draft: TbsDraft = {
          ...profile,
          ...fields,
          signatureAlgorithm: algorithmIdentifier(issuer.signer.algorithm),
          issuerDer: issuer.certificate.subjectDer,
          subject: [{ type: 'CN', value: commonName }],
          subjectAlternativeNames: names,
          subjectKeyIdentifier: keyIdentifier(fields.publicKey),
          authorityKeyIdentifier: keyIdentifier(issuer.signer.publicKey),
        }
        assert.deepEqual(fillTbsCertificate(draft, profile, issuer.certificate), buildTbsCertificate(draft))
      }
    }),
  )
})

test('a key that is its issuer’s as well makes no template for others', () => {
  const issuer = issuers[0]
  assert.ok(issuer)
  const profile: CertificateProfile = { ...DEVICE }
  for (const publicKey of [issuer.signer.publicKey, ...keys, issuer.signer.publicKey]) {
    const draft: TbsDraft = {
      ...profile,
      serialNumber: Uint8Array.of(1),
      signatureAlgorithm: algorithmIdentifier(issuer.signer.algorithm),
      issuerDer: issuer.certificate.subjectDer,
      notBefore: NOW,
      notAfter: NO_EXPIRATION,
      subject: [],
      publicKey,
      subjectAlternativeNames: [],
      subjectKeyIdentifier: keyIdentifier(publicKey),
      authorityKeyIdentifier: keyIdentifier(issuer.signer.publicKey),
    }
    assert.deepEqual(fillTbsCertificate(draft, profile, issuer.certificate), buildTbsCertificate(draft))
  }
})
