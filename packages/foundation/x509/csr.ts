import type { KeyObject } from 'node:crypto'
import { type Fault, isFault } from '../kernel/index.ts'
import { buildExtensionRequest, encodeSigned } from './build.ts'
import { buildAttributes } from './csr-challenge.ts'
import { constructed, DerError, DerReader, enterDer, TAG } from './der.ts'
import { readOid, readSmallInteger } from './der-values.ts'
import { derNode, encodeDer } from './der-writer.ts'
import { EXTENSION_REQUEST, readExtensions } from './extensions.ts'
import { x509Fault } from './faults.ts'
import type { AlternativeName } from './general-name.ts'
import { type DistinguishedName, nameNode, readName } from './name.ts'
import { fromPem } from './pem.ts'
import { isSupportedKey, type KeyAlgorithm, readKeyAlgorithm } from './public-key.ts'
import {
  algorithmIdentifier,
  isSignedWith,
  isSignedWithAside,
  openVerificationKey,
  readSigned,
  type Signed,
} from './signature.ts'
import type { Signer } from './signer.ts'

/** Largest certificate request that is read, in bytes of DER; those in use have 200 to 2000. */
export const CSR_BYTES_MAX = 16_384

/** What a certificate request shall say. */
export interface CsrRequest {
  readonly subject: DistinguishedName
  readonly subjectAlternativeNames?: readonly AlternativeName[]
  /** What whoever will issue wants signed, so that the request is known to be fresh: 1 to 128 ASCII characters. */
  readonly challenge?: string
  readonly signer: Signer
}

/**
 * Makes a PKCS#10 request (RFC 2986), signed by the key that it is about.
 *
 * @returns Its DER.
 * @throws `NAME_INVALID`, `ALTERNATIVE_NAME_INVALID` (caller), and what the signer throws
 */
export async function createCsr(request: CsrRequest): Promise<Uint8Array> {
  const { subject, subjectAlternativeNames = [], challenge, signer } = request
  const info = encodeDer(
    TAG.SEQUENCE,
    derNode(TAG.INTEGER, VERSION_1),
    nameNode(subject),
    signer.publicKey,
    derNode(constructed(0), ...buildAttributes(buildExtensionRequest(subjectAlternativeNames), challenge)),
  )
  return encodeSigned(info, algorithmIdentifier(signer.algorithm), await signer.sign(info))
}

/**
 * Reads a PKCS#10 request and verifies that the key in it signed it. Whether the subject may have this name, and this
 * certificate, is for the issuer to decide; requested extensions other than alternative names are not looked at.
 *
 * @param input DER, or PEM text with exactly one request.
 * @param accepted What is taken beside EC and RSA keys; nothing unless given.
 * @throws `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED`, `CSR_SIGNATURE_INVALID` (peer), in this order
 */
export function verifyCsr(input: Uint8Array | string, accepted: AcceptedKeys = {}): VerifiedCsr {
  return VerifiedCsr.verify(input, accepted)
}

/** Does what {@link verifyCsr} does, with the arithmetic on another thread. Throws the same. */
export function verifyCsrAside(input: Uint8Array | string, accepted: AcceptedKeys = {}): Promise<VerifiedCsr> {
  return VerifiedCsr.verifyAside(input, accepted)
}

/**
 * Reads a PKCS#10 request for somebody who verifies it: nobody has shown yet that whoever made it holds the key.
 *
 * @param input DER, or PEM text with exactly one request.
 * @returns the DER
 * @throws `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED` (peer), in this order
 */
export function readUnverifiedCsr(input: Uint8Array | string): Uint8Array {
  const { der, fields } = readCsr(input)
  const { keyAlgorithm } = fields
  if (!isTaken(keyAlgorithm, {})) throw x509Fault('CSR_KEY_UNSUPPORTED', { keyAlgorithm })
  return der
}

/** Kinds of keys that are not taken from everybody. */
export interface AcceptedKeys {
  /** Whether a request may hold an ML-DSA-65 key (RFC 9881), which few programs can read as yet. */
  readonly mlDsa?: boolean
}

