import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { days, fromHex, instant, isFault, millis, toHex } from '../kernel/index.ts'
import {
  CERTIFICATE_LINTS,
  type CertificateProfile,
  DEVICE,
  IDEVID,
  INTERMEDIATE_CA,
  ISSUING_CA,
  type IssueRequest,
  Linted,
  PROFILE_LINTS,
  ROOT_CA,
  SoftwareSigner,
  VENDOR_DEVICE,
} from './index.ts'
import { readSigned } from './signature.ts'
import { readTbsCertificate } from './tbs-certificate.ts'
import { makeCa, makeRoot, NOW, requestOf } from './testing/pki.ts'

const issuing = await makeCa(await makeRoot())
const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const mlDsa = await SoftwareSigner.generate('ml-dsa-65')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' })

function request(change: Partial<IssueRequest>): IssueRequest {
  return { ...requestOf(signer), issuer: { certificate: issuing.certificate }, ...change }
}

const extension = { oid: '1.2.3.4', critical: false, value: fromHex('0500') }
const nameConstraints = { oid: '2.5.29.30', critical: true, value: fromHex('3000') }

const REFUSED: readonly { rule: string; why: string; change: Partial<CertificateProfile> }[] = [
  { rule: 'key-kinds-named', why: 'none', change: { keys: [] } },
  { rule: 'path-length-in-range', why: 'a negative one', change: { pathLength: -1 } },
  { rule: 'path-length-in-range', why: 'half of one', change: { pathLength: 0.5 } },
  { rule: 'encipher-only-with-key-agreement', why: 'one alone', change: { keyUsage: ['encipherOnly'] } },
  { rule: 'policies-once', why: 'a policy twice', change: { policies: ['1.2.3', '1.2.3'] } },
  {
    rule: 'validity-representable',
    why: 'the year 10 000',
    change: { validity: { until: instant(253_402_300_800_000) } },
  },
  { rule: 'validity-representable', why: 'eight thousand years', change: { validity: { lasts: days(8000 * 365) } } },
  { rule: 'validity-representable', why: 'a negative duration', change: { validity: { lasts: millis(-1) } } },
  { rule: 'pointers-are-http', why: 'an https URL', change: { crlUrls: ['https://a.example/crl'] } },
  { rule: 'pointers-are-http', why: 'no URL', change: { ocspUrls: ['a.example'] } },
  { rule: 'pointers-are-http', why: 'a blank', change: { issuerUrls: ['http://a.example/a b'] } },
  { rule: 'extension-identifiers-well-formed', why: 'words', change: { extensions: [{ ...extension, oid: 'mine' }] } },
  { rule: 'extensions-once', why: 'one twice', change: { extensions: [extension, extension] } },
  {
    rule: 'extensions-have-one-origin',
    why: 'a key usage',
    change: { extensions: [{ ...extension, oid: '2.5.29.15' }] },
  },
  { rule: 'extension-values-are-der', why: 'nothing', change: { extensions: [{ ...extension, value: fromHex('') }] } },
  {
    rule: 'extension-values-are-der',
    why: 'a tail',
    change: { extensions: [{ ...extension, value: fromHex('050000') }] },
  },
  {
    rule: 'extension-values-are-der',
    why: 'BER',
    change: { extensions: [{ ...extension, value: fromHex('30800000') }] },
  },
  {
    rule: 'extension-values-are-der',
    why: 'a half',
    change: { extensions: [{ ...extension, value: fromHex('30020501') }] },
  },
  { rule: 'constraints-only-on-ca', why: 'a device', change: { extensions: [nameConstraints] } },
  {
    rule: 'constraints-critical',
    why: 'a CA whose limits may be passed over',
    change: { isCa: true, extensions: [{ ...nameConstraints, critical: false }] },
  },
  { rule: 'idevid-is-no-ca', why: 'a CA', change: { standard: 'ieee-802.1ar', isCa: true } },
  { rule: 'idevid-signature-suite', why: 'ML-DSA', change: { ...IDEVID, keys: ['ml-dsa-65'] } },
]
for (const { rule, why, change } of REFUSED) {
  test(`${rule} refuses ${why}`, () => {
    const broken = { ...DEVICE, ...change }
    assert.equal(PROFILE_LINTS.find(({ holds }) => !holds(broken))?.rule, rule)
    for (const _again of [1, 2]) assert.throws(() => Linted.lint(request({ profile: broken })), ruleNamed(rule))
  })
}

