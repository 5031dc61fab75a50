import { concat, encodeUtf8 } from '@birthmark/foundation/kernel'
import {
  answeredExtensions,
  type ExtensionName,
  type Extensions,
  knownExtensions,
  readExtensions,
  required,
} from './extensions.ts'
import { tlsFault } from './faults.ts'
import { Reader, vector8, vector16, vector24 } from './wire.ts'

/** What the server accepts as proof from the client (RFC 8446 §4.3.2). */
export interface CertificateRequest13 {
  readonly schemes: readonly number[]
}

/** A signature over the transcript (RFC 8446 §4.4.3). */
export interface CertificateVerify {
  readonly scheme: number
  readonly signature: Uint8Array
}

/**
 * Reads the body of EncryptedExtensions (RFC 8446 §4.3.1).
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_EXTENSION_NOT_OFFERED`, `TLS_PARAMETER_ILLEGAL`
 */
export function decodeEncryptedExtensions(body: Uint8Array, offered: ReadonlySet<ExtensionName>): Extensions {
  const structure = 'EncryptedExtensions'
  const reader = new Reader(body, structure)
  const raw = readExtensions(reader.vector16(), structure)
  reader.end()
  return answeredExtensions(raw, { structure, allowed: ENCRYPTED_EXTENSIONS, offered })
}

/**
 * Reads the body of a CertificateRequest; the names of authorities and whatever is unknown are ignored.
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_EXTENSION_MISSING`, `TLS_PARAMETER_ILLEGAL`
 */
export function decodeCertificateRequest13(body: Uint8Array): CertificateRequest13 {
  const structure = 'CertificateRequest'
  const reader = new Reader(body, structure)
  requireNoContext(reader.vector8(), structure)
  const extensions = knownExtensions(readExtensions(reader.vector16(), structure))
  reader.end()
  const list = new Reader(required(extensions, 'signature_algorithms', structure), structure)
  const schemes = list.uint16s()
  list.end()
  return { schemes }
}

/**
 * Reads the certificates of a server's Certificate message, its own first (RFC 8446 §4.4.2).
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_EXTENSION_NOT_OFFERED`, `TLS_PARAMETER_ILLEGAL`
 */
export function decodeCertificate13(body: Uint8Array, offered: ReadonlySet<ExtensionName>): readonly Uint8Array[] {
  const structure = 'Certificate'
  const reader = new Reader(body, structure)
  requireNoContext(reader.vector8(), structure)
  const list = new Reader(reader.vector24(), structure)
  reader.end()
  const certificates: Uint8Array[] = []
  while (list.left > 0) {
    certificates.push(list.vector24())
    answeredExtensions(readExtensions(list.vector16(), structure), { structure, allowed: [], offered })
  }
  return certificates
}

/** Writes a Certificate message in answer to the handshake's request; an empty list says that there is none. */
export function encodeCertificate13(certificates: readonly Uint8Array[]): Uint8Array {
  return concat(vector8(), vector24(...certificates.map((der) => concat(vector24(der), vector16()))))
}

/** Reads the body of a CertificateVerify. @throws `TLS_MESSAGE_MALFORMED` */
export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new Reader(body, 'CertificateVerify')
  const scheme = reader.uint16()
  const signature = reader.vector16()
  reader.end()
  return { scheme, signature }
}

/** Gives what one side signs: the transcript hash behind a text that no other protocol signs (RFC 8446 §4.4.3). */
export function signedContent(side: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
  const context = encodeUtf8(`${' '.repeat(64)}TLS 1.3, ${side} CertificateVerify\0`)
  return concat(context, transcriptHash)
}

/**
 * Reads the body of a KeyUpdate: does the server want one in return?
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_PARAMETER_ILLEGAL`
 */
export function decodeKeyUpdate(body: Uint8Array): { readonly requested: boolean } {
  const reader = new Reader(body, 'KeyUpdate')
  const request = reader.uint8()
  reader.end()
  if (request > 1) throw tlsFault('TLS_PARAMETER_ILLEGAL', { structure: 'KeyUpdate', parameter: 'request_update' })
  return { requested: request === 1 }
}

/** Writes a KeyUpdate that asks for none in return (RFC 8446 §4.6.3). */
export function encodeKeyUpdate(): Uint8Array {
  return Uint8Array.of(0)
}

/** RFC 8446 §4.3.2 and §4.4.2: only authentication after the handshake has a context. */
function requireNoContext(context: Uint8Array, structure: string): void {
  if (context.length > 0) {
    throw tlsFault('TLS_PARAMETER_ILLEGAL', { structure, parameter: 'certificate_request_context' })
  }
}

/** RFC 8446 §4.2, RFC 8449 §4. */
const ENCRYPTED_EXTENSIONS: readonly ExtensionName[] = [
  'server_name',
  'supported_groups',
  'application_layer_protocol_negotiation',
  'record_size_limit',
]
