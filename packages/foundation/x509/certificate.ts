import { hash, type KeyObject } from 'node:crypto'
import { equalBytes, type Fault, type Instant, isFault, toHex } from '../kernel/index.ts'
import { DerError } from './der.ts'
import type { KeyUsage } from './extensions.ts'
import { x509Fault } from './faults.ts'
import type { AlternativeName } from './general-name.ts'
import type { DistinguishedName } from './name.ts'
import { fromPem, toPem } from './pem.ts'
import type { KeyAlgorithm } from './public-key.ts'
import { isSignedWith, openVerificationKey, readSigned, type Signed } from './signature.ts'
import { readTbsCertificate, type TbsCertificate } from './tbs-certificate.ts'

/**
 * Largest certificate that is read, in bytes of DER. AWS IoT takes 65 536 characters of PEM; certificates in use have
 * 500 to 8000 bytes. At the limit: `CERTIFICATE_UNREADABLE`.
 */
export const CERTIFICATE_BYTES_MAX = 65_536

/**
 * Reads one certificate.
 *
 * @param input DER, or PEM text with exactly one certificate.
 * @throws `CERTIFICATE_UNREADABLE` (peer)
 */
export function parseCertificate(input: Uint8Array | string): Certificate {
  if (typeof input !== 'string') return Certificate.fromDer(input)
  const [first, ...others] = parseCertificates(input)
  if (first === undefined || others.length > 0) throw unreadable('the text holds more than one')
  return first
}

/**
 * Reads the certificates of a PEM bundle, in order.
 *
 * @throws `CERTIFICATE_UNREADABLE` (peer), also when there is none
 */
export function parseCertificates(pem: string): Certificate[] {
  const blocks = unreadableOnFailure(() => fromPem(pem, 'CERTIFICATE'))
  if (blocks.length === 0) throw unreadable('the text holds none')
  return blocks.map((der) => Certificate.fromDer(der))
}

/** A certificate that was read, not one that was verified: see `verifyChain` for that. */
export class Certificate {
  readonly der: Uint8Array
  /** SHA-256 of the DER, 64 lower-case hex digits; AWS IoT calls it the certificate id. */
  readonly fingerprint: string
  /** Lower-case hex of the number's octets, without the zero octet that only says that it is positive. */
  readonly serialNumber: string
  readonly subject: DistinguishedName
  readonly issuer: DistinguishedName
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly isCa: boolean
  /** Most CAs that may stand between this one and a leaf; `undefined` means any number. */
  readonly pathLength: number | undefined
  readonly keyUsage: readonly KeyUsage[] | undefined
  /** `serverAuth`, `clientAuth` and the like, otherwise the dotted OID. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly subjectAlternativeNames: readonly AlternativeName[]
  readonly issuerAlternativeNames: readonly AlternativeName[]
  readonly policies: readonly string[]
  readonly subjectKeyIdentifier: string | undefined
  readonly authorityKeyIdentifier: string | undefined
  /** OIDs of extensions that must be understood and are not: who relies on the certificate has to refuse it. */
  readonly extensionsNotUnderstood: readonly string[]
  /** The DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly keyAlgorithm: KeyAlgorithm
  /** The DER of the subject's Name, which goes into what this certificate issues octet by octet. */
  readonly subjectDer: Uint8Array
  readonly #issuerDer: Uint8Array
  /** Computed when they are asked for: on a line nobody does. */
  #subjectHash: string | undefined
  #issuerHash: string | undefined
  readonly #signed: Signed
  #verificationKey: KeyObject | undefined | 'unopened' = 'unopened'

  private constructor(der: Uint8Array, tbs: TbsCertificate, signed: Signed) {
    this.der = der
    this.fingerprint = sha256(der)
    this.serialNumber = toHex(withoutSignOctet(tbs.serialNumber))
    this.subject = tbs.subject
    this.issuer = tbs.issuer
    this.notBefore = tbs.notBefore
    this.notAfter = tbs.notAfter
    this.isCa = tbs.isCa
    this.pathLength = tbs.pathLength
    this.keyUsage = tbs.keyUsage
    this.extendedKeyUsage = tbs.extendedKeyUsage
    this.subjectAlternativeNames = tbs.subjectAlternativeNames
    this.issuerAlternativeNames = tbs.issuerAlternativeNames
    this.policies = tbs.policies
    this.subjectKeyIdentifier = tbs.subjectKeyIdentifier
    this.authorityKeyIdentifier = tbs.authorityKeyIdentifier
    this.extensionsNotUnderstood = tbs.extensionsNotUnderstood
    this.publicKey = tbs.publicKey
    this.keyAlgorithm = tbs.keyAlgorithm
    this.subjectDer = tbs.subjectDer
    this.#issuerDer = tbs.issuerDer
    this.#signed = signed
  }

  /** Reads a certificate from its DER. Use `parseCertificate`. @throws `CERTIFICATE_UNREADABLE` (peer) */
  static fromDer(input: Uint8Array): Certificate {
    if (input.length > CERTIFICATE_BYTES_MAX) throw unreadable(`it is longer than ${CERTIFICATE_BYTES_MAX} bytes`)
    const der = Uint8Array.from(input)
    return unreadableOnFailure(() => {
      const signed = readSigned(der)
      const tbs = readTbsCertificate(signed.message)
      // RFC 5280 §4.1.1.2: the algorithm is said twice, once under the signature, and must be the same.
      if (!equalBytes(tbs.signatureAlgorithm, signed.algorithm)) throw new DerError('two signature algorithms')
      return new Certificate(der, tbs, signed)
    })
  }

  /** SHA-256 of the subject's DER in lower-case hex: what is the {@link issuerHash} of a certificate from here. */
  get subjectHash(): string {
    this.#subjectHash ??= sha256(this.subjectDer)
    return this.#subjectHash
  }

  /** SHA-256 of the issuer's DER in lower-case hex. */
  get issuerHash(): string {
    this.#issuerHash ??= sha256(this.#issuerDer)
    return this.#issuerHash
  }

  /** Writes the certificate as PEM. */
  toPem(): string {
    return toPem('CERTIFICATE', this.der)
  }

  /**
   * Tells whether `issuer` is named as issuer and its key made the signature. Nothing else is judged: no validity, no
   * CA flag. The issuer's key is opened once and kept.
   */
  isSignedBy(issuer: Certificate): boolean {
    if (!equalBytes(this.#issuerDer, issuer.subjectDer)) return false
    const key = issuer.#openedKey()
    return key !== undefined && isSignedWith(key, this.#signed)
  }

  #openedKey(): KeyObject | undefined {
    if (this.#verificationKey === 'unopened') this.#verificationKey = openVerificationKey(this.publicKey)
    return this.#verificationKey
  }
}

function unreadableOnFailure<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError || isFault(error, 'PEM_MALFORMED')) throw unreadable(error.message, error)
    throw error
  }
}

function unreadable(why: string, cause?: unknown): Fault {
  return x509Fault('CERTIFICATE_UNREADABLE', { why }, cause)
}

function withoutSignOctet(integer: Uint8Array): Uint8Array {
  return integer.length > 1 && integer[0] === 0 ? integer.subarray(1) : integer
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes)
}
