import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { AsnConvert, type OctetString } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  KeyUsage,
  Certificate as LibraryCertificate,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { concat, fromHex, isFault, toHex } from '../kernel/index.ts'
import { encodeSigned } from './build.ts'
import { constructed, TAG } from './der.ts'
import { encodeDer } from './der-writer.ts'
import {
  CERTIFICATE_BYTES_MAX,
  type Certificate,
  ENDPOINT,
  parseCertificate,
  parseCertificates,
  toPem,
  VENDOR_DEVICE,
} from './index.ts'
import { type Identity, makeCa, makeIdentity, makeRoot } from './testing/pki.ts'

const root = await makeRoot()
const issuing = await makeCa(root)
const endpoint = await makeIdentity(issuing, {
  profile: { ...ENDPOINT, policies: ['1.2.3.4'] },
  subject: [
    { type: 'C', value: 'DE' },
    { type: 'CN', value: 'endpoint' },
  ],
  subjectAlternativeNames: [
    { type: 'dns', value: '*.iot.example' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '2001:db8::1' },
    { type: 'email', value: 'a@example.com' },
    { type: 'uri', value: 'urn:dev:1' },
  ],
})
const vendor = await makeIdentity(issuing, { profile: VENDOR_DEVICE, subject: [] })
const ALL: readonly Identity[] = [root, issuing, endpoint, vendor]

test('says the same as OpenSSL about each certificate', () => {
  for (const { certificate } of ALL) {
    const oracle = new X509Certificate(certificate.der)
    assert.equal(certificate.fingerprint, oracle.fingerprint256.replaceAll(':', '').toLowerCase())
    assert.equal(certificate.serialNumber, oracle.serialNumber.toLowerCase())
    assert.equal(certificate.notBefore, Date.parse(oracle.validFrom))
    assert.equal(certificate.notAfter, Date.parse(oracle.validTo))
    assert.equal(certificate.isCa, oracle.ca)
    assert.deepEqual(certificate.publicKey, new Uint8Array(oracle.publicKey.export({ format: 'der', type: 'spki' })))
    assert.equal(certificate.toPem(), oracle.toString())
    const subject = certificate.subject.map(({ type, value }) => `${type}=${value}`).join('\n')
    assert.equal(subject, oracle.subject ?? '')
  }
})

test('says the same as the ASN.1 library about serial number and extensions', () => {
  for (const { certificate } of ALL) {
    const oracle = AsnConvert.parse(certificate.der, LibraryCertificate).tbsCertificate
    assert.equal(certificate.serialNumber, toHex(new Uint8Array(oracle.serialNumber)))
    for (const { extnID, extnValue } of oracle.extensions ?? []) LIBRARY_READERS.get(extnID)?.(extnValue, certificate)
  }
})

const LIBRARY_READERS: ReadonlyMap<string, (value: OctetString, ours: Certificate) => void> = new Map([
  [
    '2.5.29.14',
    (value, ours) => {
      const identifier = AsnConvert.parse(value.buffer, SubjectKeyIdentifier)
      assert.equal(ours.subjectKeyIdentifier, toHex(new Uint8Array(identifier.buffer)))
    },
  ],
  [
    '2.5.29.15',
    (value, ours) => {
      const usages: string[] = AsnConvert.parse(value.buffer, KeyUsage).toJSON()
      assert.deepEqual(
        [...(ours.keyUsage ?? [])].sort(),
        usages.map((usage) => (usage === 'crlSign' ? 'cRLSign' : usage)).sort(),
      )
    },
  ],
  [
    '2.5.29.17',
    (value, ours) => {
      const names = AsnConvert.parse(value.buffer, SubjectAlternativeName)
      const texts = names.map(
        (name) => name.dNSName ?? name.iPAddress ?? name.rfc822Name ?? name.uniformResourceIdentifier,
      )
      assert.deepEqual(
        ours.subjectAlternativeNames.map((name) => name.value),
        [...texts],
      )
    },
  ],
  [
    '2.5.29.19',
    (value, ours) => {
      const { cA, pathLenConstraint } = AsnConvert.parse(value.buffer, BasicConstraints)
      assert.deepEqual([ours.isCa, ours.pathLength], [cA, pathLenConstraint])
    },
  ],
])

