import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat, days, encodeUtf8, isFault, later } from '../kernel/index.ts'
import { constructed, enterDer, readDer, TAG } from './der.ts'
import { encodeDer, encodeOid } from './der-writer.ts'
import {
  isAboutIssuer,
  OCSP_CERTIFICATES_COUNT_MAX,
  OCSP_REQUEST_BYTES_MAX,
  type OcspCertificateId,
  ocspError,
  readOcspRequest,
  type Signer,
  SoftwareSigner,
  signOcspResponse,
  verifySignature,
} from './index.ts'
import { readSigned } from './signature.ts'
import { makeCa, makeIdentity, makeRoot, NOW } from './testing/pki.ts'

const root = await makeRoot()
const issuing = await makeCa(root)
const device = await makeIdentity(issuing)
const NULL = Uint8Array.of(0x05, 0x00)
const SHA1 = encodeDer(TAG.SEQUENCE, encodeOid('1.3.14.3.2.26'), NULL)
const NONCE_OID = encodeOid('1.3.6.1.5.5.7.48.1.2')

test('a request is read: serial number, issuer and nonce', () => {
  const request = readOcspRequest(requestOf([idOf('40aa')], [nonce(Uint8Array.of(1, 2, 3))]))
  const [asked, ...others] = request.certificates
  assert.ok(asked)
  assert.deepEqual([asked.serial, asked.hash, others.length], ['40aa', 'sha1', 0])
  assert.deepEqual(request.nonce, Uint8Array.of(1, 2, 3))
  assert.ok(isAboutIssuer(asked, issuing.certificate))
  assert.ok(!isAboutIssuer(asked, root.certificate))
  assert.equal(readOcspRequest(requestOf([idOf('00ff')])).certificates[0]?.serial, 'ff')
  assert.equal(readOcspRequest(requestOf([idOf('01')])).nonce, undefined)
})

const REFUSED: readonly (readonly [why: string, der: Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['a request about nothing', requestOf([])],
  ['too many certificates', requestOf(Array.from({ length: OCSP_CERTIFICATES_COUNT_MAX + 1 }, () => idOf('01')))],
  ['bytes after the end', concat(requestOf([idOf('01')]), Uint8Array.of(0))],
  ['a longer one than is read', new Uint8Array(OCSP_REQUEST_BYTES_MAX + 1)],
  ['an empty nonce', requestOf([idOf('01')], [nonce(new Uint8Array())])],
  ['a nonce of 129 octets', requestOf([idOf('01')], [nonce(new Uint8Array(129))])],
  ['two nonces', requestOf([idOf('01')], [nonce(Uint8Array.of(1)), nonce(Uint8Array.of(1))])],
  ['an unknown critical extension', requestOf([idOf('01')], [extension('1.2.3', Uint8Array.of(1, 1, 0xff))])],
  ['an unknown hash', requestOf([idOf('01', encodeDer(TAG.SEQUENCE, encodeOid('1.2.3'), NULL))])],
  ['a serial number of 33 octets', requestOf([idOf('01'.repeat(33))])],
  [
    'another version',
    encodeDer(TAG.SEQUENCE, encodeDer(TAG.SEQUENCE, encodeDer(constructed(0), Uint8Array.of(2, 1, 1)))),
  ],
]
for (const [why, der] of REFUSED) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => readOcspRequest(der),
      (error) => isFault(error, 'OCSP_REQUEST_UNREADABLE'),
    )
  })
}

test('arbitrary bytes, and requests with a byte changed, give a request or the one fault', () => {
  const good = requestOf([idOf('40aa')], [nonce(Uint8Array.of(1, 2, 3))])
  const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, value]) => good.with(at, value))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), changed), (bytes) => {
      try {
        const { certificates } = readOcspRequest(bytes)
        assert.ok(certificates.length > 0)
        for (const certificate of certificates) isAboutIssuer(certificate, issuing.certificate)
      } catch (error) {
        assert.ok(isFault(error, 'OCSP_REQUEST_UNREADABLE'), String(error))
      }
    }),
  )
})

