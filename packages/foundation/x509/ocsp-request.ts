import { createHash } from 'node:crypto'
import { equalBytes, toHex } from '../kernel/index.ts'
import type { Certificate } from './certificate.ts'
import { constructed, DerError, type DerReader, enterDer, readDer, TAG } from './der.ts'
import { readBoolean, readInteger, readOctetsOfBitString, readOid } from './der-values.ts'
import { x509Fault } from './faults.ts'

/** Which certificate is asked about (RFC 6960 §4.1.1). */
export interface OcspCertificateId {
  /** As it came: it goes into the answer octet by octet. */
  readonly der: Uint8Array
  /** Lower-case hex, without an octet that only says that it is positive. */
  readonly serial: string
  readonly hash: OcspHash
  readonly issuerNameHash: Uint8Array
  readonly issuerKeyHash: Uint8Array
}

/** A request for the state of certificates. */
export interface OcspRequest {
  readonly certificates: readonly OcspCertificateId[]
  /** What an answer has to repeat (RFC 9654), 1 to 128 octets. */
  readonly nonce: Uint8Array | undefined
}

/** Largest request that is read, in bytes; one about one certificate has 70 to 250. */
export const OCSP_REQUEST_BYTES_MAX = 8_192

/** Most certificates in one request; more are refused. Browsers and devices ask about one. */
export const OCSP_CERTIFICATES_COUNT_MAX = 32

/**
 * Reads an OCSP request (RFC 6960 §4.1). A signature under it is not looked at, as anybody may ask; of the extensions,
 * the nonce is read and critical ones that are not known are refused.
 *
 * @throws `OCSP_REQUEST_UNREADABLE` (peer)
 */
export function readOcspRequest(der: Uint8Array): OcspRequest {
  try {
    if (der.length > OCSP_REQUEST_BYTES_MAX) throw new DerError(`it is longer than ${OCSP_REQUEST_BYTES_MAX} bytes`)
    const outer = enterDer(Uint8Array.from(der), TAG.SEQUENCE)
    const request = readTbs(outer.enter(TAG.SEQUENCE))
    outer.takeIf(constructed(0)) // optionalSignature: anybody may ask
    outer.end()
    return request
  } catch (error) {
    if (error instanceof DerError) throw x509Fault('OCSP_REQUEST_UNREADABLE', { why: error.message }, error)
    throw error
  }
}

/** Tells whether a request is about a certificate of this issuer. */
export function isAboutIssuer(
  { hash, issuerNameHash, issuerKeyHash }: OcspCertificateId,
  issuer: Certificate,
): boolean {
  const { name, key } = issuerHashes(issuer, hash)
  return equalBytes(issuerNameHash, name) && equalBytes(issuerKeyHash, key)
}

function readTbs(fields: DerReader): OcspRequest {
  const version = fields.takeIf(constructed(0))
  if (version !== undefined && toHex(readDer(version.content, TAG.INTEGER).content) !== '00')
    throw new DerError('a version other than 1')
  fields.takeIf(constructed(1)) // requestorName: nobody vouches for it
  const certificates: OcspCertificateId[] = []
  const list = fields.enter(TAG.SEQUENCE)
  while (!list.isAtEnd) {
    if (certificates.length >= OCSP_CERTIFICATES_COUNT_MAX) throw new DerError('too many certificates')
    certificates.push(readRequest(list.enter(TAG.SEQUENCE)))
  }
  if (certificates.length === 0) throw new DerError('no certificate')
  const extensions = fields.takeIf(constructed(2))
  fields.end()
  return { certificates, nonce: extensions && readNonce(enterDer(extensions.content, TAG.SEQUENCE)) }
}