test('reads what the profile and the request put in', () => {
  const { certificate } = endpoint
  assert.deepEqual(certificate.keyUsage, ['digitalSignature'])
  assert.deepEqual(certificate.extendedKeyUsage, ['serverAuth'])
  assert.deepEqual(certificate.policies, ['1.2.3.4'])
  assert.deepEqual(
    certificate.subjectAlternativeNames.map(({ type }) => type),
    ['dns', 'ip', 'ip', 'email', 'uri'],
  )
  assert.equal(certificate.subjectAlternativeNames[2]?.value, '2001:db8::1')
  assert.equal(certificate.authorityKeyIdentifier, issuing.certificate.subjectKeyIdentifier)
  assert.equal(issuing.certificate.pathLength, 0)
  assert.equal(root.certificate.pathLength, undefined)
  assert.deepEqual(vendor.certificate.subject, [])
  assert.equal(vendor.certificate.keyAlgorithm, 'ec-p256')
})

test('an issuer is found by the hash of its name, and its signature verified', () => {
  assert.equal(endpoint.certificate.issuerHash, issuing.certificate.subjectHash)
  assert.equal(endpoint.certificate.isSignedBy(issuing.certificate), true)
  assert.equal(endpoint.certificate.isSignedBy(root.certificate), false)
  assert.equal(root.certificate.isSignedBy(root.certificate), true)
})

test('a namesake with another key is not the issuer', async () => {
  const namesake = await makeCa(root)
  assert.equal(namesake.certificate.subjectHash, issuing.certificate.subjectHash)
  assert.equal(endpoint.certificate.isSignedBy(namesake.certificate), false)
})

test('reads PEM with one certificate, and bundles in their order', () => {
  const bundle = `# roots\n${root.certificate.toPem()}\n${issuing.certificate.toPem()}`
  assert.deepEqual(
    parseCertificates(bundle).map(({ fingerprint }) => fingerprint),
    [root.certificate.fingerprint, issuing.certificate.fingerprint],
  )
  assert.equal(parseCertificate(root.certificate.toPem()).fingerprint, root.certificate.fingerprint)
})

test('keeps a copy: what the caller does to the bytes afterwards changes nothing', () => {
  const bytes = Uint8Array.from(root.certificate.der)
  const certificate = parseCertificate(bytes)
  bytes.fill(0)
  assert.deepEqual(certificate.der, root.certificate.der)
})

/** The parts of a certificate, each of which a row below spoils. */
interface Parts {
  version: Uint8Array
  serialNumber: Uint8Array
  innerAlgorithm: Uint8Array
  outerAlgorithm: Uint8Array
  issuer: Uint8Array
  validity: Uint8Array
  publicKey: Uint8Array
  extensions: Uint8Array
  signature: Uint8Array
  tail: Uint8Array
}

const ECDSA_SHA256 = fromHex('300a06082a8648ce3d040302')
const SHA1_RSA = fromHex('300d06092a864886f70d0101050500')
const EMPTY_NAME = fromHex('3000')
const VALIDITY = encodeDer(TAG.SEQUENCE, utcTime('260101000000Z'), utcTime('270101000000Z'))

function craft(change: Partial<Parts> = {}): Uint8Array {
  const parts: Parts = {
    version: fromHex('a003020102'),
    serialNumber: fromHex('020101'),
    innerAlgorithm: ECDSA_SHA256,
    outerAlgorithm: change.innerAlgorithm ?? ECDSA_SHA256,
    issuer: EMPTY_NAME,
    validity: VALIDITY,
    publicKey: root.certificate.publicKey,
    extensions: new Uint8Array(),
    signature: fromHex('3006020101020101'),
    tail: new Uint8Array(),
    ...change,
  }
  const { version, serialNumber, innerAlgorithm, issuer, validity, publicKey, extensions } = parts
  const fields = [version, serialNumber, innerAlgorithm, issuer, validity, EMPTY_NAME, publicKey, extensions]
  return concat(encodeSigned(encodeDer(TAG.SEQUENCE, ...fields), parts.outerAlgorithm, parts.signature), parts.tail)
}

function utcTime(text: string): Uint8Array {
  return encodeDer(TAG.UTC_TIME, Buffer.from(text))
}

