import type { Fault } from '../kernel/index.ts'
import { constructed, DerError, DerReader, TAG } from './der.ts'
import { readOid } from './der-values.ts'
import { x509Fault } from './faults.ts'

/**
 * Largest PKCS#7 bundle that is read, in bytes: the longest that the reader of DER follows, some 20 000 certificates.
 * At the limit: `PKCS7_UNREADABLE`.
 */
export const PKCS7_BYTES_MAX = 16_777_215

/**
 * Takes the certificates out of a PKCS#7 bundle: `SignedData` without content and without signers (RFC 2315 §9.1, RFC
 * 5652 §5.1), in DER. What `openssl crl2pkcs7 -nocrl` and CAs write as `.p7b` is such a bundle.
 *
 * @returns The DER of each, in the order in which they stand there; whether each is a certificate was not looked at.
 * @throws `PKCS7_UNREADABLE` (peer), also when somebody signed it: that signature would not be checked here
 */
export function readPkcs7Certificates(der: Uint8Array): Uint8Array[] {
  if (der.length > PKCS7_BYTES_MAX) throw unreadable(`it is longer than ${PKCS7_BYTES_MAX} bytes`)
  try {
    return readSignedData(openContent(der))
  } catch (error) {
    if (error instanceof DerError) throw unreadable(error.message, error)
    throw error
  }
}

function openContent(der: Uint8Array): DerReader {
  const file = new DerReader(der)
  const contentInfo = file.enter(TAG.SEQUENCE)
  file.end()
  if (readOid(contentInfo.content(TAG.OID)) !== SIGNED_DATA) throw new DerError('it holds no SignedData')
  const explicit = contentInfo.enter(constructed(0))
  contentInfo.end()
  const signedData = explicit.enter(TAG.SEQUENCE)
  explicit.end()
  return signedData
}

function readSignedData(signedData: DerReader): Uint8Array[] {
  signedData.take(TAG.INTEGER)
  signedData.take(TAG.SET)
  const content = signedData.enter(TAG.SEQUENCE)
  content.take(TAG.OID)
  if (!content.isAtEnd) throw new DerError('it carries content beside certificates')
  const certificates = signedData.takeIf(constructed(0))
  signedData.takeIf(constructed(1))
  const signers = signedData.take(TAG.SET)
  signedData.end()
  if (signers.content.length > 0) throw new DerError('it is signed: only bundles of bare certificates are read')
  const found: Uint8Array[] = []
  for (const each = new DerReader(certificates?.content ?? new Uint8Array()); !each.isAtEnd; ) {
    found.push(each.raw(TAG.SEQUENCE))
  }
  return found
}

function unreadable(why: string, cause?: unknown): Fault {
  return x509Fault('PKCS7_UNREADABLE', { why }, cause)
}

/** RFC 5652 §5.1. */
const SIGNED_DATA = '1.2.840.113549.1.7.2'
