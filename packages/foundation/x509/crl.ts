import { concat, encodeUtf8, equalBytes, fromHex, type Instant } from '../kernel/index.ts'
import { encodeSigned } from './build.ts'
import type { Certificate } from './certificate.ts'
import { constructed, primitive, TAG } from './der.ts'
import { encodeDer, encodeOid } from './der-writer.ts'
import { EXTENSION_OIDS } from './extensions.ts'
import { x509Fault } from './faults.ts'
import { keyIdentifier } from './public-key.ts'
import { algorithmIdentifier, verifySignature } from './signature.ts'
import type { Signer } from './signer.ts'

/** Why a certificate was revoked, with its number in a CRL (RFC 5280 §5.3.1); `unspecified` is left out there. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const

/** One of {@link REVOCATION_REASONS}. */
export type RevocationReason = keyof typeof REVOCATION_REASONS

/** A certificate that must not be trusted any more. */
export interface RevokedCertificate {
  /** Its serial number, hex. */
  readonly serial: string
  readonly at: Instant
  readonly reason: RevocationReason
}

/** What a certificate revocation list says. */
export interface CrlRequest {
  readonly issuer: Certificate
  /** Above that of every earlier list of this issuer (RFC 5280 §5.2.3). */
  readonly number: number
  readonly thisUpdate: Instant
  /** When the next list will be there at the latest; until then this one counts. */
  readonly nextUpdate: Instant
  readonly revoked: readonly RevokedCertificate[]
  /**
   * The `http:` URL that the certificates of this list, and no others, name as their distribution point; without it the
   * list is about every certificate of the issuer (RFC 5280 §5.2.5).
   */
  readonly distributionPoint?: string
  /** The number of the full list that this one adds to; without it this is a full list (RFC 5280 §5.2.4). */
  readonly base?: number
  /** Where, beside a full list, the newest addition to it is (RFC 5280 §5.2.6). */
  readonly freshest?: string
}

/**
 * Makes a certificate revocation list, version 2 (RFC 5280 §5). Its signature is verified before it leaves.
 *
 * @returns Its DER.
 * @throws `CRL_REQUEST_REFUSED`, `SIGNER_MISMATCH` (caller), `SIGNER_SIGNATURE_INVALID` (operator), and what the signer
 * throws
 */
export async function signCrl(request: CrlRequest, signer: Signer): Promise<Uint8Array> {
  assertSound(request)
  const { issuer } = request
  if (!equalBytes(signer.publicKey, issuer.publicKey)) throw x509Fault('SIGNER_MISMATCH')
  const { algorithm, publicKey } = signer
  const message = encodeList(request, algorithmIdentifier(algorithm))
  const signature = await signer.sign(message)
  if (!verifySignature({ publicKey, algorithm, message, signature })) throw x509Fault('SIGNER_SIGNATURE_INVALID')
  return encodeSigned(message, algorithmIdentifier(algorithm), signature)
}

function assertSound(request: CrlRequest): void {
  const { issuer, number, thisUpdate, nextUpdate, revoked, base, freshest, distributionPoint } = request
  const broken = [
    { why: 'its issuer may not sign lists', holds: issuer.keyUsage?.includes('cRLSign') ?? issuer.isCa },
    { why: 'it would end before it begins', holds: thisUpdate < nextUpdate },
    { why: 'its number is no whole number', holds: Number.isSafeInteger(number) && number >= 0 },
    { why: 'it would add to a list that is not before it', holds: base === undefined || (base >= 0 && base < number) },
    { why: 'an addition has no addition', holds: base === undefined || freshest === undefined },
    {
      why: 'a place is no http: URL',
      holds: [distributionPoint, freshest].every((url = 'http://a') => LIST_URL.test(url) && URL.canParse(url)),
    },
    { why: 'a serial number is none', holds: revoked.every(({ serial }) => /^(?:[0-9a-f]{2}){1,20}$/.test(serial)) },
    {
      why: 'a serial number comes twice',
      holds: new Set(revoked.map(({ serial }) => serial)).size === revoked.length,
    },
  ].find(({ holds }) => !holds)
  if (broken !== undefined) throw x509Fault('CRL_REQUEST_REFUSED', { why: broken.why })
}

