import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import fc from 'fast-check'
import { concat, fromHex, isFault } from '../kernel/index.ts'
import { encodeSigned } from './build.ts'
import { constructed, TAG } from './der.ts'
import { encodeDer } from './der-writer.ts'
import {
  type AlternativeName,
  CSR_BYTES_MAX,
  createCsr,
  readUnverifiedCsr,
  SoftwareSigner,
  toPem,
  verifyCsr,
} from './index.ts'

const SUBJECT = [
  { type: 'O', value: 'Acme' },
  { type: 'CN', value: 'press-7' },
] as const
const NAMES: readonly AlternativeName[] = [
  { type: 'dns', value: 'press-7.example' },
  { type: 'ip', value: '2001:db8::1' },
]
const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: SUBJECT, subjectAlternativeNames: NAMES, signer })

for (const algorithm of ['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pkcs1-sha256'] as const) {
  test(`a request with ${algorithm} is made and verified`, async () => {
    const key = await SoftwareSigner.generate(algorithm)
    const verified = verifyCsr(await createCsr({ subject: SUBJECT, signer: key }))
    assert.deepEqual(verified.subject, SUBJECT)
    assert.deepEqual(verified.publicKey, key.publicKey)
    assert.deepEqual(verified.subjectAlternativeNames, [])
  })
}

test('alternative names are asked for and read, as DER and as PEM', () => {
  for (const input of [csr, toPem('CERTIFICATE REQUEST', csr)]) {
    const verified = verifyCsr(input)
    assert.deepEqual(verified.subjectAlternativeNames, NAMES)
    assert.equal(verified.keyAlgorithm, 'ec-p256')
    assert.deepEqual(verified.der, csr)
  }
})

test('the ASN.1 library reads the request as it was meant', () => {
  const { certificationRequestInfo: info } = AsnConvert.parse(csr, CertificationRequest)
  assert.equal(info.version, 0)
  assert.equal(info.attributes.length, 1)
  assert.deepEqual(new Uint8Array(AsnConvert.serialize(AsnConvert.parse(csr, CertificationRequest))), csr)
})

/** The content of one attribute list, as the rows below want it. */
function craft(attributes: Uint8Array, version = '020100'): Uint8Array {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const info = encodeDer(TAG.SEQUENCE, fromHex(version), fromHex('3000'), spki, attributes)
  return encodeSigned(info, fromHex('300a06082a8648ce3d040302'), sign('sha256', info, privateKey))
}

const CHALLENGE_PASSWORD = fromHex('3012 06092a864886f70d010907 3105 0c03616263')
const NO_EXTENSIONS = fromHex('300f 06092a864886f70d01090e 3102 3000')

test('a request without the attributes field, or with attributes of no interest, is read', () => {
  assert.deepEqual(verifyCsr(craft(new Uint8Array())).subjectAlternativeNames, [])
  const attributes = encodeDer(constructed(0), CHALLENGE_PASSWORD, NO_EXTENSIONS)
  assert.deepEqual(verifyCsr(craft(attributes)).subjectAlternativeNames, [])
})

const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 })
const weak = weakRequest()
function weakRequest(): Uint8Array {
  const spki = rsa1024.publicKey.export({ format: 'der', type: 'spki' })
  const info = encodeDer(TAG.SEQUENCE, fromHex('020100'), fromHex('3000'), spki)
  return encodeSigned(info, fromHex('300d06092a864886f70d01010b0500'), sign('sha256', info, rsa1024.privateKey))
}