function readRequest(fields: DerReader): OcspCertificateId {
  const der = fields.raw(TAG.SEQUENCE)
  const extensions = fields.takeIf(constructed(0))
  if (extensions !== undefined) readNonce(enterDer(extensions.content, TAG.SEQUENCE))
  fields.end()
  const id = enterDer(der, TAG.SEQUENCE)
  const algorithm = id.enter(TAG.SEQUENCE)
  const oid = readOid(algorithm.content(TAG.OID))
  const parameters = algorithm.isAtEnd ? undefined : algorithm.take(NULL)
  algorithm.end()
  const hash = HASHES.get(oid)
  if (hash === undefined || (parameters?.content.length ?? 0) > 0) throw new DerError('an unknown hash')
  const issuerNameHash = id.content(TAG.OCTET_STRING)
  const issuerKeyHash = id.content(TAG.OCTET_STRING)
  const octets = readInteger(id.content(TAG.INTEGER))
  id.end()
  if (octets.length > SERIAL_OCTETS_MAX) throw new DerError('a serial number that is too long')
  const serial = toHex(octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets)
  return { der, serial, hash, issuerNameHash, issuerKeyHash }
}

/** Reads the nonce of a list of extensions, and refuses what would have to be understood. */
function readNonce(list: DerReader): Uint8Array | undefined {
  let nonce: Uint8Array | undefined
  while (!list.isAtEnd) {
    const fields = list.enter(TAG.SEQUENCE)
    const oid = readOid(fields.content(TAG.OID))
    const critical = fields.takeIf(TAG.BOOLEAN)
    const value = fields.content(TAG.OCTET_STRING)
    fields.end()
    if (oid === NONCE && nonce === undefined) nonce = readDer(value, TAG.OCTET_STRING).content
    else if (oid === NONCE || (critical !== undefined && readBoolean(critical.content)))
      throw new DerError('an extension that comes twice, or would have to be understood')
  }
  // RFC 9654 §2.1: a nonce of no octets or more than 128 is refused.
  if (nonce !== undefined && (nonce.length === 0 || nonce.length > NONCE_OCTETS_MAX))
    throw new DerError(`a nonce that does not have 1 to ${NONCE_OCTETS_MAX} octets`)
  return nonce
}

/** The hashes of an issuer's name and key, which many requests are about. */
function issuerHashes(issuer: Certificate, hash: OcspHash): { readonly name: Uint8Array; readonly key: Uint8Array } {
  const known = ISSUER_HASHES.get(issuer) ?? new Map<OcspHash, { name: Uint8Array; key: Uint8Array }>()
  ISSUER_HASHES.set(issuer, known)
  const hashes = known.get(hash) ?? {
    name: Uint8Array.from(createHash(hash).update(issuer.subjectDer).digest()),
    key: hashOfKey(issuer.publicKey, hash),
  }
  known.set(hash, hashes)
  return hashes
}

const ISSUER_HASHES = new WeakMap<Certificate, Map<OcspHash, { readonly name: Uint8Array; readonly key: Uint8Array }>>()

/** Hashes the key's own bits, without tag, length and algorithm (RFC 6960 §4.1.1). */
export function hashOfKey(spki: Uint8Array, hash: OcspHash): Uint8Array {
  const fields = enterDer(spki, TAG.SEQUENCE)
  fields.take(TAG.SEQUENCE)
  return Uint8Array.from(
    createHash(hash)
      .update(readOctetsOfBitString(fields.content(TAG.BIT_STRING)))
      .digest(),
  )
}

/** A hash that may name an issuer. SHA-1 protects nothing here: it only finds the issuer (RFC 5019 §2.1.1). */
export type OcspHash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const HASHES: ReadonlyMap<string, OcspHash> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

const NULL = 0x05
/** RFC 6960 §4.4.1: id-pkix-ocsp-nonce. */
export const NONCE = '1.3.6.1.5.5.7.48.1.2'
const NONCE_OCTETS_MAX = 128

/** Longest serial number, in octets, that is asked about: RFC 5280 §4.1.2.2 allows 20, others have made 21. */
const SERIAL_OCTETS_MAX = 32
