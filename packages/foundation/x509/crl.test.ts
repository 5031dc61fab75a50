import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BaseCRLNumber,
  CertificateList,
  CRLNumber,
  CRLReason,
  FreshestCRL,
  IssuingDistributionPoint,
  id_ce_cRLNumber,
  id_ce_cRLReasons,
  id_ce_deltaCRLIndicator,
  id_ce_freshestCRL,
  id_ce_issuingDistributionPoint,
} from '@peculiar/asn1-x509'
import { concat, days, instant, isFault, later, toHex } from '../kernel/index.ts'
import { type CrlRequest, type Signer, SoftwareSigner, signCrl } from './index.ts'
import { makeCa, makeIdentity, makeRoot, NOW } from './testing/pki.ts'

const root = await makeRoot()
const issuing = await makeCa(root)
const device = await makeIdentity(issuing)
const REQUEST: CrlRequest = {
  issuer: issuing.certificate,
  number: 7,
  thisUpdate: NOW,
  nextUpdate: later(NOW, days(30)),
  revoked: [
    { serial: '4000000000000001', at: NOW, reason: 'keyCompromise' },
    { serial: 'ff00000000000002', at: instant(Date.UTC(2050, 0, 1)), reason: 'unspecified' },
  ],
}

test('a list is read by the ASN.1 library, entry by entry', async () => {
  const list = AsnConvert.parse(await signCrl(REQUEST, issuing.signer), CertificateList).tbsCertList
  const [first, second] = list.revokedCertificates ?? []
  assert.ok(first && second && list.crlExtensions)
  assert.deepEqual([list.version, list.thisUpdate.getTime().getTime()], [1, NOW])
  assert.equal(toHex(new Uint8Array(first.userCertificate)), '4000000000000001')
  assert.equal(toHex(new Uint8Array(second.userCertificate)), '00ff00000000000002')
  assert.equal(second.revocationDate.getTime().getTime(), Date.UTC(2050, 0, 1))
  const [reason] = first.crlEntryExtensions ?? []
  assert.equal(reason?.extnID, id_ce_cRLReasons)
  assert.equal(AsnConvert.parse(reason.extnValue.buffer, CRLReason).reason, 1)
  assert.equal(second.crlEntryExtensions, undefined)
  const number = list.crlExtensions.find(({ extnID }) => extnID === id_ce_cRLNumber)
  assert.ok(number)
  assert.equal(AsnConvert.parse(number.extnValue.buffer, CRLNumber).value, 7)
})

test('a list of nothing has no entries, and one of two hundred thousand is made as well', async () => {
  const none = AsnConvert.parse(await signCrl({ ...REQUEST, revoked: [] }, issuing.signer), CertificateList)
  assert.equal(none.tbsCertList.revokedCertificates, undefined)
  const serials = Array.from({ length: 200_000 }, (_, n) => (0x4000_0000_0000 + n).toString(16))
  const revoked = serials.map((serial) => ({ serial, at: NOW, reason: 'superseded' as const }))
  const many = await signCrl({ ...REQUEST, revoked }, issuing.signer)
  assert.ok(many.length > 200_000 * 30)
})

const REFUSED: readonly { why: string; change: Partial<CrlRequest> }[] = [
  { why: 'an issuer that is no CA', change: { issuer: device.certificate } },
  { why: 'an end before the beginning', change: { nextUpdate: NOW } },
  { why: 'a fraction for a number', change: { number: 0.5 } },
  { why: 'an addition to a list that is not before it', change: { base: 7 } },
  { why: 'an addition to an addition', change: { base: 6, freshest: 'http://a/b' } },
  { why: 'a place behind TLS', change: { distributionPoint: 'https://a/b' } },
  { why: 'a place that is no URL', change: { freshest: 'http://a b' } },
  { why: 'a serial number that is none', change: { revoked: [{ serial: 'x', at: NOW, reason: 'superseded' }] } },
  { why: 'a serial number twice', change: { revoked: [...REQUEST.revoked, ...REQUEST.revoked] } },
]
for (const { why, change } of REFUSED) {
  test(`makes no list with ${why}`, async () => {
    await assert.rejects(signCrl({ ...REQUEST, ...change }, issuing.signer), (error) =>
      isFault(error, 'CRL_REQUEST_REFUSED'),
    )
  })
}

test('an addition says what it adds to, and a list of some certificates says of which', async () => {
  const places = { distributionPoint: 'http://pki.example/crl/1.crl' }
  const extensionsOf = async (request: CrlRequest) => {
    const { crlExtensions = [] } = AsnConvert.parse(await signCrl(request, issuing.signer), CertificateList).tbsCertList
    return new Map(crlExtensions.map((extension) => [extension.extnID, extension]))
  }
  const addition = await extensionsOf({ ...REQUEST, ...places, base: 5 })
  const indicator = addition.get(id_ce_deltaCRLIndicator)
  assert.ok(indicator?.critical)
  assert.equal(AsnConvert.parse(indicator.extnValue.buffer, BaseCRLNumber).value, 5)
  const point = addition.get(id_ce_issuingDistributionPoint)
  assert.ok(point?.critical)
  const [name] = AsnConvert.parse(point.extnValue.buffer, IssuingDistributionPoint).distributionPoint?.fullName ?? []
  assert.equal(name?.uniformResourceIdentifier, places.distributionPoint)
  const full = await extensionsOf({ ...REQUEST, ...places, freshest: 'http://pki.example/crl/1-delta.crl' })
  assert.equal(full.get(id_ce_deltaCRLIndicator), undefined)
  const freshest = full.get(id_ce_freshestCRL)
  assert.ok(freshest && !freshest.critical)
  const [first] = AsnConvert.parse(freshest.extnValue.buffer, FreshestCRL)
  assert.equal(first?.distributionPoint?.fullName?.[0]?.uniformResourceIdentifier, 'http://pki.example/crl/1-delta.crl')
})

test('a list is signed by its issuer’s key alone, and a faulty signature does not leave', async () => {
  const other = await SoftwareSigner.generate('ecdsa-p256-sha256')
  await assert.rejects(signCrl(REQUEST, other), { code: 'SIGNER_MISMATCH' })
  const { algorithm, publicKey } = issuing.signer
  const faulty: Signer = { algorithm, publicKey, sign: (message) => issuing.signer.sign(concat(message, message)) }
  await assert.rejects(signCrl(REQUEST, faulty), { code: 'SIGNER_SIGNATURE_INVALID' })
})
