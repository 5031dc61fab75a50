import { DerError, DerReader } from './der.ts'
import { OID_TEXT } from './der-writer.ts'
import { EXTENSION_OIDS } from './extensions.ts'
import type { Lint } from './lints.ts'
import { type CertificateProfile, NO_EXPIRATION } from './profile.ts'

/** Rules for a profile, before anybody asks for a certificate of its kind. */
export const PROFILE_LINTS: readonly Lint<CertificateProfile>[] = [
  {
    rule: 'key-kinds-named',
    source: 'the profile',
    holds: ({ keys }) => keys.length > 0,
    otherwise: 'no kind of key is allowed',
  },
  {
    rule: 'path-length-in-range',
    source: 'RFC 5280 §4.2.1.9',
    holds: ({ pathLength = 0 }) => Number.isInteger(pathLength) && pathLength >= 0 && pathLength <= 255,
    otherwise: 'the path length is no whole number from 0 to 255',
  },
  {
    rule: 'encipher-only-with-key-agreement',
    source: 'RFC 5280 §4.2.1.3',
    holds: ({ keyUsage }) =>
      keyUsage.includes('keyAgreement') || !(keyUsage.includes('encipherOnly') || keyUsage.includes('decipherOnly')),
    otherwise: 'encipherOnly and decipherOnly have no meaning without keyAgreement',
  },
  {
    rule: 'policies-once',
    source: 'RFC 5280 §4.2.1.4',
    holds: ({ policies }) => new Set(policies).size === policies.length,
    otherwise: 'a policy is named twice',
  },
  {
    rule: 'validity-representable',
    source: 'RFC 5280 §4.1.2.5.2',
    holds: ({ validity }) =>
      'until' in validity ? validity.until <= NO_EXPIRATION : validity.lasts >= 0 && validity.lasts <= LASTS_MAX,
    otherwise: 'it would end after the year 9999, or before it begins',
  },
  {
    rule: 'pointers-are-http',
    source: 'RFC 5280 §4.2.1.13, §4.2.2.1 and §8',
    holds: ({ crlUrls = [], ocspUrls = [], issuerUrls = [] }) =>
      [...crlUrls, ...ocspUrls, ...issuerUrls].every((url) => HTTP_URL.test(url) && URL.canParse(url)),
    otherwise: 'a URL is not one that http serves: over https the check of a certificate would need that check itself',
  },
  {
    rule: 'extension-identifiers-well-formed',
    source: 'ITU-T X.660 (07/2011) §7.6',
    holds: ({ extensions = [] }) => extensions.every(({ oid }) => OID_TEXT.test(oid)),
    otherwise: 'an extension has something else than an object identifier',
  },
  {
    rule: 'extensions-once',
    source: 'RFC 5280 §4.2',
    holds: ({ extensions = [] }) => new Set(extensions.map(({ oid }) => oid)).size === extensions.length,
    otherwise: 'an extension comes twice',
  },
  {
    rule: 'extensions-have-one-origin',
    source: 'RFC 5280 §4.2',
    holds: ({ extensions = [] }) => !extensions.some(({ oid }) => WRITTEN_FROM_MEMBERS.has(oid)),
    otherwise: 'an extension is given that is written from another member of the profile',
  },
  {
    rule: 'extension-values-are-der',
    source: 'ITU-T X.690 (02/2021) §10.1, RFC 5280 §4.2',
    holds: ({ extensions = [] }) => extensions.every(({ value }) => isOneDerValue(value)),
    otherwise: 'the value of an extension is not one value in DER',
  },
  {
    rule: 'constraints-only-on-ca',
    source: 'RFC 5280 §4.2.1.10, §4.2.1.11 and §4.2.1.14',
    holds: ({ isCa, extensions = [] }) => isCa || !extensions.some(({ oid }) => CONSTRAINTS.has(oid)),
    otherwise: 'name constraints, policy constraints and inhibitAnyPolicy are for CAs',
  },
  {
    rule: 'constraints-critical',
    source: 'RFC 5280 §4.2.1.10, §4.2.1.11 and §4.2.1.14',
    holds: ({ extensions = [] }) => extensions.every(({ oid, critical }) => critical || !CONSTRAINTS.has(oid)),
    otherwise: 'name constraints, policy constraints and inhibitAnyPolicy must be critical',
  },
  {
    rule: 'idevid-is-no-ca',
    source: 'IEEE 802.1AR-2018 clause 8',
    holds: ({ standard, isCa }) => standard !== 'ieee-802.1ar' || !isCa,
    otherwise: 'a device identity is the end of its chain',
  },
  {
    rule: 'idevid-signature-suite',
    source: 'IEEE 802.1AR-2018 clause 9',
    holds: ({ standard, keys }) => standard !== 'ieee-802.1ar' || keys.every((kind) => IDEVID_KEYS.has(kind)),
    otherwise: 'the standard knows RSA-2048, P-256 and P-384 keys only',
  },
]

/** Tells whether `bytes` are one value in DER, with whole values in DER wherever one is constructed. */
function isOneDerValue(bytes: Uint8Array): boolean {
  try {
    const reader = new DerReader(bytes)
    const { tag, content } = reader.next()
    reader.end()
    return (tag & CONSTRUCTED) === 0 || areDerValues(content, 1)
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}

function areDerValues(bytes: Uint8Array, depth: number): boolean {
  if (depth > NESTING_MAX) return false
  const reader = new DerReader(bytes)
  while (!reader.isAtEnd) {
    const { tag, content } = reader.next()
    if ((tag & CONSTRUCTED) !== 0 && !areDerValues(content, depth + 1)) return false
  }
  return true
}

const CONSTRUCTED = 0x20

/** How deep the values of an extension may be nested; those of RFC 5280 stay under ten. */
const NESTING_MAX = 32

/** nameConstraints, policyConstraints, inhibitAnyPolicy. */
const CONSTRAINTS: ReadonlySet<string> = new Set(['2.5.29.30', '2.5.29.36', '2.5.29.54'])

const WRITTEN_FROM_MEMBERS: ReadonlySet<string> = new Set(Object.values(EXTENSION_OIDS))

const IDEVID_KEYS: ReadonlySet<string> = new Set(['ec-p256', 'ec-p384', 'rsa'])

const HTTP_URL = /^http:\/\/[\x21-\x7e]{1,2000}$/

/** Longest duration, in milliseconds: 7900 years from now are still before the year 10 000. */
const LASTS_MAX = 7900 * 365 * 86_400_000
