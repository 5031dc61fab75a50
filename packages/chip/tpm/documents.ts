import { fromHex } from '@birthmark/foundation/kernel'
import { tpmFault } from './faults.ts'

/*
 * What travels between a device and who enrols it. All of it is JSON; bytes are lower-case hex. Each document says what
 * it is, so that one is not taken for another.
 */

/** The device's first word: who made its TPM, and which key will attest. Nothing in it is secret. */
export interface TpmOffer {
  readonly document: 'birthmark-tpm-offer-1'
  /** The endorsement certificate, DER. */
  readonly endorsementCertificate: string
  /** Certificates of the CAs above it that the TPM holds, DER; often none. */
  readonly intermediates: readonly string[]
  /** The TPMT_PUBLIC of the endorsement key. */
  readonly endorsementKey: string
  /** The TPMT_PUBLIC of the attestation key. */
  readonly attestationKey: string
}

/** The enroller's answer, which only the TPM that made the offer can open. */
export interface TpmChallenge {
  readonly document: 'birthmark-tpm-challenge-1'
  readonly credentialBlob: string
  readonly encryptedSeed: string
  /** What the attestation has to contain, 32 bytes. */
  readonly nonce: string
}

/** What the enroller keeps until the proof comes, 32 bytes of it secret. It is good for one proof. */
export interface PendingChallenge {
  readonly document: 'birthmark-tpm-pending-1'
  readonly nonce: string
  readonly secret: string
  readonly attestationKey: string
  /** SHA-256 of the endorsement certificate: which TPM it is. */
  readonly endorsement: string
  /** Milliseconds since 1970. */
  readonly validUntil: number
}

/** The device's second word: the secret, and what its TPM says about the key. */
export interface TpmProof {
  readonly document: 'birthmark-tpm-proof-1'
  readonly nonce: string
  readonly secret: string
  /** The TPMT_PUBLIC of the key. */
  readonly key: string
  /** The TPMS_ATTEST of TPM2_Certify. */
  readonly attest: string
  /** The TPMT_SIGNATURE over it. */
  readonly signature: string
}

/**
 * Longest bytes in a document: of a certificate, which are rarely above 2 KiB. At the limit:
 * `TPM_DOCUMENT_INVALID`.
 */
export const DOCUMENT_FIELD_BYTES_MAX = 16_384

/** CA certificates in an offer; chains of TPM makers have one to three. */
export const OFFER_INTERMEDIATES_COUNT_MAX = 8

/** Reads an offer. @throws `TPM_DOCUMENT_INVALID` (peer) */
export function parseOffer(value: unknown): TpmOffer {
  const fields = new Fields(value, 'birthmark-tpm-offer-1')
  const intermediates = fields.hexList('intermediates')
  return { ...fields.read('endorsementCertificate', 'endorsementKey', 'attestationKey'), intermediates }
}

/** Reads a challenge. @throws `TPM_DOCUMENT_INVALID` (peer) */
export function parseChallenge(value: unknown): TpmChallenge {
  return new Fields(value, 'birthmark-tpm-challenge-1').read('credentialBlob', 'encryptedSeed', 'nonce')
}

/** Reads what the enroller kept. @throws `TPM_DOCUMENT_INVALID` (peer) */
export function parsePending(value: unknown): PendingChallenge {
  const fields = new Fields(value, 'birthmark-tpm-pending-1')
  const validUntil = fields.count('validUntil')
  return { ...fields.read('nonce', 'secret', 'attestationKey', 'endorsement'), validUntil }
}

/** Reads a proof. @throws `TPM_DOCUMENT_INVALID` (peer) */
export function parseProof(value: unknown): TpmProof {
  return new Fields(value, 'birthmark-tpm-proof-1').read('nonce', 'secret', 'key', 'attest', 'signature')
}

/** Gives the bytes of a field that was parsed. */
export function bytesOf(field: string): Uint8Array {
  return fromHex(field)
}

type HexFields<Document, Name extends string> = { readonly document: Document } & Readonly<Record<Name, string>>

class Fields<Document extends string> {
  readonly #value: object
  readonly #document: Document

  constructor(value: unknown, document: Document) {
    this.#document = document
    if (typeof value !== 'object' || value === null) throw this.#invalid('it is no JSON object')
    this.#value = value
    if (this.#get('document') !== document) throw this.#invalid('it is another document')
  }

  /** Gives what the document is, and its fields of these names, all of them hex. */
  read<Name extends string>(...names: readonly Name[]): HexFields<Document, Name> {
    const fields: unknown = Object.fromEntries(names.map((name) => [name, this.#asHex(this.#get(name), name)]))
    // One entry for each of the names.
    return { document: this.#document, ...(fields as Readonly<Record<Name, string>>) }
  }

  hexList(name: string): readonly string[] {
    const list = this.#get(name)
    if (!Array.isArray(list) || list.length > OFFER_INTERMEDIATES_COUNT_MAX) {
      throw this.#invalid(`${name} is no list of up to ${OFFER_INTERMEDIATES_COUNT_MAX}`)
    }
    return list.map((item: unknown) => this.#asHex(item, name))
  }

  count(name: string): number {
    const value = this.#get(name)
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#invalid(`${name} is no whole number`)
    return value
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#value, name) ? Reflect.get(this.#value, name) : undefined
  }

  #asHex(value: unknown, name: string): string {
    const isHex = typeof value === 'string' && value.length <= 2 * DOCUMENT_FIELD_BYTES_MAX && HEX.test(value)
    if (!isHex) throw this.#invalid(`${name} is no hex of up to ${DOCUMENT_FIELD_BYTES_MAX} bytes`)
    return value
  }

  #invalid(why: string): Error {
    return tpmFault('TPM_DOCUMENT_INVALID', { what: this.#document, why })
  }
}

const HEX = /^(?:[0-9a-f]{2})+$/
