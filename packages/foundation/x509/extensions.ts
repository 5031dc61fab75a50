import { toHex } from '../kernel/index.ts'
import { DerError, type DerReader, enterDer, primitive, readDer, TAG } from './der.ts'
import { readBits, readBoolean, readOid, readSmallInteger } from './der-values.ts'
import { type AlternativeName, readAlternativeNames } from './general-name.ts'

/** What a key may be used for (RFC 5280 §4.2.1.3). */
export type KeyUsage =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly'

/** What the extensions of a certificate say; `undefined` where one is absent (RFC 5280 §4.2.1). */
export interface Extensions {
  readonly isCa: boolean
  readonly pathLength: number | undefined
  readonly keyUsage: readonly KeyUsage[] | undefined
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly subjectAlternativeNames: readonly AlternativeName[]
  readonly issuerAlternativeNames: readonly AlternativeName[]
  readonly policies: readonly string[]
  readonly subjectKeyIdentifier: string | undefined
  readonly authorityKeyIdentifier: string | undefined
  /** OIDs of extensions that must be understood and are not: whoever relies on the certificate has to refuse it. */
  readonly extensionsNotUnderstood: readonly string[]
}

/** What a certificate without extensions says. */
export const NO_EXTENSIONS: Extensions = {
  isCa: false,
  pathLength: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAlternativeNames: [],
  issuerAlternativeNames: [],
  policies: [],
  subjectKeyIdentifier: undefined,
  authorityKeyIdentifier: undefined,
  extensionsNotUnderstood: [],
}

/** Reads the extensions inside `Extensions ::= SEQUENCE OF Extension`; one that comes twice is an error (§4.2). */
export function readExtensions(list: DerReader): Extensions {
  const extensionsNotUnderstood: string[] = []
  const found: Found = { ...NO_EXTENSIONS, extensionsNotUnderstood }
  const seen = new Set<string>()
  while (!list.isAtEnd) {
    const { oid, isCritical, value } = readExtension(list.enter(TAG.SEQUENCE))
    if (seen.has(oid)) throw new DerError(`the extension ${oid} twice`)
    seen.add(oid)
    const read = READERS.get(oid)
    if (read !== undefined) read(value, found)
    else if (isCritical || RESTRICTING.has(oid)) extensionsNotUnderstood.push(oid)
  }
  return found
}

type Found = { -readonly [Name in keyof Extensions]: Extensions[Name] }

function readExtension(fields: DerReader): { oid: string; isCritical: boolean; value: Uint8Array } {
  const oid = readOid(fields.content(TAG.OID))
  const critical = fields.takeIf(TAG.BOOLEAN)
  const value = fields.content(TAG.OCTET_STRING)
  fields.end()
  return { oid, isCritical: critical !== undefined && readBoolean(critical.content), value }
}

function readBasicConstraints(value: Uint8Array, found: Found): void {
  const fields = enterDer(value, TAG.SEQUENCE)
  const isCa = fields.takeIf(TAG.BOOLEAN)
  const pathLength = fields.takeIf(TAG.INTEGER)
  fields.end()
  found.isCa = isCa !== undefined && readBoolean(isCa.content)
  found.pathLength = pathLength && readSmallInteger(pathLength.content)
}

function readKeyUsage(value: Uint8Array, found: Found): void {
  const bits = readBits(readDer(value, TAG.BIT_STRING).content)
  found.keyUsage = KEY_USAGES.filter((_, bit) => bits.includes(bit))
}

function readExtendedKeyUsage(value: Uint8Array, found: Found): void {
  const list = enterDer(value, TAG.SEQUENCE)
  const purposes: string[] = []
  while (!list.isAtEnd) {
    const oid = readOid(list.content(TAG.OID))
    purposes.push(PURPOSE_BY_OID.get(oid) ?? oid)
  }
  found.extendedKeyUsage = purposes
}

function readSubjectAlternativeNames(value: Uint8Array, found: Found): void {
  found.subjectAlternativeNames = readAlternativeNames(enterDer(value, TAG.SEQUENCE))
}

function readIssuerAlternativeNames(value: Uint8Array, found: Found): void {
  found.issuerAlternativeNames = readAlternativeNames(enterDer(value, TAG.SEQUENCE))
}

/** Reads the OIDs of the policies; their qualifiers are for people and are passed over. */
function readPolicies(value: Uint8Array, found: Found): void {
  const list = enterDer(value, TAG.SEQUENCE)
  const policies: string[] = []
  while (!list.isAtEnd) {
    const fields = list.enter(TAG.SEQUENCE)
    policies.push(readOid(fields.content(TAG.OID)))
    fields.takeIf(TAG.SEQUENCE)
    fields.end()
  }
  found.policies = policies
}

function readSubjectKeyIdentifier(value: Uint8Array, found: Found): void {
  found.subjectKeyIdentifier = toHex(readDer(value, TAG.OCTET_STRING).content)
}

/** Reads the key identifier; issuer and serial number, which may follow it, are not used here. */
function readAuthorityKeyIdentifier(value: Uint8Array, found: Found): void {
  const identifier = enterDer(value, TAG.SEQUENCE).takeIf(primitive(0))
  found.authorityKeyIdentifier = identifier && toHex(identifier.content)
}

/** Every key usage, in the order of its bits. */
export const KEY_USAGES: readonly [KeyUsage, ...KeyUsage[]] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

/** Extended key usages with a name (RFC 5280 §4.2.1.12; the last is the TCG's). */
export const PURPOSES = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
  tpmEndorsement: '2.23.133.8.1',
} as const
const PURPOSE_BY_OID: ReadonlyMap<string, string> = new Map(
  Object.entries(PURPOSES).map(([name, oid]) => [oid, name] as const),
)

/** The extensions that are written here, of which all but the pointers are read (RFC 5280 §4.2). */
export const EXTENSION_OIDS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeNames: '2.5.29.17',
  issuerAlternativeNames: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  crlDistributionPoints: '2.5.29.31',
  policies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
} as const

/** The attribute of a certificate request that lists wanted extensions (RFC 2985 §5.4.2). */
export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

const READERS: ReadonlyMap<string, (value: Uint8Array, found: Found) => void> = new Map([
  [EXTENSION_OIDS.subjectKeyIdentifier, readSubjectKeyIdentifier],
  [EXTENSION_OIDS.keyUsage, readKeyUsage],
  [EXTENSION_OIDS.subjectAlternativeNames, readSubjectAlternativeNames],
  [EXTENSION_OIDS.issuerAlternativeNames, readIssuerAlternativeNames],
  [EXTENSION_OIDS.basicConstraints, readBasicConstraints],
  [EXTENSION_OIDS.policies, readPolicies],
  [EXTENSION_OIDS.authorityKeyIdentifier, readAuthorityKeyIdentifier],
  [EXTENSION_OIDS.extendedKeyUsage, readExtendedKeyUsage],
])

/**
 * nameConstraints, policyConstraints, inhibitAnyPolicy: they only ever forbid something, and RFC 5280 wants them
 * critical. A CA that forgot the mark still meant the limit.
 */
const RESTRICTING: ReadonlySet<string> = new Set(['2.5.29.30', '2.5.29.36', '2.5.29.54'])
