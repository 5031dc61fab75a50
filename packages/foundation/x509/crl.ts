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
}

/**
 * Makes a full certificate revocation list, version 2 (RFC 5280 §5). Its signature is verified before it leaves.
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

function assertSound({ issuer, number, thisUpdate, nextUpdate, revoked }: CrlRequest): void {
  const broken = [
    { why: 'its issuer may not sign lists', holds: issuer.keyUsage?.includes('cRLSign') ?? issuer.isCa },
    { why: 'it would end before it begins', holds: thisUpdate < nextUpdate },
    { why: 'its number is no whole number', holds: Number.isSafeInteger(number) && number >= 0 },
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
  const { issuer, number, thisUpdate, nextUpdate, revoked } = request
  const ownIdentifier = issuer.subjectKeyIdentifier
  const identifier = ownIdentifier === undefined ? keyIdentifier(issuer.publicKey) : fromHex(ownIdentifier)
  // One list of parts, not arguments: there may be more entries than a call has room for.
  const entries = Buffer.concat(revoked.map(encodeEntry))
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
      ),
    ),
  )
}

function encodeEntry({ serial, at, reason }: RevokedCertificate): Uint8Array {
  const code = REVOCATION_REASONS[reason]
  const octets = fromHex(serial)
  const positive = (octets[0] ?? 0) < 0x80 ? octets : concat(ZERO, octets)
  const value = encodeDer(ENUMERATED, Uint8Array.of(code))
  const extensions = code === 0 ? new Uint8Array() : encodeDer(TAG.SEQUENCE, extension(REASON_CODE, value))
  return encodeDer(TAG.SEQUENCE, encodeDer(TAG.INTEGER, positive), encodeTime(at), extensions)
}

function extension(oid: string, value: Uint8Array): Uint8Array {
  return encodeDer(TAG.SEQUENCE, encodeOid(oid), encodeDer(TAG.OCTET_STRING, value))
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

const VERSION_2 = Uint8Array.of(1)
const ZERO = Uint8Array.of(0)
const ENUMERATED = 0x0a
/** RFC 5280 §5.2.3 and §5.3.1. */
const CRL_NUMBER = '2.5.29.20'
const REASON_CODE = '2.5.29.21'
