import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { messageOf } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  fromPem,
  parseCertificate,
  type SignatureAlgorithm,
  verifySignature,
} from '@birthmark/foundation/x509'
import { manifestFault } from './faults.ts'

/**
 * Who is believed to have signed a manifest: keys and certificates that came on another way than the file. Their own
 * validity and issuer do not count: they are pinned as they are.
 */
export class PinnedSigners {
  readonly #signers: readonly PinnedSigner[]

  private constructor(signers: readonly PinnedSigner[]) {
    this.#signers = signers
  }

  /**
   * Reads `CERTIFICATE` and `PUBLIC KEY` blocks.
   *
   * @throws `MANIFEST_SIGNER_UNFIT` (caller)
   */
  static fromPem(pem: string): PinnedSigners {
    try {
      const certificates = fromPem(pem, 'CERTIFICATE').map((der) => parseCertificate(der))
      const keys = fromPem(pem, 'PUBLIC KEY')
      const signers = [
        ...certificates.map((certificate) => pin(certificate.publicKey, certificate)),
        ...keys.map((key) => pin(key, undefined)),
      ]
      if (signers.length > 0) return new PinnedSigners(signers)
    } catch (error) {
      throw manifestFault('MANIFEST_SIGNER_UNFIT', { what: 'signer', why: messageOf(error) }, error)
    }
    throw manifestFault('MANIFEST_SIGNER_UNFIT', { what: 'signer', why: 'it holds no certificate and no public key' })
  }

  /**
   * Judges a JWS signature (RFC 7515 §5.2) whose protected header says this of its signer.
   *
   * @returns Why it does not count; `undefined` when a pinned signer made it.
   */
  refuseJws(claim: JwsClaim, message: Uint8Array, signature: Uint8Array): string | undefined {
    const able = this.#signers.filter(({ jwsAlgorithm }) => jwsAlgorithm === claim.algorithm)
    if (able.length === 0) return 'its algorithm is not that of a pinned signer'
    const named = able.filter(({ certificate }) => isNamed(certificate, claim))
    if (named.length === 0) return 'it names another signer than the pinned one'
    const hash = claim.algorithm === 'ES384' ? 'sha384' : 'sha256'
    const made = named.some(({ key }) => verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature))
    return made ? undefined : 'its signature was not made by a pinned signer over this content'
  }

  /** Tells whether a pinned key made this signature, as a `Signer` with this algorithm makes it. */
  made(algorithm: SignatureAlgorithm, message: Uint8Array, signature: Uint8Array): boolean {
    return this.#signers.some(({ publicKey }) => verifySignature({ publicKey, algorithm, message, signature }))
  }
}

/** What the signed header of a JWS says of its signer. */
export interface JwsClaim {
  readonly algorithm: string
  /** `kid`: the subject key identifier, hex. */
  readonly keyIdentifier: string | undefined
  /** `x5t#S256`: SHA-256 of the certificate, hex. */
  readonly thumbprint: string | undefined
}

interface PinnedSigner {
  readonly publicKey: Uint8Array
  readonly key: KeyObject
  readonly certificate: Certificate | undefined
  readonly jwsAlgorithm: string | undefined
}

function pin(publicKey: Uint8Array, certificate: Certificate | undefined): PinnedSigner {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  return { publicKey, key, certificate, jwsAlgorithm: jwsAlgorithmOf(key) }
}

/** RFC 7518 §3.1, for the kinds of keys that sign here; the key decides, not the file. */
function jwsAlgorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256'
  if (type === 'ec' && details?.namedCurve === 'secp384r1') return 'ES384'
  return type === 'rsa' && (details?.modulusLength ?? 0) >= RSA_BITS_MIN ? 'RS256' : undefined
}

/** A bare key has no names: its signature alone decides. */
function isNamed(certificate: Certificate | undefined, { keyIdentifier, thumbprint }: JwsClaim): boolean {
  if (certificate === undefined) return true
  if (thumbprint !== undefined && thumbprint !== certificate.fingerprint) return false
  const known = certificate.subjectKeyIdentifier
  return keyIdentifier === undefined || known === undefined || keyIdentifier === known
}

/** RFC 7518 §3.3. */
const RSA_BITS_MIN = 2048
