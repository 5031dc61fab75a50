import { concat, uint16 } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'
import { Reader, vector8, vector16, vector24 } from './wire.ts'

/** The server's ephemeral key and its signature over it (RFC 8422 §5.4). */
export interface ServerKeyExchange {
  /** Code of a named group. */
  readonly group: number
  readonly publicKey: Uint8Array
  /** The signed part, ServerECDHParams. */
  readonly parameters: Uint8Array
  readonly scheme: number
  readonly signature: Uint8Array
}

/** What the server accepts as proof from the client (RFC 5246 §7.4.4). */
export interface CertificateRequest12 {
  /** ClientCertificateType codes. */
  readonly types: Uint8Array
  readonly schemes: readonly number[]
}

/** ClientCertificateType of an ECDSA key (RFC 8422 §5.5). */
export const ECDSA_SIGN = 64

/** Reads the certificates of a Certificate message, the server's own first. @throws `TLS_MESSAGE_MALFORMED` */
export function decodeCertificate12(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body, 'Certificate')
  const list = new Reader(reader.vector24(), 'Certificate')
  reader.end()
  const certificates: Uint8Array[] = []
  while (list.left > 0) certificates.push(list.vector24())
  return certificates
}

/** Writes a Certificate message; an empty list says that there is none. */
export function encodeCertificate12(certificates: readonly Uint8Array[]): Uint8Array {
  return vector24(...certificates.map((der) => vector24(der)))
}

/**
 * Reads the body of a ServerKeyExchange.
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_PARAMETER_ILLEGAL` for a curve without a name
 */
export function decodeServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  const reader = new Reader(body, 'ServerKeyExchange')
  if (reader.uint8() !== NAMED_CURVE) {
    throw tlsFault('TLS_PARAMETER_ILLEGAL', { structure: 'ServerKeyExchange', parameter: 'curve type' })
  }
  const group = reader.uint16()
  const publicKey = reader.vector8()
  const parameters = body.subarray(0, body.length - reader.left)
  const scheme = reader.uint16()
  const signature = reader.vector16()
  reader.end()
  return { group, publicKey, parameters, scheme, signature }
}

/** Reads the body of a CertificateRequest; the names of authorities are ignored. @throws `TLS_MESSAGE_MALFORMED` */
export function decodeCertificateRequest12(body: Uint8Array): CertificateRequest12 {
  const reader = new Reader(body, 'CertificateRequest')
  const types = reader.vector8()
  const schemes = reader.uint16s()
  reader.vector16()
  reader.end()
  return { types, schemes }
}

/** Writes a ClientKeyExchange (RFC 8422 §5.7). */
export function encodeClientKeyExchange(publicKey: Uint8Array): Uint8Array {
  return vector8(publicKey)
}

/** Writes a CertificateVerify; both versions have the same form (RFC 5246 §7.4.8, RFC 8446 §4.4.3). */
export function encodeCertificateVerify(scheme: number, signature: Uint8Array): Uint8Array {
  return concat(uint16(scheme), vector16(signature))
}

/** ECCurveType of curves with a name (RFC 8422 §5.4). */
const NAMED_CURVE = 3
