import type { PendingChallenge, TpmChallenge } from '@birthmark/chip/tpm'
import { bytesOf, makeChallenge, parsePublic, spkiOf, type TpmOffer, tpmFault } from '@birthmark/chip/tpm'
import { equalBytes, type Instant } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate, verifyChain } from '@birthmark/foundation/x509'
import { nodeTpmCrypto } from './node-crypto.ts'

/** Whom an enroller trusts to have made TPMs. */
export interface EndorsementTrust {
  /** The pinned roots of TPM makers. */
  readonly anchors: readonly Certificate[]
  /** CA certificates that the makers publish and TPMs mostly do not hold. */
  readonly intermediates?: readonly Certificate[]
}

/** What the maker says of a TPM in its endorsement certificate; each part is absent where it says nothing. */
export interface TpmIdentity {
  /** `id:` and 8 hex digits; four letters in ASCII, as the TCG gave them to the maker. */
  readonly manufacturer: string | undefined
  readonly model: string | undefined
  readonly version: string | undefined
}

/** A TPM that was challenged: what to send, what to keep, and which TPM it is. */
export interface ChallengedTpm {
  readonly challenge: TpmChallenge
  readonly pending: PendingChallenge
  readonly certificate: Certificate
  readonly identity: TpmIdentity
}

/**
 * Judges an offer and challenges its TPM: the endorsement certificate leads to a pinned root, is in its time, is one
 * for endorsement keys, and names the key that the offer has.
 *
 * @throws what `verifyChain` throws (an untrusted root `CHAIN_UNTRUSTED` or `CHAIN_INCOMPLETE`, a late one
 *   `CERTIFICATE_EXPIRED`), `CERTIFICATE_UNREADABLE`, `TPM_EK_MISMATCH`, `TPM_EK_UNSUITABLE`, `TPM_AK_UNSUITABLE`,
 *   `TPM_STRUCTURE_INVALID` (peer)
 */
export function challengeTpm(offer: TpmOffer, trust: EndorsementTrust, now: Instant): ChallengedTpm {
  const certificate = parseCertificate(bytesOf(offer.endorsementCertificate))
  const sent = offer.intermediates.map((der) => parseCertificate(bytesOf(der)))
  verifyChain({
    leaf: certificate,
    intermediates: [...(trust.intermediates ?? []), ...sent],
    anchors: trust.anchors,
    now,
    purpose: 'tpmEndorsement',
  })
  const endorsementKey = bytesOf(offer.endorsementKey)
  if (!equalBytes(spkiOf(parsePublic(endorsementKey).key), certificate.publicKey)) throw tpmFault('TPM_EK_MISMATCH')
  const attestationKey = bytesOf(offer.attestationKey)
  const request = { endorsementKey, attestationKey, endorsement: certificate.fingerprint, now }
  return { ...makeChallenge(request, nodeTpmCrypto), certificate, identity: tpmIdentity(certificate) }
}

/**
 * Reads who made a TPM. The certificate's subject is mostly empty: the names stand in a directory name among the
 * alternative ones, which then is a critical extension (TCG EK Credential Profile, §3.2.9).
 */
export function tpmIdentity(certificate: Certificate): TpmIdentity {
  const names = certificate.subjectAlternativeNames.filter(({ type }) => type === 'directory')
  const parts = new Map(
    names.flatMap(({ value }) => [...value.matchAll(PART)].map(([, oid = '', text = '']) => [oid, text] as const)),
  )
  return { manufacturer: parts.get('1'), model: parts.get('2'), version: parts.get('3') }
}

/** One TPM attribute in a name as text, RFC 4514: a comma of the value is escaped. */
const PART = /(?<=^|,)2\.23\.133\.2\.([123])=((?:[^,\\]|\\.)*)/g
