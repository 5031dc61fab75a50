import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { days, fromHex, instant, isFault, later, millis, seconds, toHex } from '../kernel/index.ts'
import {
  CERTIFICATE_LINTS,
  type Certificate,
  type CertificateProfile,
  DEVICE,
  ENDPOINT,
  ISSUING_CA,
  type IssueRequest,
  Linted,
  NO_EXPIRATION,
  newSerialNumber,
  parseCertificate,
  REQUEST_LINTS,
  ROOT_CA,
  type Signer,
  SoftwareSigner,
  VENDOR_DEVICE,
  VERIFICATION,
} from './index.ts'
import type { Candidate } from './lints.ts'
import { readSigned } from './signature.ts'
import { readTbsCertificate, type TbsCertificate } from './tbs-certificate.ts'
import { countingEntropy, makeCa, makeIdentity, makeRoot, NOW, replaceBytes, requestOf } from './testing/pki.ts'

const root = await makeRoot()
const issuing = await makeCa(root)
const device = await makeIdentity(issuing)
const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')

/** A request below the issuing CA that passes; each row changes one thing. */
function request(change: Partial<IssueRequest> = {}): IssueRequest {
  return { ...requestOf(signer), issuer: { certificate: issuing.certificate }, ...change }
}

function profile(change: Partial<CertificateProfile>): Partial<IssueRequest> {
  return { profile: { ...DEVICE, ...change } }
}

function ed25519Key(): Uint8Array {
  return generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' })
}

const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey.export({ format: 'der', type: 'spki' })
const offCurve = Uint8Array.from(signer.publicKey).fill(7, 27)
const SUBJECT = [{ type: 'CN', value: 'a' }]
const afterIssuing = later(issuing.certificate.notAfter, seconds(1))

const REFUSED: readonly { rule: string; why: string; change: Partial<IssueRequest> }[] = [
  { rule: 'serial-number-positive', why: 'a negative one', change: { serialNumber: fromHex('80 0000000000000001') } },
  { rule: 'serial-number-positive', why: 'zero', change: { serialNumber: new Uint8Array(9) } },
  { rule: 'serial-number-positive', why: 'none', change: { serialNumber: new Uint8Array() } },
  {
    rule: 'serial-number-in-shortest-form',
    why: 'a leading zero',
    change: { serialNumber: fromHex('00 0100000000000001') },
  },
  { rule: 'serial-number-length', why: '21 octets', change: { serialNumber: new Uint8Array(21).fill(1) } },
  { rule: 'serial-number-entropy', why: '7 octets', change: { serialNumber: new Uint8Array(7).fill(1) } },
  { rule: 'object-identifiers-well-formed', why: 'a policy in words', change: profile({ policies: ['mine'] }) },
  {
    rule: 'object-identifiers-well-formed',
    why: 'an inherited name',
    change: profile({ extendedKeyUsage: ['toString'] }),
  },
  { rule: 'public-key-sound', why: 'no key', change: { publicKey: Uint8Array.of(1, 2, 3) } },
  { rule: 'public-key-sound', why: 'a point off its curve', change: { publicKey: offCurve } },
  { rule: 'public-key-sound', why: 'an Ed25519 key', change: { publicKey: ed25519Key() } },
  { rule: 'issuer-key-signs', why: 'P-521', change: { profile: ROOT_CA, issuer: 'self', publicKey: p521 } },
  { rule: 'key-allowed-by-profile', why: 'P-256 where RSA is wanted', change: profile({ keys: ['rsa'] }) },
  {
    rule: 'validity-ordered',
    why: 'no time at all',
    change: profile({ validity: { lasts: millis(0) }, backdated: millis(0) }),
  },
  { rule: 'issuer-valid-now', why: 'an expired issuer', change: { now: afterIssuing } },
  { rule: 'issuer-valid-now', why: 'an issuer of tomorrow', change: { now: later(NOW, days(-1)) } },
  { rule: 'validity-within-issuer', why: '31 years', change: profile({ validity: { lasts: days(31 * 365) } }) },
  {
    rule: 'issuer-is-ca',
    why: 'a device as issuer',
    change: { issuer: { certificate: device.certificate }, ...profile({ validity: { until: NO_EXPIRATION } }) },
  },
  { rule: 'self-signed-is-ca', why: 'a device', change: { issuer: 'self' } },
  {
    rule: 'issuer-path-length',
    why: 'a CA below path length 0',
    change: { profile: { ...ISSUING_CA, validity: { lasts: days(1) } } },
  },
  { rule: 'ca-flag-agrees-with-key-usage', why: 'a device that signs', change: profile({ keyUsage: ['keyCertSign'] }) },
  {
    rule: 'ca-flag-agrees-with-key-usage',
    why: 'a CA that may not',
    change: { profile: { ...ROOT_CA, keyUsage: ['cRLSign'] }, issuer: 'self' },
  },
  { rule: 'key-usage-present', why: 'none', change: profile({ keyUsage: [], extendedKeyUsage: [] }) },
  { rule: 'path-length-only-on-ca', why: 'a device with one', change: profile({ pathLength: 0 }) },
  { rule: 'subject-present', why: 'an empty subject', change: { subject: [] } },
  {
    rule: 'subject-present',
    why: 'a CA without one, whatever its profile says',
    change: { subject: [], issuer: 'self', profile: { ...ROOT_CA, subject: 'optional' } },
  },
  { rule: 'alternative-names-as-profiled', why: 'an endpoint without a name', change: { profile: ENDPOINT } },
  {
    rule: 'alternative-names-as-profiled',
    why: 'a verification certificate with one',
    change: { profile: VERIFICATION, subjectAlternativeNames: [{ type: 'dns', value: 'a.b' }] },
  },
  {
    rule: 'extended-key-usage-agrees-with-key-usage',
    why: 'clientAuth without digitalSignature',
    change: profile({ keyUsage: ['keyAgreement'] }),
  },
]
for (const { rule, why, change } of REFUSED) {
  test(`${rule} refuses ${why}`, () => {
    assert.throws(
      () => Linted.lint(request(change)),
      (error) => {
        assert.ok(isFault(error, 'CERTIFICATE_LINT_FAILED'), String(error))
        assert.equal(error.context['rule'], rule)
        return true
      },
    )
  })
}

