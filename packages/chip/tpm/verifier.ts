import { equalBytes, type Instant, instant, later, type Millis, seconds, toHex } from '@birthmark/foundation/kernel'
import { joinParts, type PcrSelection, parseAttest, parseSignature, type TpmAttest, type TpmClock } from './attest.ts'
import { ATTESTATION_KEY, DEVICE_KEY, refusalOf } from './attributes.ts'
import { makeCredential } from './credential.ts'
import type { TpmCrypto } from './crypto.ts'
import { bytesOf, type PendingChallenge, type TpmChallenge, type TpmProof } from './documents.ts'
import { tpmFault } from './faults.ts'
import { nameOf, parsePublic, spkiOf, type TpmPublic } from './public-area.ts'

/** An attestation with the key that made it, as bytes of the TPM's structures. */
export interface SignedAttest {
  /** TPMS_ATTEST. */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array
  /** TPMT_PUBLIC of the key that is trusted to have signed. */
  readonly attestationKey: Uint8Array
  /** What the attestation must have been asked with. */
  readonly nonce: Uint8Array
}

/** What a quote says, once its signature was checked. */
export interface Quote {
  readonly selections: readonly PcrSelection[]
  /** Hash over the values of the registers, with the hash of the signature. */
  readonly digest: Uint8Array
  readonly clock: TpmClock
  readonly firmware: bigint
}

/**
 * Challenges the TPM behind an offer whose endorsement certificate was verified: encrypts a fresh secret for its
 * endorsement key and attestation key.
 *
 * @param request.endorsement SHA-256 of the endorsement certificate in hex, which the verdict names.
 * @throws `TPM_STRUCTURE_INVALID`, `TPM_AK_UNSUITABLE`, `TPM_EK_UNSUITABLE` (peer)
 */
export function makeChallenge(
  request: {
    readonly endorsementKey: Uint8Array
    readonly attestationKey: Uint8Array
    readonly endorsement: string
    readonly now: Instant
  },
  crypto: TpmCrypto,
): { readonly challenge: TpmChallenge; readonly pending: PendingChallenge } {
  const attestationKey = parseAttestationKey(request.attestationKey)
  const secret = crypto.random(SECRET_BYTES)
  const nonce = toHex(crypto.random(SECRET_BYTES))
  const credential = makeCredential(
    { endorsementKey: parsePublic(request.endorsementKey), name: nameOf(attestationKey, crypto), secret },
    crypto,
  )
  return {
    challenge: {
      document: 'birthmark-tpm-challenge-1',
      credentialBlob: toHex(credential.blob),
      encryptedSeed: toHex(credential.encryptedSeed),
      nonce,
    },
    pending: {
      document: 'birthmark-tpm-pending-1',
      nonce,
      secret: toHex(secret),
      attestationKey: toHex(request.attestationKey),
      endorsement: request.endorsement,
      validUntil: later(request.now, CHALLENGE_LIFE),
    },
  }
}

/**
 * Judges a proof. A pending challenge is good for one: forget it, durably, before calling this.
 *
 * @throws `TPM_CHALLENGE_UNKNOWN`, `TPM_CHALLENGE_EXPIRED`, `TPM_SECRET_WRONG`, `TPM_ATTEST_SIGNATURE_WRONG`,
 *   `TPM_ATTEST_KIND_WRONG`, `TPM_ATTEST_NONCE_WRONG`, `TPM_ATTEST_NAME_WRONG`, `TPM_KEY_UNSUITABLE`,
 *   `TPM_STRUCTURE_INVALID` (peer)
 */
export function verifyProof(
  request: { readonly pending: PendingChallenge; readonly proof: TpmProof; readonly now: Instant },
  crypto: TpmCrypto,
): AttestedKey {
  return AttestedKey.verify(request, crypto)
}

/**
 * The statement "this key was made in the TPM of that endorsement certificate and cannot leave it". Only
 * {@link verifyProof} makes one.
 */
export class AttestedKey {
  /** DER SubjectPublicKeyInfo: what a certificate request for this key must hold. */
  readonly publicKey: Uint8Array
  /** SHA-256 of the endorsement certificate, hex. */
  readonly endorsement: string
  /** The TPM's name of the key, hex. */
  readonly name: string
  readonly firmware: bigint
  readonly #verifiedAt: Instant

  private constructor(key: TpmPublic, name: Uint8Array, attest: TpmAttest, endorsement: string, now: Instant) {
    this.publicKey = spkiOf(key.key)
    this.name = toHex(name)
    this.firmware = attest.firmware
    this.endorsement = endorsement
    this.#verifiedAt = now
  }