/** The statement "whoever made this request held the private key". Only {@link verifyCsr} makes one. */
export class VerifiedCsr {
  readonly subject: DistinguishedName
  readonly subjectAlternativeNames: readonly AlternativeName[]
  /** The DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly keyAlgorithm: KeyAlgorithm
  readonly #der: Uint8Array

  private constructor(der: Uint8Array, fields: CsrFields) {
    this.subject = fields.subject
    this.subjectAlternativeNames = fields.subjectAlternativeNames
    this.publicKey = fields.publicKey
    this.keyAlgorithm = fields.keyAlgorithm
    this.#der = der
  }

  /** Use {@link verifyCsr}. @throws `CSR_UNREADABLE`, `CSR_KEY_UNSUPPORTED`, `CSR_SIGNATURE_INVALID` (peer) */
  static verify(input: Uint8Array | string, accepted: AcceptedKeys): VerifiedCsr {
    const { key, der, signed, fields } = openCsr(input, accepted)
    if (!isSignedWith(key, signed)) throw x509Fault('CSR_SIGNATURE_INVALID')
    return new VerifiedCsr(der, fields)
  }

  /** Use {@link verifyCsrAside}. Throws what {@link verify} throws. */
  static async verifyAside(input: Uint8Array | string, accepted: AcceptedKeys): Promise<VerifiedCsr> {
    const { key, der, signed, fields } = openCsr(input, accepted)
    if (!(await isSignedWithAside(key, signed))) throw x509Fault('CSR_SIGNATURE_INVALID')
    return new VerifiedCsr(der, fields)
  }

  /** The request as it was verified, in DER. */
  get der(): Uint8Array {
    return this.#der
  }
}

interface CsrFields {
  readonly subject: DistinguishedName
  readonly subjectAlternativeNames: readonly AlternativeName[]
  readonly publicKey: Uint8Array
  readonly keyAlgorithm: KeyAlgorithm
}

function openCsr(input: Uint8Array | string, accepted: AcceptedKeys): ReadCsr & { readonly key: KeyObject } {
  const csr = readCsr(input)
  const { keyAlgorithm, publicKey } = csr.fields
  const key = isTaken(keyAlgorithm, accepted) ? openVerificationKey(publicKey) : undefined
  if (key === undefined) throw x509Fault('CSR_KEY_UNSUPPORTED', { keyAlgorithm })
  return { ...csr, key }
}

function isTaken(keyAlgorithm: KeyAlgorithm, accepted: AcceptedKeys): boolean {
  return isSupportedKey(keyAlgorithm) && (keyAlgorithm !== 'ml-dsa-65' || accepted.mlDsa === true)
}

interface ReadCsr {
  readonly der: Uint8Array
  readonly signed: Signed
  readonly fields: CsrFields
}

function readCsr(input: Uint8Array | string): ReadCsr {
  try {
    const der = derOf(input)
    const signed = readSigned(der)
    return { der, signed, fields: readInfo(signed.message) }
  } catch (error) {
    if (error instanceof DerError || isFault(error, 'PEM_MALFORMED')) throw unreadable(error.message, error)
    throw error
  }
}

function derOf(input: Uint8Array | string): Uint8Array {
  const blocks = typeof input === 'string' ? fromPem(input, 'CERTIFICATE REQUEST') : [Uint8Array.from(input)]
  const [der] = blocks
  if (der === undefined || blocks.length > 1) throw unreadable(`the text holds ${blocks.length}`)
  if (der.length > CSR_BYTES_MAX) throw unreadable(`it is longer than ${CSR_BYTES_MAX} bytes`)
  return der
}

/** RFC 2986 §4.1. OpenSSL takes a request without the attributes field, so it is taken here as well. */
function readInfo(message: Uint8Array): CsrFields {
  const fields = enterDer(message, TAG.SEQUENCE)
  if (readSmallInteger(fields.content(TAG.INTEGER)) !== 0) throw new DerError('a version other than 1')
  const subject = readName(fields.raw(TAG.SEQUENCE))
  const publicKey = fields.raw(TAG.SEQUENCE)
  const attributes = fields.takeIf(constructed(0))
  fields.end()
  return {
    subject,
    publicKey,
    keyAlgorithm: readKeyAlgorithm(publicKey),
    subjectAlternativeNames: attributes === undefined ? [] : readRequestedNames(new DerReader(attributes.content)),
  }
}

function readRequestedNames(attributes: DerReader): readonly AlternativeName[] {
  let requested: readonly AlternativeName[] | undefined
  while (!attributes.isAtEnd) {
    const attribute = attributes.enter(TAG.SEQUENCE)
    if (readOid(attribute.content(TAG.OID)) !== EXTENSION_REQUEST) continue
    if (requested !== undefined) throw new DerError('two extension requests')
    const values = attribute.enter(TAG.SET)
    requested = readExtensions(values.enter(TAG.SEQUENCE)).subjectAlternativeNames
    values.end()
    attribute.end()
  }
  return requested ?? []
}

function unreadable(why: string, cause?: unknown): Fault {
  return x509Fault('CSR_UNREADABLE', { why }, cause)
}

const VERSION_1 = Uint8Array.of(0)