/** RFC 5280 §5.1.2. */
function encodeList(request: CrlRequest, algorithm: Uint8Array): Uint8Array {
  const { issuer, number, thisUpdate, nextUpdate, revoked, distributionPoint, base, freshest } = request
  const ownIdentifier = issuer.subjectKeyIdentifier
  const identifier = ownIdentifier === undefined ? keyIdentifier(issuer.publicKey) : fromHex(ownIdentifier)
  const entries = encodeEntries(revoked)
  return encodeDer(
    TAG.SEQUENCE,
    encodeDer(TAG.INTEGER, VERSION_2),
    algorithm,
    issuer.subjectDer,
    encodeTime(thisUpdate),
    encodeTime(nextUpdate),
    // §5.1.2.6: a list of nothing is absent.
    revoked.length === 0 ? new Uint8Array() : encodeDer(TAG.SEQUENCE, entries),
    encodeDer(
      constructed(0),
      encodeDer(
        TAG.SEQUENCE,
        extension(EXTENSION_OIDS.authorityKeyIdentifier, encodeDer(TAG.SEQUENCE, encodeDer(primitive(0), identifier))),
        extension(CRL_NUMBER, encodeInteger(number)),
        ...(base === undefined ? [] : [extension(DELTA_CRL_INDICATOR, encodeInteger(base), CRITICAL)]),
        ...(distributionPoint === undefined
          ? []
          : [extension(ISSUING_DISTRIBUTION_POINT, encodePoint(distributionPoint), CRITICAL)]),
        ...(freshest === undefined ? [] : [extension(FRESHEST_CRL, encodeDer(TAG.SEQUENCE, encodePoint(freshest)))]),
      ),
    ),
  )
}

/** A list may have a hundred thousand: what many have in common is encoded once. */
function encodeEntries(revoked: readonly RevokedCertificate[]): Uint8Array {
  const times = new Map<number, Uint8Array>()
  const parts: Uint8Array[] = []
  for (const { serial, at, reason } of revoked) {
    const second = Math.floor(at / 1000)
    const time = times.get(second) ?? encodeTime(at)
    times.set(second, time)
    const octets = Buffer.from(serial, 'hex')
    const sign = (octets[0] ?? 0) < 0x80 ? 0 : 1
    const extensions = ENTRY_EXTENSIONS[reason]
    // Everything in an entry is short: its lengths are single octets (X.690 §8.1.3.4).
    const length = 2 + sign + octets.length + time.length + extensions.length
    parts.push(Uint8Array.of(TAG.SEQUENCE, length, TAG.INTEGER, sign + octets.length, ...(sign === 0 ? [] : [0])))
    parts.push(octets, time, extensions)
  }
  return Buffer.concat(parts)
}

/** A DistributionPoint, or an IssuingDistributionPoint, of nothing but a URL: both are encoded alike. */
function encodePoint(url: string): Uint8Array {
  const fullName = encodeDer(constructed(0), encodeDer(primitive(6), encodeUtf8(url)))
  return encodeDer(TAG.SEQUENCE, encodeDer(constructed(0), fullName))
}

function extension(oid: string, value: Uint8Array, critical: Uint8Array = new Uint8Array()): Uint8Array {
  return encodeDer(TAG.SEQUENCE, encodeOid(oid), critical, encodeDer(TAG.OCTET_STRING, value))
}

function encodeInteger(value: number): Uint8Array {
  const hex = value.toString(16)
  const octets = fromHex(hex.padStart(hex.length + (hex.length % 2), '0'))
  return encodeDer(TAG.INTEGER, (octets[0] ?? 0) < 0x80 ? octets : concat(ZERO, octets))
}

/** RFC 5280 §5.1.2.4: UTCTime through 2049, GeneralizedTime from then on, both in whole seconds. */
function encodeTime(moment: Instant): Uint8Array {
  const digits = new Date(moment).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  const isShort = digits < '2050'
  return encodeDer(isShort ? TAG.UTC_TIME : TAG.GENERALIZED_TIME, encodeUtf8(`${isShort ? digits.slice(2) : digits}Z`))
}

/** ASCII, as an IA5String holds it. */
const LIST_URL = /^http:\/\/[\x21-\x7e]{1,2000}$/

/** BOOLEAN TRUE. */
const CRITICAL = Uint8Array.of(0x01, 0x01, 0xff)
const VERSION_2 = Uint8Array.of(1)
const ZERO = Uint8Array.of(0)
const ENUMERATED = 0x0a
/** RFC 5280 §5.2.3 to §5.2.6 and §5.3.1. */
const CRL_NUMBER = '2.5.29.20'
const DELTA_CRL_INDICATOR = '2.5.29.27'
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28'
const FRESHEST_CRL = '2.5.29.46'
const REASON_CODE = '2.5.29.21'

/** The extensions of an entry, by its reason (RFC 5280 §5.3.1); the one that says nothing has none. */
const ENTRY_EXTENSIONS: Readonly<Record<RevocationReason, Uint8Array>> = {
  unspecified: new Uint8Array(),
  keyCompromise: reasonExtension('keyCompromise'),
  affiliationChanged: reasonExtension('affiliationChanged'),
  superseded: reasonExtension('superseded'),
  cessationOfOperation: reasonExtension('cessationOfOperation'),
  privilegeWithdrawn: reasonExtension('privilegeWithdrawn'),
}

function reasonExtension(reason: RevocationReason): Uint8Array {
  const value = encodeDer(ENUMERATED, Uint8Array.of(REVOCATION_REASONS[reason]))
  return encodeDer(TAG.SEQUENCE, extension(REASON_CODE, value))
}