test('an answer repeats question and nonce, and its signature holds; openssl reads it in testing/system', async () => {
  const [asked] = readOcspRequest(requestOf([idOf('40aa')])).certificates
  assert.ok(asked)
  const status = { kind: 'revoked', at: NOW, reason: 'keyCompromise' } as const
  const times = { thisUpdate: NOW, nextUpdate: later(NOW, days(1)) }
  const answers = [{ certificate: asked, status }]
  const der = await signOcspResponse({ answers, nonce: Uint8Array.of(9), ...times }, { signer: issuing.signer })
  const basic = basicOf(der)
  assert.ok(Buffer.from(basic).includes(Buffer.from(asked.der)))
  assert.ok(Buffer.from(basic).includes(Buffer.from(concat(NONCE_OID, Uint8Array.of(4, 3, 4, 1, 9)))))
  const { message, signature } = readSigned(basic)
  const { algorithm, publicKey } = issuing.signer
  assert.ok(verifySignature({ publicKey, algorithm, message, signature }))
  const delegated = await signOcspResponse(
    { answers, ...times },
    { signer: device.signer, certificate: device.certificate },
  )
  assert.ok(Buffer.from(delegated).includes(Buffer.from(device.certificate.der)))
})

test('an answer is signed by the key of its certificate alone, and a faulty signature does not leave', async () => {
  const request = {
    answers: [{ certificate: asked(), status: { kind: 'good' } as const }],
    thisUpdate: NOW,
    nextUpdate: NOW,
  }
  const other = await SoftwareSigner.generate('ecdsa-p256-sha256')
  await assert.rejects(signOcspResponse(request, { signer: other, certificate: device.certificate }), {
    code: 'SIGNER_MISMATCH',
  })
  const { algorithm, publicKey } = issuing.signer
  const faulty: Signer = { algorithm, publicKey, sign: (message) => issuing.signer.sign(concat(message, message)) }
  await assert.rejects(signOcspResponse(request, { signer: faulty }), { code: 'SIGNER_SIGNATURE_INVALID' })
})

test('a refusal is the five octets that RFC 6960 gives it', () => {
  assert.deepEqual(ocspError('malformedRequest'), Uint8Array.of(0x30, 3, 0x0a, 1, 1))
  assert.deepEqual(ocspError('unauthorized'), Uint8Array.of(0x30, 3, 0x0a, 1, 6))
})

function asked(): OcspCertificateId {
  const [first] = readOcspRequest(requestOf([idOf('40aa')])).certificates
  assert.ok(first)
  return first
}

function requestOf(ids: readonly Uint8Array[], extensions: readonly Uint8Array[] = []): Uint8Array {
  const list = encodeDer(TAG.SEQUENCE, ...ids.map((id) => encodeDer(TAG.SEQUENCE, id)))
  const tail = extensions.length === 0 ? [] : [encodeDer(constructed(2), encodeDer(TAG.SEQUENCE, ...extensions))]
  return encodeDer(TAG.SEQUENCE, encodeDer(TAG.SEQUENCE, list, ...tail))
}

function idOf(serialHex: string, hash: Uint8Array = SHA1): Uint8Array {
  const { subjectDer, publicKey } = issuing.certificate
  const sha1 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha1').update(bytes).digest())
  const spki = enterDer(publicKey, TAG.SEQUENCE)
  spki.take(TAG.SEQUENCE)
  const key = spki.content(TAG.BIT_STRING).subarray(1)
  return encodeDer(
    TAG.SEQUENCE,
    hash,
    encodeDer(TAG.OCTET_STRING, sha1(subjectDer)),
    encodeDer(TAG.OCTET_STRING, sha1(key)),
    encodeDer(TAG.INTEGER, Buffer.from(serialHex, 'hex')),
  )
}

function nonce(octets: Uint8Array): Uint8Array {
  const value = encodeDer(TAG.OCTET_STRING, encodeDer(TAG.OCTET_STRING, octets))
  return encodeDer(TAG.SEQUENCE, NONCE_OID, value)
}

function extension(oid: string, critical: Uint8Array): Uint8Array {
  return encodeDer(TAG.SEQUENCE, encodeOid(oid), critical, encodeDer(TAG.OCTET_STRING, encodeUtf8('x')))
}

/** The BasicOCSPResponse inside an answer. */
function basicOf(der: Uint8Array): Uint8Array {
  const fields = enterDer(der, TAG.SEQUENCE)
  fields.take(0x0a)
  const bytes = enterDer(readDer(fields.raw(constructed(0)), constructed(0)).content, TAG.SEQUENCE)
  bytes.take(TAG.OID)
  const basic = bytes.content(TAG.OCTET_STRING)
  return basic
}
