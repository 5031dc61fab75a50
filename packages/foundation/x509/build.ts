/**
 * Builds what is signed. Extensions and times are written by the ASN.1 library; values that come from elsewhere (an
 * issuer's name, a public key) go in octet by octet, as the verifier will compare them.
 */
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AccessDescription,
  Attribute,
  AuthorityInfoAccessSyntax,
  AuthorityKeyIdentifier,
  BasicConstraints,
  CertificatePolicies,
  CRLDistributionPoints,
  DistributionPoint,
  DistributionPointName,
  ExtendedKeyUsage,
  Extension,
  Extensions as ExtensionList,
  GeneralName,
  KeyIdentifier,
  KeyUsage as KeyUsageBits,
  KeyUsageFlags,
  PolicyInformation,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  Validity,
} from '@peculiar/asn1-x509'
import type { Instant } from '../kernel/index.ts'
import { constructed, TAG } from './der.ts'
import { derNode, encodeDer } from './der-writer.ts'
import { EXTENSION_OIDS, EXTENSION_REQUEST, type KeyUsage, PURPOSES } from './extensions.ts'
import { type AlternativeName, buildAlternativeName } from './general-name.ts'
import { type DistinguishedName, encodeName } from './name.ts'
import type { ProfileExtension } from './profile.ts'

/** What goes into a TBSCertificate. Of the extensions, those that are `undefined` or empty are left out. */
export interface TbsDraft {
  /** Octets of a positive INTEGER in its shortest form. */
  readonly serialNumber: Uint8Array
  readonly signatureAlgorithm: Uint8Array
  /** DER of the issuer's Name; `undefined` when the certificate is self-signed. */
  readonly issuerDer: Uint8Array | undefined
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly subject: DistinguishedName
  readonly publicKey: Uint8Array
  readonly isCa: boolean
  readonly pathLength: number | undefined
  readonly keyUsage: readonly KeyUsage[]
  readonly extendedKeyUsage: readonly string[]
  readonly policies: readonly string[]
  readonly subjectAlternativeNames: readonly AlternativeName[]
  readonly subjectKeyIdentifier: Uint8Array
  readonly authorityKeyIdentifier: Uint8Array | undefined
  readonly crlUrls?: readonly string[]
  readonly ocspUrls?: readonly string[]
  readonly issuerUrls?: readonly string[]
  readonly extensions?: readonly ProfileExtension[]
}

/**
 * Writes the DER of a TBSCertificate, version 3 (RFC 5280 §4.1).
 *
 * @throws `NAME_INVALID`, `ALTERNATIVE_NAME_INVALID` (caller)
 */
export function buildTbsCertificate(draft: TbsDraft): Uint8Array {
  const subjectDer = encodeName(draft.subject)
  return encodeDer(
    TAG.SEQUENCE,
    encodeDer(constructed(0), encodeDer(TAG.INTEGER, VERSION_3)),
    encodeDer(TAG.INTEGER, draft.serialNumber),
    draft.signatureAlgorithm,
    draft.issuerDer ?? subjectDer,
    buildValidity(draft.notBefore, draft.notAfter),
    subjectDer,
    draft.publicKey,
    encodeDer(constructed(3), serialize(new ExtensionList(buildExtensions(draft)))),
  )
}

/** Writes the DER of a Validity (RFC 5280 §4.1.2.5); its times are in whole seconds. */
export function buildValidity(notBefore: Instant, notAfter: Instant): Uint8Array {
  return serialize(new Validity({ notBefore: new Date(notBefore), notAfter: new Date(notAfter) }))
}

/** Puts a signature under `message`: the shape of certificates and requests (RFC 5280 §4.1, RFC 2986 §4). */
export function encodeSigned(
  message: Uint8Array,
  algorithm: Uint8Array,
  signature: Uint8Array,
  after: Uint8Array = new Uint8Array(),
): Uint8Array {
  return encodeDer(TAG.SEQUENCE, message, algorithm, derNode(TAG.BIT_STRING, NO_UNUSED_BITS, signature), after)
}

/**
 * Writes the attribute that asks for alternative names (RFC 2985 §5.4.2); nothing when there are none.
 *
 * @throws `ALTERNATIVE_NAME_INVALID` (caller)
 */
export function buildExtensionRequest(names: readonly AlternativeName[]): Uint8Array {
  if (names.length === 0) return new Uint8Array()
  const list = AsnConvert.serialize(new ExtensionList([alternativeNames(names, false)]))
  return serialize(new Attribute({ type: EXTENSION_REQUEST, values: [list] }))
}

/** Writes one of the library's objects as DER. */
export function serialize(value: object): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(value))
}

