import { decodeUtf8 } from '@birthmark/foundation/kernel'
import type { ExtensionName, Extensions } from './extensions.ts'
import { tlsFault } from './faults.ts'
import { CONTENT_BYTES_MAX } from './record.ts'
import type { TlsVersion } from './version.ts'
import { Reader } from './wire.ts'

/** Where the server's answers stood, for faults. */
type Structure = 'ServerHello' | 'EncryptedExtensions'

/**
 * Gives the application protocol that the server chose; `undefined` when it chose none (RFC 7301 §3.1).
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_ALPN_NOT_OFFERED`
 */
export function chosenProtocol(
  extensions: Extensions,
  offered: readonly string[],
  structure: Structure,
): string | undefined {
  const content = extensions.get('application_layer_protocol_negotiation')
  if (content === undefined) return undefined
  const reader = new Reader(content, structure)
  const list = new Reader(reader.vector16(), structure)
  reader.end()
  const name = decodeUtf8(list.vector8())
  list.end()
  const protocol = offered.find((candidate) => candidate === name)
  if (protocol === undefined) throw tlsFault('TLS_ALPN_NOT_OFFERED')
  return protocol
}

/**
 * Gives the most bytes of content that the server takes in one record (RFC 8449 §4); `undefined` when it does not say.
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_PARAMETER_ILLEGAL`
 */
export function contentLimit(extensions: Extensions, version: TlsVersion, structure: Structure): number | undefined {
  const content = extensions.get('record_size_limit')
  if (content === undefined) return undefined
  const reader = new Reader(content, structure)
  const limit = reader.uint16()
  reader.end()
  // In TLS 1.3 the limit includes the byte of the hidden content type.
  const hidden = version === 'TLSv1.3' ? 1 : 0
  if (limit < RECORD_SIZE_LIMIT_MIN || limit > CONTENT_BYTES_MAX + hidden) {
    throw tlsFault('TLS_PARAMETER_ILLEGAL', { structure, parameter: 'record_size_limit' })
  }
  return limit - hidden
}

/**
 * Checks that the server acknowledges an extension with nothing in it, if it does.
 *
 * @throws `TLS_MESSAGE_MALFORMED`
 */
export function requireEmpty(extensions: Extensions, name: ExtensionName, structure: Structure): void {
  const content = extensions.get(name)
  if (content !== undefined) new Reader(content, structure).end()
}

/** RFC 8449 §4. */
const RECORD_SIZE_LIMIT_MIN = 64