const lastByte = csr.at(-1) ?? 0
const REFUSED: readonly { why: string; input: Uint8Array | string; code: string }[] = [
  { why: 'nothing', input: new Uint8Array(), code: 'CSR_UNREADABLE' },
  { why: 'no PEM', input: 'hello', code: 'CSR_UNREADABLE' },
  { why: 'a certificate’s label', input: toPem('CERTIFICATE', csr), code: 'CSR_UNREADABLE' },
  { why: 'two requests', input: toPem('CERTIFICATE REQUEST', csr).repeat(2), code: 'CSR_UNREADABLE' },
  { why: 'too many bytes', input: new Uint8Array(CSR_BYTES_MAX + 1), code: 'CSR_UNREADABLE' },
  { why: 'version 2', input: craft(fromHex('a000'), '020101'), code: 'CSR_UNREADABLE' },
  {
    why: 'two extension requests',
    input: craft(encodeDer(constructed(0), NO_EXTENSIONS, NO_EXTENSIONS)),
    code: 'CSR_UNREADABLE',
  },
  { why: 'an RSA key of 1024 bits', input: weak, code: 'CSR_KEY_UNSUPPORTED' },
  {
    why: 'a signature with one bit changed',
    input: concat(csr.subarray(0, -1), Uint8Array.of(lastByte ^ 1)),
    code: 'CSR_SIGNATURE_INVALID',
  },
]
for (const { why, input, code } of REFUSED) {
  test(`refuses a request with ${why}`, () => {
    assert.throws(
      () => verifyCsr(input),
      (error) => isFault(error, code) && error.blame === 'peer',
    )
    // Everything but the signature is judged without it as well.
    const unverified = (): unknown => readUnverifiedCsr(input)
    if (code === 'CSR_SIGNATURE_INVALID') assert.deepEqual(unverified(), input)
    else assert.throws(unverified, (error) => isFault(error, code))
  })
}

test('a request about a key that the signer does not hold is refused', async () => {
  const other = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const thief = { algorithm: signer.algorithm, publicKey: other.publicKey, sign: (m: Uint8Array) => signer.sign(m) }
  const stolen = await createCsr({ subject: SUBJECT, signer: thief })
  assert.throws(
    () => verifyCsr(stolen),
    (error) => isFault(error, 'CSR_SIGNATURE_INVALID'),
  )
})

test('an algorithm with SHA-1 is refused', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const info = encodeDer(
    TAG.SEQUENCE,
    fromHex('020100'),
    fromHex('3000'),
    publicKey.export({ format: 'der', type: 'spki' }),
  )
  const request = encodeSigned(info, fromHex('300906072a8648ce3d0401'), sign('sha1', info, privateKey))
  assert.throws(
    () => verifyCsr(request),
    (error) => isFault(error, 'CSR_SIGNATURE_INVALID'),
  )
})

const UNWRITABLE: readonly AlternativeName[] = [
  { type: 'dns', value: 'exämple' },
  { type: 'dns', value: 'a..b' },
  { type: 'dns', value: '-a.b' },
  { type: 'dns', value: 'a.*.b' },
  { type: 'dns', value: `${'a'.repeat(64)}.b` },
  { type: 'dns', value: '127.0.0.1' },
  { type: 'dns', value: '' },
  { type: 'ip', value: '1.2.3' },
  { type: 'ip', value: 'fe80::1%eth0' },
  { type: 'email', value: 'nobody' },
  { type: 'uri', value: 'no uri' },
  { type: 'directory', value: 'CN=a' },
  { type: 'hardware-module', value: '1.3.6.1.4.1.99999.4' },
  { type: 'hardware-module', value: '1.3.6.1.4.1.99999.4:0a1' },
  { type: 'hardware-module', value: 'press:0a1b' },
]
for (const name of UNWRITABLE) {
  test(`refuses to write the alternative name ${name.type}:${name.value}`, async () => {
    await assert.rejects(createCsr({ subject: [], subjectAlternativeNames: [name], signer }), (error) =>
      isFault(error, 'ALTERNATIVE_NAME_INVALID'),
    )
  })
}

test('changed bytes give a verified request or a declared fault; nothing else', () => {
  const codes = ['CSR_UNREADABLE', 'CSR_KEY_UNSUPPORTED', 'CSR_SIGNATURE_INVALID']
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 3 }), (at, remove, insert) => {
      const cut = at % csr.length
      try {
        verifyCsr(concat(csr.subarray(0, cut), insert, csr.subarray(cut + remove)))
      } catch (error) {
        assert.ok(
          codes.some((code) => isFault(error, code)),
          String(error),
        )
      }
    }),
    { numRuns: 1000 },
  )
})