/** These say that the builder put the right octets in; only a spoilt candidate can break them. */
const SPOILT: readonly { rule: string; change: Partial<TbsCertificate> }[] = [
  { rule: 'issuer-name-exact', change: { issuerDer: fromHex('3000') } },
  { rule: 'subject-key-identifier-of-key', change: { subjectKeyIdentifier: '00' } },
  { rule: 'authority-key-identifier-of-issuer', change: { authorityKeyIdentifier: undefined } },
]
for (const { rule, change } of SPOILT) {
  test(`${rule} refuses a candidate that was built wrongly`, () => {
    const tbs = readTbsCertificate(readSigned(device.certificate.der).message)
    const candidate: Candidate = { profile: DEVICE, issuer: issuing.certificate, now: NOW, tbs }
    const lint = CERTIFICATE_LINTS.find((row) => row.rule === rule)
    assert.equal(lint?.holds(candidate), true)
    assert.equal(lint.holds({ ...candidate, tbs: { ...tbs, ...change } }), false)
  })
}

test('every rule has a row above, a source, and a name of its own', () => {
  const lints = [...REQUEST_LINTS, ...CERTIFICATE_LINTS]
  const tested = new Set([...REFUSED, ...SPOILT].map(({ rule }) => rule))
  assert.deepEqual(
    // Those of certain keys and standards have theirs in profile-lints.test.ts.
    lints.map(({ rule }) => rule).filter((rule) => !tested.has(rule) && !/^(?:key-usage-fits|idevid)-/.test(rule)),
    [],
  )
  assert.ok(lints.every(({ source, otherwise }) => source !== '' && otherwise !== ''))
  assert.equal(new Set(lints.map(({ rule }) => rule)).size, lints.length)
})

test('each profile makes the certificate it promises', async () => {
  const names = [{ type: 'dns', value: 'iot.example' }] as const
  const endpoint = await sign({ profile: ENDPOINT, subject: [], subjectAlternativeNames: names })
  assert.deepEqual(endpoint.extendedKeyUsage, ['serverAuth'])
  const chip = await sign({ profile: { ...VENDOR_DEVICE, policies: ['1.2.276.0.1'] }, subject: [] })
  assert.deepEqual([chip.subject, chip.policies, chip.extendedKeyUsage], [[], ['1.2.276.0.1'], undefined])
  const proof = await sign({ profile: VERIFICATION, subject: [{ type: 'CN', value: 'f'.repeat(64) }] })
  assert.equal(proof.subject[0]?.value, 'f'.repeat(64))
  assert.equal(device.certificate.notAfter, NO_EXPIRATION)
  assert.deepEqual(root.certificate.keyUsage, ['keyCertSign', 'cRLSign'])
})