function buildExtensions(draft: TbsDraft): Extension[] {
  const { isCa, pathLength, extendedKeyUsage, policies, subjectAlternativeNames: names } = draft
  const basicConstraints = new BasicConstraints({
    cA: isCa,
    ...(pathLength !== undefined && { pathLenConstraint: pathLength }),
  })
  const list = [
    extension('basicConstraints', basicConstraints, true),
    extension('keyUsage', new KeyUsageBits(draft.keyUsage.reduce((bits, usage) => bits | FLAGS[usage], 0)), true),
  ]
  if (extendedKeyUsage.length > 0)
    list.push(extension('extendedKeyUsage', new ExtendedKeyUsage(extendedKeyUsage.map(purposeOid))))
  // RFC 5280 §4.2.1.6: where the subject is empty, the alternative names are all there is, and critical.
  if (names.length > 0) list.push(alternativeNames(names, draft.subject.length === 0))
  if (policies.length > 0) list.push(extension('policies', policyList(policies)))
  list.push(extension('subjectKeyIdentifier', new SubjectKeyIdentifier(draft.subjectKeyIdentifier)))
  if (draft.authorityKeyIdentifier !== undefined) {
    const keyIdentifier = new KeyIdentifier(draft.authorityKeyIdentifier)
    list.push(extension('authorityKeyIdentifier', new AuthorityKeyIdentifier({ keyIdentifier })))
  }
  return [...list, ...pointers(draft), ...(draft.extensions ?? []).map(ownExtension)]
}

/** Where to ask about the certificate and its issuer (RFC 5280 §4.2.1.13 and §4.2.2.1). */
function pointers({ crlUrls = [], ocspUrls = [], issuerUrls = [] }: TbsDraft): Extension[] {
  const points = crlUrls.map((url) => new DistributionPoint({ distributionPoint: fullName(url) }))
  const accesses = [
    ...ocspUrls.map((url) => new AccessDescription({ accessMethod: OCSP, accessLocation: urlName(url) })),
    ...issuerUrls.map((url) => new AccessDescription({ accessMethod: CA_ISSUERS, accessLocation: urlName(url) })),
  ]
  return [
    ...(points.length > 0 ? [extension('crlDistributionPoints', new CRLDistributionPoints(points))] : []),
    ...(accesses.length > 0 ? [extension('authorityInfoAccess', new AuthorityInfoAccessSyntax(accesses))] : []),
  ]
}

function fullName(url: string): DistributionPointName {
  return new DistributionPointName({ fullName: [urlName(url)] })
}

function urlName(url: string): GeneralName {
  return new GeneralName({ uniformResourceIdentifier: url })
}

function ownExtension({ oid, critical, value }: ProfileExtension): Extension {
  return new Extension({ extnID: oid, critical, extnValue: new OctetString(value) })
}

function alternativeNames(names: readonly AlternativeName[], critical: boolean): Extension {
  return extension('subjectAlternativeNames', new SubjectAlternativeName(names.map(buildAlternativeName)), critical)
}

function policyList(policies: readonly string[]): CertificatePolicies {
  return new CertificatePolicies(policies.map((policyIdentifier) => new PolicyInformation({ policyIdentifier })))
}

function purposeOid(purpose: string): string {
  return Object.entries(PURPOSES).find(([name]) => name === purpose)?.[1] ?? purpose
}

function extension(name: keyof typeof EXTENSION_OIDS, value: object, critical = false): Extension {
  return new Extension({ extnID: EXTENSION_OIDS[name], critical, extnValue: new OctetString(serialize(value)) })
}

const FLAGS: Readonly<Record<KeyUsage, number>> = {
  digitalSignature: KeyUsageFlags.digitalSignature,
  nonRepudiation: KeyUsageFlags.nonRepudiation,
  keyEncipherment: KeyUsageFlags.keyEncipherment,
  dataEncipherment: KeyUsageFlags.dataEncipherment,
  keyAgreement: KeyUsageFlags.keyAgreement,
  keyCertSign: KeyUsageFlags.keyCertSign,
  cRLSign: KeyUsageFlags.cRLSign,
  encipherOnly: KeyUsageFlags.encipherOnly,
  decipherOnly: KeyUsageFlags.decipherOnly,
}

/** RFC 5280 §4.2.2.1: id-ad-ocsp and id-ad-caIssuers. */
const OCSP = '1.3.6.1.5.5.7.48.1'
const CA_ISSUERS = '1.3.6.1.5.5.7.48.2'

const VERSION_3 = Uint8Array.of(2)
const NO_UNUSED_BITS = Uint8Array.of(0)
