/** Our X.509 against the openssl command, both ways: it judges what we make, we read what it makes. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encodeUtf8, isFault } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import {
  type Certificate,
  type CertificateProfile,
  createCsr,
  DEVICE,
  type DistinguishedName,
  ENDPOINT,
  formatName,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  parseCertificate,
  ROOT_CA,
  type SignatureAlgorithm,
  SoftwareSigner,
  toPem,
  VENDOR_DEVICE,
  verifyChain,
  verifyCsr,
  verifySignature,
} from '@birthmark/foundation/x509'

const folder = mkdtempSync(join(tmpdir(), 'birthmark-x509-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const ALGORITHMS: readonly SignatureAlgorithm[] = ['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pkcs1-sha256']
const PASSPHRASE = 'correct horse battery staple'

for (const algorithm of ALGORITHMS) {
  test(`openssl verifies a chain whose CAs sign with ${algorithm}`, async () => {
    const root = await SoftwareSigner.generate(algorithm)
    const ca = await SoftwareSigner.generate(algorithm)
    const rootCertificate = await issue({
      profile: ROOT_CA,
      subject: named('Root ü'),
      key: root,
      issuer: 'self',
      by: root,
    })
    const issuer = { certificate: rootCertificate }
    const caCertificate = await issue({ profile: ISSUING_CA, subject: named('Issuing'), key: ca, issuer, by: root })
    const below = {
      issuer: { certificate: caCertificate },
      by: ca,
      key: await SoftwareSigner.generate('ecdsa-p256-sha256'),
    }
    const device = await issue({ ...below, profile: DEVICE, subject: named('press-7') })
    const names = [{ type: 'dns', value: '*.iot.example' }] as const
    const endpoint = await issue({ ...below, profile: ENDPOINT, subject: [], names })
    const files = [
      '-CAfile',
      file('root.pem', rootCertificate.toPem()),
      '-untrusted',
      file('ca.pem', caCertificate.toPem()),
    ]
    const strictly = (...more: string[]): string => openssl('verify', '-x509_strict', ...files, ...more)
    assert.match(strictly('-purpose', 'sslclient', file('device.pem', device.toPem())), /device\.pem: OK/)
    const host = ['-purpose', 'sslserver', '-verify_hostname', 'a.iot.example']
    assert.match(strictly(...host, file('endpoint.pem', endpoint.toPem())), /endpoint\.pem: OK/)
    // RFC 5280 forbids an empty subject without names, chip vendors ship it: not strictly.
    const chip = await issue({ ...below, profile: { ...VENDOR_DEVICE, policies: ['1.2.3.4'] }, subject: [] })
    assert.match(openssl('verify', ...files, '-purpose', 'sslclient', file('chip.pem', chip.toPem())), /chip\.pem: OK/)
  })

  test(`openssl verifies a request with ${algorithm}, and reads its names`, async () => {
    const signer = await SoftwareSigner.generate(algorithm)
    const subjectAlternativeNames = [{ type: 'dns', value: 'press-7.example' }] as const
    const csr = await createCsr({ subject: named('press-7'), subjectAlternativeNames, signer })
    const input = file('our.csr', toPem('CERTIFICATE REQUEST', csr))
    const { stdout, stderr } = run(['req', '-verify', '-noout', '-text', '-in', input])
    assert.match(stderr, /verify OK/)
    assert.match(stdout, /DNS:press-7\.example/)
  })

  test(`openssl opens our encrypted ${algorithm} key, and signs with it as we do`, async () => {
    const signer = await SoftwareSigner.generate(algorithm)
    const { publicKey } = signer
    const key = file('our.key', signer.toEncryptedPem(PASSPHRASE))
    const opened = openssl('pkey', '-in', key, '-passin', `pass:${PASSPHRASE}`, '-pubout')
    assert.equal(opened, toPem('PUBLIC KEY', publicKey))
    const message = encodeUtf8('message')
    const hash = algorithm.endsWith('384') ? '-sha384' : '-sha256'
    const options = ['-sign', key, '-passin', `pass:${PASSPHRASE}`, '-out', join(folder, 'signature')]
    openssl('dgst', hash, ...options, file('message', message))
    const signature = new Uint8Array(readFileSync(join(folder, 'signature')))
    assert.ok(verifySignature({ publicKey, algorithm, message, signature }))
  })
}

test('opens keys that openssl encrypted', async () => {
  const kinds = [
    ['EC', 'ec_paramgen_curve:P-256'],
    ['EC', 'ec_paramgen_curve:P-384'],
    ['RSA', 'rsa_keygen_bits:2048'],
  ] as const
  for (const [algorithm, option] of kinds) {
    const key = join(folder, 'their.key')
    openssl(
      'genpkey',
      '-algorithm',
      algorithm,
      '-pkeyopt',
      option,
      '-aes-256-cbc',
      '-pass',
      `pass:${PASSPHRASE}`,
      '-out',
      key,
    )
    const signer = SoftwareSigner.fromEncryptedPem(readFileSync(key, 'utf8'), PASSPHRASE)
    const publicKey = openssl('pkey', '-in', key, '-passin', `pass:${PASSPHRASE}`, '-pubout')
    assert.equal(toPem('PUBLIC KEY', signer.publicKey), publicKey)
  }
})

/** ASN1_STRING masks of asn1(3): how openssl may write a name. */
const STRING_TYPES: readonly { what: string; mask: string; tag: string; text: string }[] = [
  { what: 'UTF8String', mask: 'MASK:0x2000', tag: 'UTF8STRING', text: 'München 😀' },
  { what: 'PrintableString', mask: 'MASK:0x2', tag: 'PRINTABLESTRING', text: 'Munich (7)' },
  { what: 'BMPString', mask: 'MASK:0x800', tag: 'BMPSTRING', text: 'München' },
  { what: 'TeletexString', mask: 'MASK:0x4', tag: 'T61STRING', text: 'München' },
]
for (const { what, mask, tag, text } of STRING_TYPES) {
  test(`reads a name that openssl wrote as ${what}`, () => {
    const pem = selfSigned({ key: EC_P256, config: `string_mask=${mask}`, subject: `/CN=${text}` })
    assert.match(openssl('asn1parse', '-in', file('name.pem', pem)), new RegExp(tag))
    assert.deepEqual(parseCertificate(pem).subject, named(text))
  })
}