test('where the subject is empty, the alternative names are critical (RFC 5280 §4.2.1.6)', async () => {
  const names = [{ type: 'dns', value: 'iot.example' }] as const
  const critical = '0603551d110101ff'
  const unnamed = await sign({ profile: ENDPOINT, subject: [], subjectAlternativeNames: names })
  const named = await sign({ profile: ENDPOINT, subject: SUBJECT, subjectAlternativeNames: names })
  assert.deepEqual(
    [toHex(unnamed.der), toHex(named.der)].map((hex) => hex.includes(critical)),
    [true, false],
  )
})

test('validity begins an hour ago, but never before the issuer', async () => {
  assert.equal(root.certificate.notBefore, NOW - 3_600_000)
  assert.equal(device.certificate.notBefore, issuing.certificate.notBefore)
  const tomorrow = await sign({ now: later(NOW, days(1)) })
  assert.equal(tomorrow.notBefore, NOW + 86_400_000 - 3_600_000)
})

test('times are cut to whole seconds, and 2050 is where the encoding changes (RFC 5280 §4.1.2.5)', async () => {
  const until = (year: number): Partial<IssueRequest> =>
    profile({ validity: { until: instant(Date.UTC(year, 0, 1) - 1) } })
  const utc = await sign({ ...until(2050), now: instant(NOW + 999) })
  const generalized = await sign(until(2051))
  assert.equal(utc.notAfter, Date.UTC(2050, 0, 1) - 1000)
  assert.ok(toHex(utc.der).includes(toHex(Buffer.from('491231235959Z'))))
  assert.ok(toHex(generalized.der).includes(toHex(Buffer.from('20501231235959Z'))))
})

test('the issuer’s name goes in as it stands in the issuer, whatever its encoding', async () => {
  const own = await makeRoot({ subject: [{ type: 'CN', value: 'RRRR' }] })
  // A UTF8String of four octets becomes a BMPString of four octets.
  const odd = parseCertificate(replaceBytes(own.certificate.der, '0c04 52525252', '1e04 00520052'))
  assert.deepEqual(odd.subject, [{ type: 'CN', value: 'RR' }])
  const below = await Linted.lint(request({ issuer: { certificate: odd } })).sign(own.signer)
  assert.equal(below.issuerHash, odd.subjectHash)
  assert.notEqual(below.issuerHash, own.certificate.subjectHash)
})

test('signs once', async () => {
  const linted = Linted.lint(request())
  await linted.sign(issuing.signer)
  await assert.rejects(linted.sign(issuing.signer), (error) => isFault(error, 'CERTIFICATE_ALREADY_SIGNED'))
})

test('a signer without the issuer’s key is refused, and costs nothing', async () => {
  const linted = Linted.lint(request())
  await assert.rejects(linted.sign(root.signer), (error) => isFault(error, 'SIGNER_MISMATCH'))
  assert.equal((await linted.sign(issuing.signer)).isSignedBy(issuing.certificate), true)
})

test('a signer whose signature is wrong is found out before anything leaves', async () => {
  const { algorithm, publicKey } = issuing.signer
  const faulty: Signer = { algorithm, publicKey, sign: () => root.signer.sign(Uint8Array.of(1)) }
  const broken: Signer = { algorithm, publicKey, sign: () => Promise.reject(new Error('planned failure')) }
  await assert.rejects(Linted.lint(request()).sign(faulty), (error) => isFault(error, 'SIGNER_SIGNATURE_INVALID'))
  const linted = Linted.lint(request())
  await assert.rejects(linted.sign(broken), /planned failure/)
  // The serial number may be on a certificate somewhere: what failed after the key was asked is spent.
  await assert.rejects(linted.sign(issuing.signer), (error) => isFault(error, 'CERTIFICATE_ALREADY_SIGNED'))
})

test('an issuer without a key identifier gives the one that its key would have', async () => {
  // The extension's OID 2.5.29.14 becomes 2.5.29.127, which means nothing.
  const bare = parseCertificate(replaceBytes(root.certificate.der, '0603 551d0e', '0603 551d7f'))
  assert.equal(bare.subjectKeyIdentifier, undefined)
  const below = await Linted.lint(request({ issuer: { certificate: bare } })).sign(root.signer)
  assert.equal(below.authorityKeyIdentifier, root.certificate.subjectKeyIdentifier)
})

test('serial numbers are positive, 16 octets long, and all bits but two are random', () => {
  const entropy = countingEntropy()
  for (let round = 0; round < 64; round += 1) {
    const serialNumber = newSerialNumber(entropy)
    assert.equal(serialNumber.length, 16)
    assert.equal((serialNumber[0] ?? 0) & 0xc0, 0x40)
  }
})

async function sign(change: Partial<IssueRequest>): Promise<Certificate> {
  return Linted.lint(request(change)).sign(issuing.signer)
}