/** `[3]` with extensions, each given as the OID's content and the value in hex; `!` in front marks it critical. */
function extensions(...list: readonly [oid: string, value: string][]): Uint8Array {
  const encoded = list.map(([oid, value]) => {
    const critical = oid.startsWith('!') ? fromHex('0101ff') : new Uint8Array()
    const identifier = encodeDer(TAG.OID, fromHex(oid.replace('!', '')))
    return encodeDer(TAG.SEQUENCE, identifier, critical, encodeDer(TAG.OCTET_STRING, fromHex(value)))
  })
  return encodeDer(constructed(3), encodeDer(TAG.SEQUENCE, ...encoded))
}

test('the crafted certificate is readable before anything is spoilt', () => {
  assert.equal(parseCertificate(craft()).serialNumber, '01')
})

const REFUSED: readonly { why: string; input: Uint8Array | string }[] = [
  { why: 'nothing', input: new Uint8Array() },
  { why: 'no PEM', input: 'hello' },
  { why: 'two certificates where one is wanted', input: root.certificate.toPem().repeat(2) },
  { why: 'another label', input: toPem('CERTIFICATE REQUEST', root.certificate.der) },
  { why: 'bytes after the certificate', input: craft({ tail: fromHex('00') }) },
  { why: 'too many bytes', input: new Uint8Array(CERTIFICATE_BYTES_MAX + 1) },
  { why: 'version 4', input: craft({ version: fromHex('a003020103') }) },
  { why: 'extensions in version 1', input: craft({ version: new Uint8Array(), extensions: extensions() }) },
  { why: 'a different algorithm under the signature', input: craft({ outerAlgorithm: SHA1_RSA }) },
  { why: 'a serial number with a needless zero', input: craft({ serialNumber: fromHex('02020001') }) },
  { why: 'a validity of one time', input: craft({ validity: encodeDer(TAG.SEQUENCE, utcTime('260101000000Z')) }) },
  { why: 'a signature with unused bits', input: spoilUnusedBits(craft()) },
  { why: 'a key that is no SubjectPublicKeyInfo', input: craft({ publicKey: fromHex('3000') }) },
  { why: 'the same extension twice', input: craft({ extensions: extensions(['551d0e', '0400'], ['551d0e', '0400']) }) },
  { why: 'basic constraints of another type', input: craft({ extensions: extensions(['!551d13', '0400']) }) },
  { why: 'a negative path length', input: craft({ extensions: extensions(['!551d13', '30060101ff0201ff']) }) },
  {
    why: 'a path length above 31 bits',
    input: craft({ extensions: extensions(['551d13', '300a0101ff020500ffffffff']) }),
  },
  { why: 'an alternative name of no known type', input: craft({ extensions: extensions(['551d11', '30028f00']) }) },
  { why: 'an IP address of five octets', input: craft({ extensions: extensions(['551d11', '300787050102030405']) }) },
  { why: 'a DNS name beyond ASCII', input: craft({ extensions: extensions(['551d11', '300382 01 ff']) }) },
  { why: 'two values in one extension', input: craft({ extensions: extensions(['551d0e', '04000400']) }) },
]
for (const { why, input } of REFUSED) {
  test(`refuses a certificate with ${why}`, () => {
    assert.throws(
      () => parseCertificate(input),
      (error) => isFault(error, 'CERTIFICATE_UNREADABLE') && error.blame === 'peer',
    )
  })
}

test('a bundle without a certificate is refused', () => {
  assert.throws(
    () => parseCertificates('\n'),
    (error) => isFault(error, 'CERTIFICATE_UNREADABLE'),
  )
})

test('extensions that are not understood are named, when critical or when they restrict', () => {
  const list = extensions(['!2a03', '0500'], ['2a04', '0500'], ['551d1e', '3000'], ['!551d24', '3000'])
  assert.deepEqual(parseCertificate(craft({ extensions: list })).extensionsNotUnderstood, [
    '1.2.3',
    '2.5.29.30',
    '2.5.29.36',
  ])
})

test('reads the name of a hardware module, and passes over other otherNames', () => {
  // RFC 4108 §5: the type 1.3.6.1.4.1.99999.4 and the serial number 0a1b2c3d; then a principal name of Windows.
  const hardware = 'a01f06082b06010505070804a013301106092b06010401868d1f0404040a1b2c3d'
  const principal = 'a014060a2b060104018237140203a0060c0461406262'
  const names = `30${((hardware.length + principal.length) / 2).toString(16)}${hardware}${principal}`
  const certificate = parseCertificate(craft({ extensions: extensions(['551d11', names]) }))
  const value = '1.3.6.1.4.1.99999.4:0a1b2c3d'
  assert.deepEqual(certificate.subjectAlternativeNames, [{ type: 'hardware-module', value }])
})

