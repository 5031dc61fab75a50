import { equalBytes, type Instant, toHex } from '../kernel/index.ts'
import type { Certificate } from './certificate.ts'
import { OID_TEXT } from './der-writer.ts'
import { type KeyUsage, PURPOSES } from './extensions.ts'
import type { AlternativeName } from './general-name.ts'
import type { DistinguishedName } from './name.ts'
import { type CertificateProfile, NO_EXPIRATION } from './profile.ts'
import { keyIdentifier } from './public-key.ts'
import { openVerificationKey, signatureAlgorithmOf } from './signature.ts'
import type { TbsCertificate } from './tbs-certificate.ts'

/** What an issuer is asked to certify. */
export interface IssueRequest {
  readonly profile: CertificateProfile
  readonly subject: DistinguishedName
  readonly subjectAlternativeNames?: readonly AlternativeName[]
  /** The DER SubjectPublicKeyInfo of the subject. */
  readonly publicKey: Uint8Array
  readonly issuer: { readonly certificate: Certificate } | 'self'
  /** Octets of the number, as `newSerialNumber` gives them. */
  readonly serialNumber: Uint8Array
  readonly now: Instant
}

/** A certificate that is about to be signed, read back from the very octets that go under the signature. */
export interface Candidate {
  readonly profile: CertificateProfile
  readonly tbs: TbsCertificate
  /** `undefined` when it signs itself. */
  readonly issuer: Certificate | undefined
  readonly now: Instant
}

/** A rule for certificates. */
export interface Lint<Subject> {
  readonly rule: string
  /** Document, version and section that the rule comes from. */
  readonly source: string
  /** Whether the rule holds. */
  readonly holds: (subject: Subject) => boolean
  /** What is wrong when it does not. */
  readonly otherwise: string
}

/** Gives the rules that do not hold, in order, each when it is asked for. */
export function* rulesBrokenBy<Subject>(lints: readonly Lint<Subject>[], subject: Subject): Generator<Lint<Subject>> {
  for (const lint of lints) if (!lint.holds(subject)) yield lint
}

/** Rules for a request, before anything is built from it. */
export const REQUEST_LINTS: readonly Lint<IssueRequest>[] = [
  {
    rule: 'serial-number-positive',
    source: 'RFC 5280 §4.1.2.2',
    holds: ({ serialNumber }) => (serialNumber[0] ?? 0x80) < 0x80 && serialNumber.some((octet) => octet !== 0),
    otherwise: 'the serial number is not above zero',
  },
  {
    rule: 'serial-number-in-shortest-form',
    source: 'ITU-T X.690 (02/2021) §8.3.2',
    holds: ({ serialNumber: [first, second = 0x80] }) => first !== 0 || second >= 0x80,
    otherwise: 'the serial number has leading zeros',
  },
  {
    rule: 'serial-number-length',
    source: 'RFC 5280 §4.1.2.2',
    holds: ({ serialNumber }) => serialNumber.length <= 20,
    otherwise: 'the serial number is longer than 20 octets',
  },
  {
    rule: 'serial-number-entropy',
    source: 'CA/Browser Forum Baseline Requirements 2.0.0 §7.1.2',
    holds: ({ serialNumber }) => serialNumber.length >= 8,
    otherwise: 'the serial number has no room for 64 bits from a random generator',
  },
  {
    rule: 'object-identifiers-well-formed',
    source: 'RFC 4512 §1.4 (numericoid)',
    holds: ({ profile: { policies, extendedKeyUsage } }) =>
      [...policies, ...extendedKeyUsage].every((oid) => Object.hasOwn(PURPOSES, oid) || OID_TEXT.test(oid)),
    otherwise: 'a policy or an extended key usage is no object identifier',
  },
  {
    rule: 'public-key-sound',
    source: 'RFC 5280 §4.1.2.7, RFC 5480 §2.2',
    holds: ({ publicKey }) => openVerificationKey(publicKey) !== undefined,
    otherwise: 'the public key is malformed, not on its curve, or of an unsupported kind',
  },
  {
    rule: 'issuer-key-signs',
    source: 'the port Signer',
    holds: ({ issuer, publicKey }) =>
      signatureAlgorithmOf(issuer === 'self' ? publicKey : issuer.certificate.publicKey) !== undefined,
    otherwise: 'the issuer has a key that no signer can have',
  },
]