  /** Use {@link verifyProof}, which lists the faults. */
  static verify(
    { pending, proof, now }: { readonly pending: PendingChallenge; readonly proof: TpmProof; readonly now: Instant },
    crypto: TpmCrypto,
  ): AttestedKey {
    if (pending.nonce !== proof.nonce) throw tpmFault('TPM_CHALLENGE_UNKNOWN')
    const validUntil = instant(pending.validUntil)
    if (now > validUntil) throw tpmFault('TPM_CHALLENGE_EXPIRED', { validUntil: isoTime(validUntil) })
    if (!equalSecrets(bytesOf(pending.secret), bytesOf(proof.secret))) throw tpmFault('TPM_SECRET_WRONG')
    const attest = checkAttest(
      {
        attest: bytesOf(proof.attest),
        signature: bytesOf(proof.signature),
        attestationKey: bytesOf(pending.attestationKey),
        nonce: bytesOf(pending.nonce),
      },
      crypto,
    )
    if (attest.statement.kind !== 'certify') throw wrongKind(attest, 'certificate of a key')
    const key = parsePublic(bytesOf(proof.key))
    const name = nameOf(key, crypto)
    if (!equalBytes(name, attest.statement.name)) throw tpmFault('TPM_ATTEST_NAME_WRONG')
    const why = refusalOf(key.attributes, DEVICE_KEY)
    if (why !== undefined) throw tpmFault('TPM_KEY_UNSUITABLE', { why })
    return new AttestedKey(key, name, attest, pending.endorsement, now)
  }

  get verifiedAt(): Instant {
    return this.#verifiedAt
  }
}

/**
 * Checks a quote by an attestation key that is trusted already.
 *
 * @throws `TPM_AK_UNSUITABLE`, `TPM_ATTEST_SIGNATURE_WRONG`, `TPM_ATTEST_KIND_WRONG`, `TPM_ATTEST_NONCE_WRONG`,
 *   `TPM_STRUCTURE_INVALID` (peer)
 */
export function verifyQuote(signed: SignedAttest, crypto: TpmCrypto): Quote {
  const { statement, clock, firmware, ...attest } = checkAttest(signed, crypto)
  if (statement.kind !== 'quote') throw wrongKind({ statement, clock, firmware, ...attest }, 'quote')
  return { selections: statement.selections, digest: statement.digest, clock, firmware }
}

/** Signature first: nothing in an attestation means anything before it. */
function checkAttest(signed: SignedAttest, crypto: TpmCrypto): TpmAttest {
  const key = parseAttestationKey(signed.attestationKey)
  const { scheme, hash, parts } = parseSignature(signed.signature)
  const signature = joinParts(parts, key.key.type === 'ecc' ? key.key.x.length : key.key.modulus.length)
  const agrees = key.signs === undefined || (key.signs.scheme === scheme && key.signs.hash === hash)
  const message = signed.attest
  const isSigned =
    signature !== undefined && crypto.verify({ publicKey: spkiOf(key.key), scheme, hash, message, signature })
  if (!agrees || !isSigned) throw tpmFault('TPM_ATTEST_SIGNATURE_WRONG')
  const attest = parseAttest(message)
  if (!equalBytes(attest.nonce, signed.nonce)) throw tpmFault('TPM_ATTEST_NONCE_WRONG')
  return attest
}

function parseAttestationKey(bytes: Uint8Array): TpmPublic {
  const area = parsePublic(bytes)
  const why = refusalOf(area.attributes, ATTESTATION_KEY)
  if (why !== undefined) throw tpmFault('TPM_AK_UNSUITABLE', { why })
  return area
}

function wrongKind({ statement }: TpmAttest, wanted: string): Error {
  const found = statement.kind === 'other' ? `statement of type ${statement.type}` : KINDS[statement.kind]
  return tpmFault('TPM_ATTEST_KIND_WRONG', { found, wanted })
}

/** Takes as long for a wrong secret as for the right one. */
function equalSecrets(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length
  for (let at = 0; at < left.length; at += 1) difference |= (left[at] ?? 0) ^ (right[at] ?? 0)
  return difference === 0
}

function isoTime(moment: Instant): string {
  return new Date(moment).toISOString()
}

const KINDS = { certify: 'certificate of a key', quote: 'quote' } as const

/** Of the secret and of the nonce, in bytes: what every endorsement key can carry. */
const SECRET_BYTES = 32

/** How long a device may take from the offer to the proof. A slow TPM needs some seconds for each of its keys. */
export const CHALLENGE_LIFE: Millis = seconds(300)