test('reads issuer alternative names, directory names and passes over other kinds', () => {
  const directory = `a410300e310c300a06035504030c03${toHex(Buffer.from('foo'))}`
  const names = `30${(directory.length / 2 + 4).toString(16)}${directory}88022a03`
  const certificate = parseCertificate(craft({ extensions: extensions(['551d12', names], ['551d11', names]) }))
  assert.deepEqual(certificate.issuerAlternativeNames, [{ type: 'directory', value: 'CN=foo' }])
  assert.deepEqual(certificate.subjectAlternativeNames, [{ type: 'directory', value: 'CN=foo' }])
})

test('a signature with SHA-1 is never an issuer’s', () => {
  const certificate = parseCertificate(craft({ innerAlgorithm: SHA1_RSA }))
  assert.equal(certificate.isSignedBy(certificate), false)
})

test('a key of an unknown kind is read, and verifies nothing', () => {
  const ed25519 = fromHex(`302a300506032b6570032100${'11'.repeat(32)}`)
  const certificate = parseCertificate(craft({ publicKey: ed25519 }))
  assert.equal(certificate.keyAlgorithm, 'other')
  assert.equal(certificate.isSignedBy(certificate), false)
})

test('an EC key that is not on its curve is read, and verifies nothing', () => {
  const publicKey = Uint8Array.from(root.certificate.publicKey).fill(7, 27)
  const certificate = parseCertificate(craft({ publicKey }))
  assert.equal(certificate.isSignedBy(certificate), false)
})

test('a nest of 2000 sequences is refused without recursion', () => {
  let nest = new Uint8Array()
  for (let depth = 0; depth < 2000; depth += 1) nest = new Uint8Array(encodeDer(TAG.SEQUENCE, nest))
  assert.throws(
    () => parseCertificate(nest),
    (error) => isFault(error, 'CERTIFICATE_UNREADABLE'),
  )
  const certificate = parseCertificate(craft({ extensions: extensions(['2a04', toHex(nest)]) }))
  assert.deepEqual(certificate.extensionsNotUnderstood, [])
})

test('arbitrary bytes give a certificate or a declared fault; nothing else', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void assertReadOrRefused(bytes)))
  fc.assert(fc.property(fc.string(), (text) => void assertReadOrRefused(`-----BEGIN CERTIFICATE-----${text}`)))
})

test('real certificates with changed, removed or inserted bytes give a certificate or a declared fault', () => {
  const change = fc.record({ at: fc.nat(), remove: fc.nat({ max: 3 }), insert: fc.uint8Array({ maxLength: 3 }) })
  fc.assert(
    fc.property(
      fc.constantFrom(...ALL),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      ({ certificate }, changes) => {
        let der = certificate.der
        for (const { at, remove, insert } of changes) {
          const cut = at % der.length
          der = concat(der.subarray(0, cut), insert, der.subarray(cut + remove))
        }
        assertReadOrRefused(der)
      },
    ),
    { numRuns: 2000 },
  )
})

test('no change of a single bit leaves a certificate signed by its issuer', () => {
  const { der } = endpoint.certificate
  for (let bit = 0; bit < der.length * 8; bit += 1) {
    const changed = Uint8Array.from(der)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const certificate = assertReadOrRefused(changed)
    if (certificate !== undefined) assert.equal(certificate.isSignedBy(issuing.certificate), false, `bit ${bit}`)
  }
})

function assertReadOrRefused(input: Uint8Array | string): Certificate | undefined {
  try {
    const certificate = parseCertificate(input)
    // What was read must not surprise later either.
    certificate.isSignedBy(certificate)
    assert.match(certificate.fingerprint, /^[0-9a-f]{64}$/)
    return certificate
  } catch (error) {
    assert.ok(isFault(error, 'CERTIFICATE_UNREADABLE'), String(error))
    return undefined
  }
}

/** The octet of unused bits stands before the signature, which is the end. */
function spoilUnusedBits(der: Uint8Array): Uint8Array {
  const spoilt = Uint8Array.from(der)
  spoilt[der.length - 9] = 1
  return spoilt
}
