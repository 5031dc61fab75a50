import { keyIdOf } from '@birthmark/factory/ledger'
import type { IssuedCertificate } from '@birthmark/factory/order'
import { type Clock, encodeUtf8, instant, type Millis } from '@birthmark/foundation/kernel'
import { parseCertificate, verifyCsr } from '@birthmark/foundation/x509'
import type { Authority } from '../authority.ts'
import { CheckedProfile } from '../profile-file.ts'
import { ORGANIZATION, type SealedBook } from './book.ts'
import { sealedFault } from './faults.ts'

/** What a station asks for. */
export interface SealRequest {
  /** DER. Its key stays at the station. */
  readonly csr: Uint8Array
  /** Certificates that it may sign, 1 to {@link SEALED_COUNT_MAX}. */
  readonly count: number
  /** How long, from now; at most {@link SEALED_LASTS_MAX}. */
  readonly lasts: Millis
  /** The organisation that every device must be named under, as the name constraints of the CA say it. */
  readonly organization?: string
}

/**
 * Makes the CA of a station that will work without its authority: short-lived, for devices alone, bound to a count and,
 * if wanted, to names. The grant is on the disk before the certificate is signed.
 *
 * @param authority One that signs CAs.
 * @throws `SEALED_GRANT_REFUSED`, `SEALED_CA_KEY_KNOWN` (caller), and what {@link Authority.issue} throws
 */
export async function sealCa(
  { csr, count, lasts, organization }: SealRequest,
  { authority, book, clock }: { readonly authority: Authority; readonly book: SealedBook; readonly clock: Clock },
): Promise<IssuedCertificate> {
  const refused = (why: string): Error => sealedFault('SEALED_GRANT_REFUSED', { why })
  if (!Number.isSafeInteger(count) || count < 1 || count > SEALED_COUNT_MAX) {
    throw refused(`1 to ${SEALED_COUNT_MAX} certificates at once`)
  }
  if (lasts < 1 || lasts > SEALED_LASTS_MAX) throw refused('at most 720 hours')
  if (organization !== undefined && !ORGANIZATION.test(organization)) {
    throw refused('an organisation has 1 to 64 letters, digits, spaces and ".&-"')
  }
  const key = keyIdOf(verifyCsr(csr, authority.settings).publicKey)
  const until = instant(Math.floor((clock.now() + lasts) / 1000) * 1000)
  const known = book.of(key)
  // A grant without a certificate is one that a crash came upon: the same station asks again, for the same.
  const isRepeated = known?.serial === undefined && known?.count === count && known.organization === organization
  if (known !== undefined && !isRepeated) {
    throw sealedFault('SEALED_CA_KEY_KNOWN', { count: known.count, until: new Date(known.until).toISOString() })
  }
  await book.grant({ key, count, until, ...(organization !== undefined && { organization }) })
  const issued = await authority.issue({ kind: 'ca', csr, profile: sealedProfile(until, organization) })
  await book.made(key, parseCertificate(issued.certificate).serialNumber)
  return issued
}

/** An issuing CA that ends with its grant, and whose name constraints say whose devices it is for. */
function sealedProfile(until: number, organization: string | undefined): CheckedProfile {
  const constraint = {
    oid: '2.5.29.30',
    critical: true,
    der: Buffer.from(permitted(organization ?? '')).toString('base64'),
  }
  return CheckedProfile.parse(
    JSON.stringify({
      format: 'birthmark-profile/1',
      name: 'sealed-ca',
      base: 'issuing-ca',
      validity: { until: new Date(until).toISOString() },
      ...(organization !== undefined && { extensions: [constraint] }),
    }),
  )
}

/** NameConstraints with one permitted directoryName, `O=...` (RFC 5280 §4.2.1.10). */
function permitted(organization: string): Uint8Array {
  const value = tlv(0x30, Uint8Array.of(0x06, 0x03, 0x55, 0x04, 0x0a), tlv(0x0c, encodeUtf8(organization)))
  const name = tlv(0x30, tlv(0x31, value))
  return tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0xa4, name))))
}

/** One value of DER of less than 128 bytes: an organisation has 64 at most. */
function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts)
  return Buffer.concat([Uint8Array.of(tag, content.length), content])
}

/** Certificates of one grant: what a station that is not heard of any more may have made. */
export const SEALED_COUNT_MAX = 100_000

/** A month, as an allotment has it. */
const SEALED_LASTS_MAX = 720 * 3_600_000
