import { type Instant, instant } from '../kernel/index.ts'
import { constructed, DerError, type DerReader, enterDer, primitive, readDer, TAG } from './der.ts'
import { readInteger, readSmallInteger, readTime } from './der-values.ts'
import { type Extensions, NO_EXTENSIONS, readExtensions } from './extensions.ts'
import { type DistinguishedName, readName } from './name.ts'
import { type KeyAlgorithm, readKeyAlgorithm } from './public-key.ts'

/** What stands under a certificate's signature (RFC 5280 §4.1.2). */
export interface TbsCertificate extends Extensions {
  readonly serialNumber: Uint8Array
  /** The DER AlgorithmIdentifier inside the signed part. */
  readonly signatureAlgorithm: Uint8Array
  readonly subject: DistinguishedName
  readonly issuer: DistinguishedName
  /** The names' own DER. */
  readonly subjectDer: Uint8Array
  readonly issuerDer: Uint8Array
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly publicKey: Uint8Array
  readonly keyAlgorithm: KeyAlgorithm
}

/** Reads the DER of a TBSCertificate (RFC 5280 §4.1). */
export function readTbsCertificate(der: Uint8Array): TbsCertificate {
  const fields = enterDer(der, TAG.SEQUENCE)
  const version = readVersion(fields)
  const serialNumber = readInteger(fields.content(TAG.INTEGER))
  const signatureAlgorithm = fields.raw(TAG.SEQUENCE)
  const issuerDer = fields.raw(TAG.SEQUENCE)
  const validity = fields.enter(TAG.SEQUENCE)
  const notBefore = instant(readTime(validity.next()))
  const notAfter = instant(readTime(validity.next()))
  validity.end()
  const subjectDer = fields.raw(TAG.SEQUENCE)
  const publicKey = fields.raw(TAG.SEQUENCE)
  fields.takeIf(primitive(1)) // issuerUniqueID: read by nobody
  fields.takeIf(primitive(2)) // subjectUniqueID
  const extensions = readExtensionsField(fields, version)
  fields.end()
  return {
    serialNumber,
    signatureAlgorithm,
    issuer: readName(issuerDer),
    issuerDer,
    notBefore,
    notAfter,
    subject: readName(subjectDer),
    subjectDer,
    publicKey,
    keyAlgorithm: readKeyAlgorithm(publicKey),
    ...extensions,
  }
}

/** 0 is version 1, and absent; 2 is version 3. */
function readVersion(fields: DerReader): number {
  const field = fields.takeIf(constructed(0))
  const version = field === undefined ? 0 : readSmallInteger(readDer(field.content, TAG.INTEGER).content)
  if (version > 2) throw new DerError('a version above 3')
  return version
}

function readExtensionsField(fields: DerReader, version: number): Extensions {
  const field = fields.takeIf(constructed(3))
  if (field === undefined) return NO_EXTENSIONS
  if (version !== 2) throw new DerError('extensions before version 3')
  return readExtensions(enterDer(field.content, TAG.SEQUENCE))
}