test('reads every attribute, multi-valued parts and all extensions as openssl wrote them', () => {
  const subject = '/C=DE/ST=BY/L=M/O=Acme+OU=Presses/CN=a+serialNumber=7/dnQualifier=q/title=t/SN=s/GN=g/initials=i'
  const rest = '/pseudonym=p/generationQualifier=II/DC=example/emailAddress=a@example.com'
  const extensions = [
    'basicConstraints=critical,CA:TRUE,pathlen:3',
    'keyUsage=critical,keyCertSign,cRLSign,digitalSignature',
    'extendedKeyUsage=serverAuth,clientAuth,1.2.3.4',
    'subjectAltName=DNS:a.example,IP:10.0.0.1,IP:2001:db8::1,email:a@example.com,URI:urn:x,dirName:dir,RID:1.2.3.4',
    'issuerAltName=DNS:issuer.example',
    'certificatePolicies=1.2.3.4,1.2.3.5',
    'nameConstraints=critical,permitted;DNS:.example',
  ]
  const pem = selfSigned({ key: EC_P256, subject: subject + rest, extensions })
  const certificate = parseCertificate(pem)
  const types = certificate.subject.map(({ type, value }) => `${type}=${value}`).join(' ')
  const ours = 'C=DE ST=BY L=M O=Acme OU=Presses CN=a serialNumber=7 dnQualifier=q title=t SN=s GN=g initials=i'
  assert.equal(types, `${ours} pseudonym=p generationQualifier=II DC=example emailAddress=a@example.com`)
  assert.deepEqual([certificate.isCa, certificate.pathLength], [true, 3])
  assert.deepEqual(certificate.keyUsage, ['digitalSignature', 'keyCertSign', 'cRLSign'])
  assert.deepEqual(certificate.extendedKeyUsage, ['serverAuth', 'clientAuth', '1.2.3.4'])
  assert.deepEqual(
    certificate.subjectAlternativeNames.map(({ type, value }) => `${type}:${value}`),
    ['dns:a.example', 'ip:10.0.0.1', 'ip:2001:db8::1', 'email:a@example.com', 'uri:urn:x', 'directory:O=Acme,CN=dir'],
  )
  assert.deepEqual(certificate.issuerAlternativeNames, [{ type: 'dns', value: 'issuer.example' }])
  assert.deepEqual(certificate.policies, ['1.2.3.4', '1.2.3.5'])
  assert.deepEqual(certificate.extensionsNotUnderstood, ['2.5.29.30'])
  assert.ok(certificate.isSignedBy(certificate))
})

const EC_P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const EC_P384 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384']
const EC_P521 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521']
const RSA_2048 = ['-newkey', 'rsa:2048']
const PSS = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest']

/** What openssl signs with, and whether we take it (AWS IoT Core: X.509 client certificates, accepted algorithms). */
const SIGNATURES: readonly { key: readonly string[]; algorithm: string; accepted: boolean }[] = [
  { key: [...EC_P256, '-sha256'], algorithm: 'ec-p256', accepted: true },
  { key: [...EC_P384, '-sha384'], algorithm: 'ec-p384', accepted: true },
  { key: [...EC_P521, '-sha512'], algorithm: 'ec-p521', accepted: true },
  { key: [...RSA_2048, '-sha256'], algorithm: 'rsa-2048', accepted: true },
  { key: [...RSA_2048, '-sha384'], algorithm: 'rsa-2048', accepted: true },
  { key: [...RSA_2048, '-sha512'], algorithm: 'rsa-2048', accepted: true },
  { key: [...RSA_2048, '-sha256', ...PSS], algorithm: 'rsa-2048', accepted: true },
  { key: [...RSA_2048, '-sha384', ...PSS], algorithm: 'rsa-2048', accepted: true },
  { key: [...RSA_2048, '-sha512', ...PSS], algorithm: 'rsa-2048', accepted: true },
  { key: [...RSA_2048, '-sha1'], algorithm: 'rsa-2048', accepted: false },
  { key: [...EC_P256, '-sha1'], algorithm: 'ec-p256', accepted: false },
  { key: ['-newkey', 'rsa:1024', '-sha256'], algorithm: 'rsa-1024', accepted: false },
  { key: ['-newkey', 'ed25519'], algorithm: 'other', accepted: false },
]
for (const { key, algorithm, accepted } of SIGNATURES) {
  test(`${accepted ? 'accepts' : 'does not accept'} a certificate made with ${key.slice(1).join(' ')}`, () => {
    const certificate = parseCertificate(selfSigned({ key, subject: '/CN=a' }))
    assert.equal(certificate.keyAlgorithm, algorithm)
    assert.equal(certificate.isSignedBy(certificate), accepted)
  })
}

