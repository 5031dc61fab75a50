import { days, type Instant, instant, type Millis, seconds } from '../kernel/index.ts'
import type { KeyUsage } from './extensions.ts'

/** What an issuer decides about a kind of certificate, apart from subject and key; derive one with `{ ...DEVICE }`. */
export interface CertificateProfile {
  readonly name: string
  /** How long after now, or until when; {@link NO_EXPIRATION} for an identity that lasts as long as its device. */
  readonly validity: { readonly lasts: Millis } | { readonly until: Instant }
  /** How long before now the validity begins, for devices whose clock is behind; never before the issuer's own. */
  readonly backdated: Millis
  readonly isCa: boolean
  /** Most CAs below this one; `undefined` means any number. Only for a CA. */
  readonly pathLength: number | undefined
  /** At least one; the extension is critical. */
  readonly keyUsage: readonly KeyUsage[]
  /** `serverAuth`, `clientAuth` and the like, or dotted OIDs; none leaves the extension out. */
  readonly extendedKeyUsage: readonly string[]
  /** Dotted OIDs; none leaves the extension out. */
  readonly policies: readonly string[]
  /** Whether a device may go without a name, as chip vendors have it; a CA never may. */
  readonly subject: 'required' | 'optional'
  readonly subjectAlternativeNames: 'required' | 'optional' | 'forbidden'
  readonly keys: readonly KeyKind[]
  /** Where revocation lists are, `http:` URLs; none leaves the extension out (RFC 5280 §4.2.1.13). */
  readonly crlUrls?: readonly string[]
  /** Where OCSP answers, and where the issuer's certificate is, `http:` URLs (RFC 5280 §4.2.2.1). */
  readonly ocspUrls?: readonly string[]
  readonly issuerUrls?: readonly string[]
  /** Extensions that no other member makes. */
  readonly extensions?: readonly ProfileExtension[]
  /** The standard whose rules certificates have to keep beside those of RFC 5280. */
  readonly standard?: 'ieee-802.1ar'
}

/** An extension as it goes into every certificate of a profile. */
export interface ProfileExtension {
  /** Dotted OID. */
  readonly oid: string
  /** Whoever relies on a certificate refuses it when he does not understand a critical extension. */
  readonly critical: boolean
  /** The DER of its value, without the OCTET STRING around it. */
  readonly value: Uint8Array
}

/** A kind of key that a profile may allow; `rsa` means 2048 to 4096 bits. */
export type KeyKind = 'ec-p256' | 'ec-p384' | 'ec-p521' | 'rsa' | 'ml-dsa-65'

/**
 * 9999-12-31T23:59:59Z: no well-defined expiration (RFC 5280 §4.1.2.5), as IEEE 802.1AR wants it for an identity that
 * a device is born with.
 */
export const NO_EXPIRATION: Instant = instant(253_402_300_799_000)

const ANY_KEY: readonly KeyKind[] = ['ec-p256', 'ec-p384', 'ec-p521', 'rsa']
/** What a {@link Signer} can be. */
const SIGNER_KEY: readonly KeyKind[] = ['ec-p256', 'ec-p384', 'rsa']

/** A root: signs issuing CAs, and itself. */
export const ROOT_CA: CertificateProfile = {
  name: 'root-ca',
  validity: { lasts: days(40 * 365) },
  backdated: seconds(3600),
  isCa: true,
  pathLength: undefined,
  keyUsage: ['keyCertSign', 'cRLSign'],
  extendedKeyUsage: [],
  policies: [],
  subject: 'required',
  subjectAlternativeNames: 'forbidden',
  keys: SIGNER_KEY,
}

/** A CA that signs devices and endpoints, and no other CA. */
export const ISSUING_CA: CertificateProfile = {
  ...ROOT_CA,
  name: 'issuing-ca',
  validity: { lasts: days(30 * 365) },
  pathLength: 0,
}

/** A CA between the root and issuing CAs: signs CAs that sign devices, and nothing else. */
export const INTERMEDIATE_CA: CertificateProfile = {
  ...ROOT_CA,
  name: 'intermediate-ca',
  validity: { lasts: days(35 * 365) },
  pathLength: 1,
}

/** A device's identity for TLS, after the IDevID of IEEE 802.1AR: it has no expiration. */
export const DEVICE: CertificateProfile = {
  name: 'device',
  validity: { until: NO_EXPIRATION },
  backdated: seconds(3600),
  isCa: false,
  pathLength: undefined,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth'],
  policies: [],
  subject: 'required',
  subjectAlternativeNames: 'optional',
  keys: ANY_KEY,
}

/**
 * The initial identity of IEEE 802.1AR-2018: no expiration, a serial number in the subject, no purpose but to prove
 * who it is. Unlike {@link DEVICE} it names no extended key usage, and is held against the rules of the standard.
 */
export const IDEVID: CertificateProfile = {
  ...DEVICE,
  name: 'idevid',
  extendedKeyUsage: [],
  keys: ['ec-p256', 'ec-p384', 'rsa'],
  standard: 'ieee-802.1ar',
}

/**
 * A certificate as a chip's vendor puts it into each chip before it is sold: for 20 years, the subject may be empty,
 * no extended key usage. Set `policies` to the vendor's policy OID.
 */
export const VENDOR_DEVICE: CertificateProfile = {
  ...DEVICE,
  name: 'vendor-device',
  validity: { lasts: days(20 * 365) },
  extendedKeyUsage: [],
  subject: 'optional',
}

/** A TLS server, found by the names in its subject alternative name (RFC 9525 §2). */
export const ENDPOINT: CertificateProfile = {
  ...DEVICE,
  name: 'endpoint',
  validity: { lasts: days(397) },
  extendedKeyUsage: ['serverAuth'],
  subject: 'optional',
  subjectAlternativeNames: 'required',
}

/** Proof that a CA's owner registers it: the common name is the registration code (AWS IoT RegisterCACertificate). */
export const VERIFICATION: CertificateProfile = {
  ...DEVICE,
  name: 'verification',
  validity: { lasts: days(30) },
  extendedKeyUsage: [],
  subjectAlternativeNames: 'forbidden',
}

/**
 * Lets a key answer about the certificates of its issuer (RFC 6960 §4.2.2.2). It says of itself that nobody asks about
 * it, so it is short-lived.
 */
export const OCSP_RESPONDER: CertificateProfile = {
  ...DEVICE,
  name: 'ocsp-responder',
  validity: { lasts: days(90) },
  extendedKeyUsage: ['OCSPSigning'],
  subjectAlternativeNames: 'forbidden',
  keys: SIGNER_KEY,
  // id-pkix-ocsp-nocheck, whose value is NULL (RFC 6960 §4.2.2.2.1).
  extensions: [{ oid: '1.3.6.1.5.5.7.48.1.5', critical: false, value: Uint8Array.of(0x05, 0x00) }],
}
