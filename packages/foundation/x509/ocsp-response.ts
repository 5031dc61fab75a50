import { encodeUtf8, equalBytes, type Instant } from '../kernel/index.ts'
import { encodeSigned } from './build.ts'
import type { Certificate } from './certificate.ts'
import { REVOCATION_REASONS, type RevocationReason } from './crl.ts'
import { constructed, primitive, TAG } from './der.ts'
import { encodeDer, encodeOid } from './der-writer.ts'
import { x509Fault } from './faults.ts'
import { hashOfKey, NONCE, type OcspCertificateId } from './ocsp-request.ts'
import { algorithmIdentifier, verifySignature } from './signature.ts'
import type { Signer } from './signer.ts'

/** What an answer says of one certificate (RFC 6960 §2.2). `unknown`: its issuer does not know of it. */
export type CertificateStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly at: Instant; readonly reason: RevocationReason }
  | { readonly kind: 'unknown' }

/** One certificate in an answer. */
export interface OcspAnswer {
  readonly certificate: OcspCertificateId
  readonly status: CertificateStatus
}

/** What is answered. */
export interface OcspResponseRequest {
  readonly answers: readonly OcspAnswer[]
  readonly nonce?: Uint8Array
  readonly thisUpdate: Instant
  /** When newer information will be there at the latest. */
  readonly nextUpdate: Instant
}

/** Who answers. */
export interface OcspResponder {
  readonly signer: Signer
  /** The certificate by which the issuer lets this key answer; without it, the key is the issuer's own. */
  readonly certificate?: Certificate
}

/** Why there is no answer (RFC 6960 §4.2.1). */
export type OcspErrorName = keyof typeof ERRORS

/**
 * Makes a signed answer (RFC 6960 §4.2). Its signature is verified before it leaves.
 *
 * @returns The DER of an OCSPResponse.
 * @throws `SIGNER_MISMATCH` (caller), `SIGNER_SIGNATURE_INVALID` (operator), and what the signer throws
 */
export async function signOcspResponse(
  request: OcspResponseRequest,
  { signer, certificate }: OcspResponder,
): Promise<Uint8Array> {
  const { algorithm, publicKey } = signer
  if (certificate !== undefined && !equalBytes(certificate.publicKey, publicKey)) throw x509Fault('SIGNER_MISMATCH')
  const message = encodeResponseData(request, hashOfKey(publicKey, 'sha1'))
  const signature = await signer.sign(message)
  if (!verifySignature({ publicKey, algorithm, message, signature })) throw x509Fault('SIGNER_SIGNATURE_INVALID')
  const certificates =
    certificate === undefined ? new Uint8Array() : encodeDer(constructed(0), encodeDer(TAG.SEQUENCE, certificate.der))
  const basic = encodeSigned(message, algorithmIdentifier(algorithm), signature, certificates)
  const bytes = encodeDer(TAG.SEQUENCE, encodeOid(BASIC_RESPONSE), encodeDer(TAG.OCTET_STRING, basic))
  return encodeDer(TAG.SEQUENCE, SUCCESSFUL, encodeDer(constructed(0), bytes))
}

/** Makes the answer that there is none; it is not signed. */
export function ocspError(name: OcspErrorName): Uint8Array {
  return encodeDer(TAG.SEQUENCE, encodeDer(ENUMERATED, Uint8Array.of(ERRORS[name])))
}

function encodeResponseData(request: OcspResponseRequest, keyHash: Uint8Array): Uint8Array {
  const { answers, nonce, thisUpdate } = request
  const value = nonce && encodeDer(TAG.OCTET_STRING, encodeDer(TAG.OCTET_STRING, nonce))
  return encodeDer(
    TAG.SEQUENCE,
    encodeDer(constructed(2), encodeDer(TAG.OCTET_STRING, keyHash)),
    encodeTime(thisUpdate),
    encodeDer(TAG.SEQUENCE, ...answers.map((answer) => encodeAnswer(answer, request))),
    value === undefined
      ? new Uint8Array()
      : encodeDer(constructed(1), encodeDer(TAG.SEQUENCE, encodeDer(TAG.SEQUENCE, encodeOid(NONCE), value))),
  )
}

function encodeAnswer(
  { certificate, status }: OcspAnswer,
  { thisUpdate, nextUpdate }: OcspResponseRequest,
): Uint8Array {
  return encodeDer(
    TAG.SEQUENCE,
    certificate.der,
    encodeStatus(status),
    encodeTime(thisUpdate),
    encodeDer(constructed(0), encodeTime(nextUpdate)),
  )
}

function encodeStatus(status: CertificateStatus): Uint8Array {
  switch (status.kind) {
    case 'good':
      return encodeDer(primitive(0))
    case 'unknown':
      return encodeDer(primitive(2))
    case 'revoked': {
      const code = REVOCATION_REASONS[status.reason]
      const reason = encodeDer(constructed(0), encodeDer(ENUMERATED, Uint8Array.of(code)))
      // RFC 5280 §5.3.1: the reason that says nothing is left out.
      return encodeDer(constructed(1), encodeTime(status.at), code === 0 ? new Uint8Array() : reason)
    }
  }
}

/** GeneralizedTime in whole seconds. */
function encodeTime(moment: Instant): Uint8Array {
  const digits = new Date(moment).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  return encodeDer(TAG.GENERALIZED_TIME, encodeUtf8(`${digits}Z`))
}

const ENUMERATED = 0x0a
const SUCCESSFUL = Uint8Array.of(ENUMERATED, 1, 0)
const ERRORS = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const

/** RFC 6960 §4.2.1: id-pkix-ocsp-basic. */
const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