const SERIAL = [{ type: 'serialNumber', value: '0a1b' }]
const KEYS: readonly { rule: string; change: Partial<IssueRequest> }[] = [
  {
    rule: 'key-usage-fits-ec-key',
    change: { profile: { ...DEVICE, keyUsage: ['digitalSignature', 'keyEncipherment'] } },
  },
  {
    rule: 'key-usage-fits-rsa-key',
    change: { profile: { ...DEVICE, keyUsage: ['digitalSignature', 'keyAgreement'] }, publicKey: rsa },
  },
  {
    rule: 'key-usage-fits-ml-dsa-key',
    change: {
      profile: { ...DEVICE, keys: ['ml-dsa-65'], keyUsage: ['digitalSignature', 'keyAgreement'] },
      publicKey: mlDsa.publicKey,
    },
  },
  { rule: 'idevid-subject-has-serial-number', change: { profile: IDEVID } },
  {
    rule: 'idevid-has-no-expiration',
    change: { profile: { ...IDEVID, validity: { lasts: days(1) } }, subject: SERIAL },
  },
  { rule: 'idevid-key-usage', change: { profile: { ...IDEVID, keyUsage: ['keyAgreement'] }, subject: SERIAL } },
]
for (const { rule, change } of KEYS) {
  test(`${rule} refuses`, () => {
    assert.throws(() => Linted.lint(request(change)), ruleNamed(rule))
  })
}

test('idevid-authority-key-identifier refuses a candidate without one', async () => {
  const { der } = await Linted.lint(request({ profile: IDEVID, subject: SERIAL })).sign(issuing.signer)
  const tbs = readTbsCertificate(readSigned(der).message)
  const candidate = { profile: IDEVID, issuer: undefined, now: NOW, tbs: { ...tbs, authorityKeyIdentifier: undefined } }
  const lint = CERTIFICATE_LINTS.find(({ rule }) => rule === 'idevid-authority-key-identifier')
  assert.equal(lint?.holds({ ...candidate, tbs }), true)
  assert.equal(lint.holds(candidate), false)
})

test('every profile that is built in passes, and every rule has a row, a source and a name of its own', () => {
  for (const profile of [ROOT_CA, INTERMEDIATE_CA, ISSUING_CA, DEVICE, IDEVID, VENDOR_DEVICE]) {
    assert.deepEqual(
      PROFILE_LINTS.filter(({ holds }) => !holds(profile)),
      [],
    )
  }
  const tested = new Set(REFUSED.map(({ rule }) => rule))
  for (const { rule } of KEYS) tested.add(rule)
  tested.add('idevid-authority-key-identifier')
  const ofThisFile = CERTIFICATE_LINTS.filter(({ rule }) => /^(?:key-usage-fits|idevid)-/.test(rule))
  assert.deepEqual(
    [...PROFILE_LINTS, ...ofThisFile].filter(({ rule }) => !tested.has(rule)),
    [],
  )
  assert.ok(PROFILE_LINTS.every(({ source, otherwise }) => source !== '' && otherwise !== ''))
  const rules = [...PROFILE_LINTS, ...CERTIFICATE_LINTS].map(({ rule }) => rule)
  assert.equal(new Set(rules).size, rules.length)
})

test('extensions and pointers of a profile stand in the certificate', async () => {
  const profile = {
    ...DEVICE,
    crlUrls: ['http://ca.example/list.crl'],
    ocspUrls: ['http://ca.example/ocsp'],
    issuerUrls: ['http://ca.example/issuing.cer'],
    extensions: [extension],
  }
  // The second one is filled into the template that the first left.
  for (const _time of [1, 2]) {
    const { der, extensionsNotUnderstood } = await Linted.lint(request({ profile })).sign(issuing.signer)
    const hex = toHex(der)
    for (const url of [...profile.crlUrls, ...profile.ocspUrls, ...profile.issuerUrls]) {
      assert.ok(hex.includes(toHex(Buffer.from(url))), url)
    }
    assert.ok(hex.includes('06032a030404020500'), 'OID, OCTET STRING, NULL')
    assert.deepEqual(extensionsNotUnderstood, [])
  }
})

test('any bytes as the value of an extension are judged', () => {
  const lint = PROFILE_LINTS.find(({ rule }) => rule === 'extension-values-are-der')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (value) => {
      assert.equal(typeof lint?.holds({ ...DEVICE, extensions: [{ ...extension, value }] }), 'boolean')
    }),
  )
})

function ruleNamed(rule: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isFault(error, 'CERTIFICATE_LINT_FAILED'), String(error))
    assert.equal(error.context['rule'], rule)
    return true
  }
}
