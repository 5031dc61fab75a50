import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { BUILT_IN } from './built-in-profiles.ts'
import { openAuthority } from './open.ts'
import { CheckedProfile } from './profile-file.ts'
import { sampleFindings } from './profile-sample.ts'
import { addProfile, readProfiles } from './profile-store.ts'

const METER = {
  format: 'birthmark-profile/1',
  name: 'acme-meter',
  base: 'idevid',
  subject: [
    { type: 'O', value: 'Acme' },
    { type: 'CN', value: '{product} {uidHash}' },
    { type: 'serialNumber', value: '{uid}' },
  ],
  validity: { noExpiration: true },
  backdatedSeconds: 0,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth', '1.3.6.1.4.1.99999.1'],
  policies: ['1.3.6.1.4.1.99999.2'],
  subjectAlternativeNames: 'forbidden',
  keys: ['ec-p256'],
  crlUrls: ['http://ca.acme.example/list.crl'],
  ocspUrls: ['http://ca.acme.example/ocsp'],
  issuerUrls: ['http://ca.acme.example/issuing.cer'],
  extensions: [{ oid: '1.3.6.1.4.1.99999.3', critical: false, der: 'BQA=' }],
}
const NOW = instant(Date.UTC(2026, 10, 21))

test('a profile file says everything about a certificate but its key', async (t) => {
  const options = await newAuthority(t)
  const checked = CheckedProfile.parse(JSON.stringify(METER))
  addProfile(options.folder, JSON.stringify(METER), checked)
  assert.deepEqual([...readProfiles(options.folder).keys()], ['acme-meter'])
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const uid = '0a1b2c3d4e5f6071'
  const subject = { commonName: 'press-{uid}', serialNumber: '{uid}' }
  const order = { id: 'PO-1', product: 'press', count: 1, profile: 'acme-meter', subject, locks: [] }
  await authority.admit(order)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const names = [
    { type: 'CN', value: `press-${uid}` },
    { type: 'serialNumber', value: uid },
  ]
  const { certificate } = await authority
    .station('PO-1')
    .issue({ uid, csr: await createCsr({ subject: names, signer }) })
  const made = parseCertificate(certificate)
  assert.deepEqual(made.subject[0], { type: 'O', value: 'Acme' })
  assert.deepEqual(made.subject[2], { type: 'serialNumber', value: uid })
  assert.match(made.subject[1]?.value ?? '', /^press [0-9a-f]{16}$/)
  assert.deepEqual(made.extendedKeyUsage, ['clientAuth', '1.3.6.1.4.1.99999.1'])
  assert.deepEqual(made.policies, ['1.3.6.1.4.1.99999.2'])
  assert.equal(new Date(made.notAfter).toISOString(), '9999-12-31T23:59:59.000Z')
})

test('a profile names the hardware as IEEE 802.1AR does, with the number of the element', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const { subjectAlternativeNames: _forbidden, ...open } = METER
  const profile = JSON.stringify({ ...open, hardwareType: '1.3.6.1.4.1.99999.4' })
  addProfile(options.folder, profile, CheckedProfile.parse(profile))
  await authority.close()
  const again = await openAuthority(options)
  t.after(() => again.close())
  const uid = '0a1b2c3d4e5f6071'
  await again.admit({ id: 'PO-1', product: 'press', count: 1, profile: 'acme-meter', subject: {}, locks: [] })
  const csr = await createCsr({ subject: [], signer: await SoftwareSigner.generate('ecdsa-p256-sha256') })
  const { certificate } = await again.station('PO-1').issue({ uid, csr })
  assert.deepEqual(parseCertificate(certificate).subjectAlternativeNames, [
    { type: 'hardware-module', value: `1.3.6.1.4.1.99999.4:${uid}` },
  ])
  // Nobody says which hardware it is: outside a work order there is no number.
  await assert.rejects(again.issue({ kind: 'device', csr, profile: CheckedProfile.parse(profile) }), {
    code: 'PROFILE_VALUE_MISSING',
  })
})

test('placeholders of the request are filled from the CSR, and a missing one is refused', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const subject = [
    { type: 'OU', value: 'line 7' },
    { type: 'CN', value: 'meter {request.CN}' },
  ]
  const profile = CheckedProfile.parse(JSON.stringify({ format: 'birthmark-profile/1', name: 'plain', subject }))
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: '12' }], signer })
  const { certificate } = await authority.issue({ kind: 'device', csr, profile })
  assert.deepEqual(parseCertificate(certificate).subject.at(-1), { type: 'CN', value: 'meter 12' })
  const nameless = await createCsr({ subject: [], signer })
  await assert.rejects(authority.issue({ kind: 'device', csr: nameless, profile }), { code: 'PROFILE_VALUE_MISSING' })
  await assert.rejects(authority.issue({ kind: 'device', csr, profile: 'absent' }), { code: 'PROFILE_UNKNOWN' })
  await assert.rejects(authority.issue({ kind: 'device', csr, profile: 'issuing-ca' }), {
    code: 'AUTHORITY_PURPOSE_OTHER',
  })
  await assert.rejects(authority.issue({ kind: 'ca', csr, profile: 'issuing-ca' }), { code: 'AUTHORITY_PURPOSE_OTHER' })
})

