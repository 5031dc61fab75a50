import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Certificate, SignatureAlgorithm } from '@birthmark/foundation/x509'
import { tlsFault } from './faults.ts'
import type { TlsVersion } from './version.ts'
import { codeText } from './wire.ts'

/** A signature scheme, as RFC 8446 §4.2.3 spells it. */
export type SchemeName =
  | 'ecdsa_secp256r1_sha256'
  | 'ecdsa_secp384r1_sha384'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pkcs1_sha256'

/** Everything known about a scheme. */
export interface Scheme {
  readonly name: SchemeName
  readonly code: number
  readonly hash: 'sha256' | 'sha384'
  /** The kind of key. */
  readonly key: 'ec-p256' | 'ec-p384' | 'rsa'
  /** The versions whose handshake signatures a server may make with it; none: only for signatures in certificates. */
  readonly handshake: readonly TlsVersion[]
  /** The keys that sign this way for a client. */
  readonly signer: SignatureAlgorithm | undefined
}

/** The schemes of this client, in order of preference. */
export const SCHEMES: readonly Scheme[] = [
  {
    name: 'ecdsa_secp256r1_sha256',
    code: 0x0403,
    hash: 'sha256',
    key: 'ec-p256',
    handshake: ['TLSv1.2', 'TLSv1.3'],
    signer: 'ecdsa-p256-sha256',
  },
  {
    name: 'ecdsa_secp384r1_sha384',
    code: 0x0503,
    hash: 'sha384',
    key: 'ec-p384',
    handshake: ['TLSv1.2', 'TLSv1.3'],
    signer: 'ecdsa-p384-sha384',
  },
  // The cipher suite of TLS 1.2 is ECDHE-ECDSA: an RSA key serves TLS 1.3 only.
  { name: 'rsa_pss_rsae_sha256', code: 0x0804, hash: 'sha256', key: 'rsa', handshake: ['TLSv1.3'], signer: undefined },
  // RFC 8446 §4.2.3: stands for signatures in certificates only. A client key that signs so is of no use in TLS 1.3.
  { name: 'rsa_pkcs1_sha256', code: 0x0401, hash: 'sha256', key: 'rsa', handshake: [], signer: undefined },
]

/** Gives the scheme in which a client's key signs; `undefined` when TLS has none for this client. */
export function schemeOf(algorithm: SignatureAlgorithm): Scheme | undefined {
  return SCHEMES.find((scheme) => scheme.signer === algorithm)
}

/**
 * Checks that a server's request for a certificate takes the signatures of a client's key.
 *
 * @throws `TLS_IDENTITY_NOT_ACCEPTED`
 */
export function requireAccepted(scheme: Scheme, accepted: readonly number[]): void {
  if (!accepted.includes(scheme.code)) throw tlsFault('TLS_IDENTITY_NOT_ACCEPTED', { scheme: scheme.name })
}

/** What {@link verifySignature} judges. */
export interface SignedByServer {
  readonly version: TlsVersion
  /** The scheme that the server names. */
  readonly scheme: number
  readonly signature: Uint8Array
  /** What the server must have signed. */
  readonly message: Uint8Array
  /** The message of the handshake that carries the signature, for the fault. */
  readonly what: string
}

/**
 * Verifies a signature of the server with the key of its certificate.
 *
 * @throws `TLS_SCHEME_NOT_OFFERED`, `TLS_CERTIFICATE_KEY_UNSUPPORTED`, `TLS_SIGNATURE_INVALID`
 */
export function verifySignature(certificate: Certificate, signed: SignedByServer): void {
  const scheme = SCHEMES.find(({ code }) => code === signed.scheme)
  if (scheme === undefined || !fits(certificate, scheme, signed.version)) {
    throw tlsFault('TLS_SCHEME_NOT_OFFERED', { scheme: codeText(signed.scheme) })
  }
  const key = serverKey(certificate)
  const padding = scheme.key === 'rsa' ? PSS_PADDING : {}
  if (!verify(scheme.hash, signed.message, { key, ...padding }, signed.signature)) {
    throw tlsFault('TLS_SIGNATURE_INVALID', { what: signed.what })
  }
}

/**
 * Refuses a certificate whose key none of the schemes fits.
 *
 * @throws `TLS_CERTIFICATE_KEY_UNSUPPORTED`
 */
export function requireUsableKey(certificate: Certificate, version: TlsVersion): void {
  if (!SCHEMES.some((scheme) => fits(certificate, scheme, version))) throw tlsFault('TLS_CERTIFICATE_KEY_UNSUPPORTED')
}

/** RFC 8446 §4.2.3: TLS 1.3 ties a scheme to a curve; the ECDSA schemes of TLS 1.2 name only a hash. */
function fits({ keyAlgorithm }: Certificate, scheme: Scheme, version: TlsVersion): boolean {
  if (!scheme.handshake.includes(version)) return false
  if (scheme.key === 'rsa') return Number(/^rsa-(\d+)$/.exec(keyAlgorithm)?.[1]) >= RSA_MODULUS_BITS_MIN
  return version === 'TLSv1.3' ? keyAlgorithm === scheme.key : keyAlgorithm === 'ec-p256' || keyAlgorithm === 'ec-p384'
}

function serverKey({ publicKey }: Certificate): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  } catch (error) {
    throw tlsFault('TLS_CERTIFICATE_KEY_UNSUPPORTED', {}, error)
  }
}

/** Smallest RSA modulus of a server, in bits (NIST SP 800-131A Rev. 2 §3); else `TLS_CERTIFICATE_KEY_UNSUPPORTED`. */
export const RSA_MODULUS_BITS_MIN = 2048

/** RFC 8446 §4.2.3: the salt is as long as the hash. */
const PSS_PADDING = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