test('verifies requests that openssl made, with the names they ask for', () => {
  for (const key of [EC_P256, EC_P384, EC_P521, RSA_2048]) {
    const names = ['-addext', 'subjectAltName=DNS:a.example,IP:10.0.0.1', '-addext', 'keyUsage=digitalSignature']
    const pem = openssl(
      'req',
      '-new',
      ...key,
      '-nodes',
      '-keyout',
      join(folder, 'key'),
      '-subj',
      '/O=Acme/CN=a',
      ...names,
    )
    const verified = verifyCsr(pem)
    assert.equal(formatName(verified.subject), 'CN=a,O=Acme')
    assert.deepEqual(
      verified.subjectAlternativeNames.map(({ value }) => value),
      ['a.example', '10.0.0.1'],
    )
  }
})

test('refuses what openssl made too weak', () => {
  const weak = openssl('req', '-new', '-newkey', 'rsa:1024', '-nodes', '-keyout', join(folder, 'key'), '-subj', '/CN=a')
  assert.throws(
    () => verifyCsr(weak),
    (error) => isFault(error, 'CSR_KEY_UNSUPPORTED'),
  )
})

test('a device that openssl certified below our CA passes our chain, and the other way round', async () => {
  const ca = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const anchor = await issue({ profile: ROOT_CA, subject: named('Ours'), key: ca, issuer: 'self', by: ca })
  const device = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = toPem('CERTIFICATE REQUEST', await createCsr({ subject: named('theirs'), signer: device }))
  const key = file('ca.key', ca.toEncryptedPem(PASSPHRASE))
  const signing = ['-CA', file('ca.pem', anchor.toPem()), '-CAkey', key, '-passin', `pass:${PASSPHRASE}`]
  const pem = openssl('x509', '-req', '-in', file('device.csr', csr), ...signing, '-CAcreateserial', '-days', '10')
  const leaf = parseCertificate(pem)
  const now = systemClock.now()
  const chain = verifyChain({ leaf, intermediates: [], anchors: [anchor], now, purpose: 'clientAuth' })
  assert.equal(chain.anchor, anchor)
})

interface Order {
  readonly profile: CertificateProfile
  readonly subject: DistinguishedName
  readonly names?: readonly { readonly type: 'dns'; readonly value: string }[]
  readonly key: SoftwareSigner
  readonly issuer: 'self' | { readonly certificate: Certificate }
  readonly by: SoftwareSigner
}

function issue({ profile, subject, names = [], key, issuer, by }: Order): Promise<Certificate> {
  const serialNumber = newSerialNumber(systemEntropy)
  const now = systemClock.now()
  const request = {
    profile,
    subject,
    subjectAlternativeNames: names,
    publicKey: key.publicKey,
    issuer,
    serialNumber,
    now,
  }
  return Linted.lint(request).sign(by)
}

interface SelfSigned {
  readonly key: readonly string[]
  readonly subject: string
  readonly config?: string
  readonly extensions?: readonly string[]
}

/** Lets openssl make a self-signed certificate and gives its PEM. */
function selfSigned({ key, subject, config = '', extensions = [] }: SelfSigned): string {
  const sections = ['[req]', 'distinguished_name=empty', 'x509_extensions=extensions', config, '[empty]']
  const lines = [...sections, '[dir]', 'CN=dir', 'O=Acme', '[extensions]', ...extensions]
  const options = ['-config', file('req.cnf', lines.join('\n')), '-utf8', '-nodes', '-keyout', join(folder, 'key')]
  return openssl('req', '-x509', ...key, ...options, '-multivalue-rdn', '-days', '2', '-subj', subject)
}

function named(value: string): DistinguishedName {
  return [{ type: 'CN', value }]
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function openssl(...args: readonly string[]): string {
  return run(args).stdout
}

/** Runs openssl; what it has to say about success goes to standard error. */
function run(args: readonly string[]): { readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (error !== undefined)
    throw new Error('this test needs the openssl command: install the package openssl', { cause: error })
  assert.equal(status, 0, `openssl ${args.join(' ')}\n${stderr}`)
  return { stdout, stderr }
}