const OPEN = { ...METER, subjectAlternativeNames: undefined }
const change = (members: object): string => JSON.stringify({ ...METER, ...members })
const REFUSED: readonly (readonly [why: string, text: string, says: RegExp])[] = [
  ['no JSON', 'name: meter', /not JSON/],
  ['hardware where names are forbidden', change({ hardwareType: '1.3.6.1.4.1.99999.4' }), /without other alternative/],
  ['hardware that is no OID', JSON.stringify({ ...OPEN, hardwareType: 'press' }), /hardwareType must be a dotted OID/],
  ['another format', change({ format: 'birthmark-profile/2' }), /format must be/],
  ['a member that is misspelt', change({ keyUsages: [] }), /"keyUsages" is not known/],
  ['a name of a built-in profile', change({ name: 'device' }), /name is that of a profile built in/],
  ['a name that is none', change({ name: '../x' }), /name must be/],
  ['a base that is none', change({ base: 'root-ca' }), /base must be/],
  ['two ends', change({ validity: { days: 1, noExpiration: true } }), /validity.days must stand alone/],
  ['no end', change({ validity: {} }), /must stand alone/],
  ['noExpiration false', change({ validity: { noExpiration: false } }), /must be true/],
  ['a validity of centuries', change({ validity: { days: 40_000 } }), /validity.days must be a whole number/],
  ['an unknown placeholder', change({ subject: [{ type: 'CN', value: '{serial}' }] }), /subject\[0\].value must be/],
  ['a control character', change({ subject: [{ type: 'CN', value: 'a\nb' }] }), /subject\[0\].value must be/],
  ['no subject', change({ subject: [] }), /must name the device/],
  ['an https pointer', change({ crlUrls: ['https://a.example'] }), /crlUrls must be/],
  ['a policy in words', change({ policies: ['mine'] }), /policies must be/],
  ['an extension that is no DER', change({ extensions: [{ oid: '1.2.3', der: 'MAE=' }] }), /extension-values-are-der/],
  ['a key usage as an extension', change({ extensions: [{ oid: '2.5.29.15', der: 'BQA=' }] }), /one-origin/],
  ['a policy twice', change({ policies: ['1.2.3', '1.2.3'] }), /policies-once: .* \(RFC 5280 §4\.2\.1\.4\)/],
  ['ML-DSA for an IDevID', change({ keys: ['ml-dsa-65'] }), /idevid-signature-suite/],
]
for (const [why, text, says] of REFUSED) {
  test(`a profile with ${why} is refused`, () => {
    assert.throws(() => CheckedProfile.parse(text), { code: 'PROFILE_INVALID', blame: 'operator', message: says })
  })
}

test('what only a certificate shows is found by its sample, with the rule and its source', async () => {
  const findings = async (members: object): Promise<readonly string[]> =>
    (await sampleFindings(CheckedProfile.parse(change(members)), NOW)).map(({ rule, key }) => `${rule} ${key}`)
  assert.deepEqual(await findings({}), [])
  assert.deepEqual(await findings({ keyUsage: ['keyEncipherment'], extendedKeyUsage: [] }), [
    'key-usage-fits-ec-key ec-p256',
    'idevid-key-usage ec-p256',
  ])
  assert.deepEqual(await findings({ validity: { days: 10 } }), ['idevid-has-no-expiration ec-p256'])
  assert.deepEqual(await findings({ subject: [{ type: 'C', value: 'Norway' }] }), ['subject-can-be-written ec-p256'])
  assert.deepEqual(await findings({ base: 'issuing-ca', subject: [{ type: 'CN', value: 'x' }], pathLength: 0 }), [
    'ca-flag-agrees-with-key-usage ec-p256',
  ])
})

test('every built-in profile passes with every kind of key that it allows', async () => {
  for (const name of ['device', 'vendor-device', 'endpoint', 'issuing-ca', 'intermediate-ca'] as const) {
    const found = await sampleFindings(CheckedProfile.builtIn(name, { mlDsa: true }), NOW)
    assert.deepEqual(found, [], name)
  }
  assert.equal(Object.keys(BUILT_IN).length, 8)
})

test('a profile in the folder that was changed by hand is found out when the authority opens', async (t) => {
  const options = await newAuthority(t)
  const checked = CheckedProfile.parse(JSON.stringify(METER))
  addProfile(options.folder, change({ name: 'other' }), checked)
  await assert.rejects(openAuthority(options), { code: 'AUTHORITY_DAMAGED', message: /not named after its profile/ })
  addProfile(options.folder, change({ policies: 7 }), checked)
  await assert.rejects(openAuthority(options), { code: 'AUTHORITY_DAMAGED', message: /policies must be/ })
})

test('any text is a profile or a declared fault; nothing else', () => {
  const spoilt = fc.record(
    { subject: fc.anything(), validity: fc.anything(), extensions: fc.anything(), keys: fc.anything() },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        spoilt.map((members) => change(members)),
      ),
      (text) => {
        try {
          CheckedProfile.parse(text)
        } catch (error) {
          assert.ok(error instanceof Error && 'code' in error)
          assert.equal(error.code, 'PROFILE_INVALID')
        }
      },
    ),
  )
})