/** Rules for the octets that will be signed. */
export const CERTIFICATE_LINTS: readonly Lint<Candidate>[] = [
  {
    rule: 'key-allowed-by-profile',
    source: 'the profile',
    holds: ({ profile, tbs: { keyAlgorithm } }) =>
      profile.keys.some((kind) => kind === keyAlgorithm || (kind === 'rsa' && keyAlgorithm.startsWith('rsa-'))),
    otherwise: 'the profile does not allow this kind of key',
  },
  {
    rule: 'validity-ordered',
    source: 'RFC 5280 §4.1.2.5',
    holds: ({ tbs }) => tbs.notBefore < tbs.notAfter,
    otherwise: 'it would end before it begins',
  },
  {
    rule: 'issuer-valid-now',
    source: 'RFC 5280 §6.1.3 (a)(2)',
    holds: ({ issuer, now }) => issuer === undefined || (issuer.notBefore <= now && now <= issuer.notAfter),
    otherwise: 'the issuer is not valid now',
  },
  {
    rule: 'validity-within-issuer',
    source: 'RFC 5280 §6.1.3 (a)(2), and §4.1.2.5 for identities without expiration',
    holds: ({ tbs, issuer }) =>
      issuer === undefined ||
      (issuer.notBefore <= tbs.notBefore &&
        (tbs.notAfter <= issuer.notAfter || (tbs.notAfter === NO_EXPIRATION && !tbs.isCa))),
    otherwise: 'it would outlast its issuer',
  },
  {
    rule: 'issuer-is-ca',
    source: 'RFC 5280 §4.2.1.3 and §4.2.1.9',
    holds: ({ issuer }) =>
      issuer === undefined ||
      (issuer.isCa && (issuer.keyUsage === undefined || issuer.keyUsage.includes('keyCertSign'))),
    otherwise: 'the issuer may not sign certificates',
  },
  {
    rule: 'self-signed-is-ca',
    source: 'RFC 5280 §3.2',
    holds: ({ issuer, tbs }) => issuer !== undefined || tbs.isCa,
    otherwise: 'only a CA signs itself here',
  },
  {
    rule: 'issuer-path-length',
    source: 'RFC 5280 §4.2.1.9',
    holds: ({ issuer, tbs }) =>
      !tbs.isCa ||
      issuer?.pathLength === undefined ||
      (tbs.pathLength !== undefined && tbs.pathLength < issuer.pathLength),
    otherwise: 'the path length of the issuer allows no such CA below it',
  },
  {
    rule: 'ca-flag-agrees-with-key-usage',
    source: 'RFC 5280 §4.2.1.3 and §4.2.1.9',
    holds: ({ tbs }) => tbs.keyUsage !== undefined && tbs.keyUsage.includes('keyCertSign') === tbs.isCa,
    otherwise: 'keyCertSign belongs to a CA, and to nobody else',
  },
  {
    rule: 'key-usage-present',
    source: 'RFC 5280 §4.2.1.3',
    holds: ({ tbs }) => (tbs.keyUsage ?? []).length > 0,
    otherwise: 'at least one key usage must be set',
  },
  {
    rule: 'path-length-only-on-ca',
    source: 'RFC 5280 §4.2.1.9',
    holds: ({ tbs }) => tbs.isCa || tbs.pathLength === undefined,
    otherwise: 'a path length makes no sense without the CA flag',
  },
  {
    rule: 'subject-present',
    source: 'RFC 5280 §4.1.2.6; a profile may waive it as chip vendors do',
    holds: ({ profile, tbs }) => tbs.subject.length > 0 || (profile.subject === 'optional' && !tbs.isCa),
    otherwise: 'the subject is empty',
  },
  {
    rule: 'alternative-names-as-profiled',
    source: 'RFC 5280 §4.2.1.6, RFC 9525 §2',
    holds: ({ profile: { subjectAlternativeNames: wanted }, tbs: { subjectAlternativeNames: names } }) =>
      wanted === 'optional' || names.length > 0 === (wanted === 'required'),
    otherwise: 'the profile requires, or forbids, subject alternative names',
  },
  {
    rule: 'extended-key-usage-agrees-with-key-usage',
    source: 'RFC 5280 §4.2.1.12',
    holds: ({ tbs: { extendedKeyUsage = [], keyUsage = [] } }) =>
      !extendedKeyUsage.some((purpose) => purpose === 'serverAuth' || purpose === 'clientAuth') ||
      keyUsage.includes('digitalSignature'),
    otherwise: 'TLS needs the key usage digitalSignature',
  },
  {
    rule: 'issuer-name-exact',
    source: 'RFC 5280 §4.1.2.4 and §7.1',
    holds: ({ tbs, issuer }) => equalBytes(tbs.issuerDer, issuer?.subjectDer ?? tbs.subjectDer),
    otherwise: 'the issuer would be named otherwise than it names itself',
  },
  {
    rule: 'subject-key-identifier-of-key',
    source: 'RFC 5280 §4.2.1.2, RFC 7093 §2',
    holds: ({ tbs }) => tbs.subjectKeyIdentifier === toHex(keyIdentifier(tbs.publicKey)),
    otherwise: 'the subject key identifier is not that of the key',
  },
  {
    rule: 'authority-key-identifier-of-issuer',
    source: 'RFC 5280 §4.2.1.1',
    holds: ({ tbs, issuer }) =>
      issuer?.subjectKeyIdentifier === undefined || tbs.authorityKeyIdentifier === issuer.subjectKeyIdentifier,
    otherwise: 'the authority key identifier is not that of the issuer',
  },
  {
    rule: 'key-usage-fits-ec-key',
    source: 'RFC 8813 §3',
    holds: ({ tbs }) => !tbs.keyAlgorithm.startsWith('ec-') || !uses(tbs, ['keyEncipherment', 'dataEncipherment']),
    otherwise: 'an EC key encrypts nothing',
  },
  {
    rule: 'key-usage-fits-rsa-key',
    source: 'RFC 3279 §2.3.1',
    holds: ({ tbs }) =>
      !tbs.keyAlgorithm.startsWith('rsa-') || !uses(tbs, ['keyAgreement', 'encipherOnly', 'decipherOnly']),
    otherwise: 'an RSA key agrees on nothing',
  },
  {
    rule: 'key-usage-fits-ml-dsa-key',
    source: 'RFC 9881 §5',
    holds: ({ tbs }) =>
      tbs.keyAlgorithm !== 'ml-dsa-65' ||
      !uses(tbs, ['keyEncipherment', 'dataEncipherment', 'keyAgreement', 'encipherOnly', 'decipherOnly']),
    otherwise: 'an ML-DSA key signs, and does nothing else',
  },
  {
    rule: 'idevid-subject-has-serial-number',
    source: 'IEEE 802.1AR-2018 §8.6',
    holds: ({ profile, tbs }) => !isIdevid(profile) || tbs.subject.some(({ type }) => type === 'serialNumber'),
    otherwise: 'the subject has no serialNumber',
  },
  {
    rule: 'idevid-has-no-expiration',
    source: 'IEEE 802.1AR-2018 clause 8, RFC 5280 §4.1.2.5',
    holds: ({ profile, tbs }) => !isIdevid(profile) || tbs.notAfter === NO_EXPIRATION,
    otherwise: 'it would end before 9999-12-31T23:59:59Z',
  },
  {
    rule: 'idevid-authority-key-identifier',
    source: 'IEEE 802.1AR-2018 clause 8',
    holds: ({ profile, tbs }) => !isIdevid(profile) || tbs.authorityKeyIdentifier !== undefined,
    otherwise: 'the authority key identifier is absent',
  },
  {
    rule: 'idevid-key-usage',
    source: 'IEEE 802.1AR-2018 clause 8',
    holds: ({ profile, tbs }) => !isIdevid(profile) || uses(tbs, ['digitalSignature']),
    otherwise: 'the key may not sign',
  },
]

function isIdevid({ standard }: CertificateProfile): boolean {
  return standard === 'ieee-802.1ar'
}

/** Tells whether the key may be used for any of these. */
function uses({ keyUsage = [] }: TbsCertificate, usages: readonly KeyUsage[]): boolean {
  return usages.some((usage) => keyUsage.includes(usage))
}
