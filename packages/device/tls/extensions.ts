import { concat, uint16 } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'
import { Reader, vector16 } from './wire.ts'

/** An extension that this client sends or understands. */
export type ExtensionName =
  | 'server_name'
  | 'supported_groups'
  | 'ec_point_formats'
  | 'signature_algorithms'
  | 'application_layer_protocol_negotiation'
  | 'extended_master_secret'
  | 'record_size_limit'
  | 'supported_versions'
  | 'cookie'
  | 'key_share'
  | 'renegotiation_info'

/** The extensions of one message, by their name. */
export type Extensions = ReadonlyMap<ExtensionName, Uint8Array>

/** The extensions of one message as they came, by their number. */
export type RawExtensions = ReadonlyMap<number, Uint8Array>

/** Which extensions a message of the server may carry. */
export interface ExtensionRule {
  /** The message, for faults. */
  readonly structure: string
  /** What the standard allows there. */
  readonly allowed: readonly ExtensionName[]
  /** What this client's ClientHello carried: a server may answer nothing else. */
  readonly offered: ReadonlySet<ExtensionName>
}

/**
 * Reads the content of an extensions vector.
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_PARAMETER_ILLEGAL` when an extension comes twice
 */
export function readExtensions(bytes: Uint8Array, structure: string): RawExtensions {
  const reader = new Reader(bytes, structure)
  const extensions = new Map<number, Uint8Array>()
  while (reader.left > 0) {
    const code = reader.uint16()
    const content = reader.vector16()
    if (extensions.has(code)) throw tlsFault('TLS_PARAMETER_ILLEGAL', { structure, parameter: 'repeated extension' })
    extensions.set(code, content)
  }
  return extensions
}

/**
 * Gives what a server answers with, all of it asked for and in its place.
 *
 * @throws `TLS_EXTENSION_NOT_OFFERED`, `TLS_PARAMETER_ILLEGAL` when the standard has it in another message
 */
export function answeredExtensions(raw: RawExtensions, { structure, allowed, offered }: ExtensionRule): Extensions {
  const extensions = new Map<ExtensionName, Uint8Array>()
  for (const [code, content] of raw) {
    const name = NAMES.get(code)
    // RFC 8446 §4.2: a cookie is the one extension that a server may send first.
    if (name === undefined || !(offered.has(name) || name === 'cookie')) {
      throw tlsFault('TLS_EXTENSION_NOT_OFFERED', { structure, extension: name ?? code })
    }
    if (!allowed.includes(name)) throw tlsFault('TLS_PARAMETER_ILLEGAL', { structure, parameter: name })
    extensions.set(name, content)
  }
  return extensions
}

/** Gives what is known of a server's request; the rest is ignored there (RFC 8446 §4.3.2). */
export function knownExtensions(raw: RawExtensions): Extensions {
  const extensions = new Map<ExtensionName, Uint8Array>()
  for (const [code, content] of raw) {
    const name = NAMES.get(code)
    if (name !== undefined) extensions.set(name, content)
  }
  return extensions
}

/** Writes an extensions vector, length included. */
export function encodeExtensions(extensions: Extensions): Uint8Array {
  return vector16(...[...extensions].map(([name, content]) => concat(uint16(CODES.get(name) ?? 0), vector16(content))))
}

/**
 * Gives an extension that the standard demands in a message.
 *
 * @throws `TLS_EXTENSION_MISSING`
 */
export function required(extensions: Extensions, extension: ExtensionName, structure: string): Uint8Array {
  const content = extensions.get(extension)
  if (content === undefined) throw tlsFault('TLS_EXTENSION_MISSING', { structure, extension })
  return content
}

/** RFC 8446 §4.2, RFC 7627 §5.1, RFC 8449 §4, RFC 5746 §3.2. */
const NAMES: ReadonlyMap<number, ExtensionName> = new Map([
  [0, 'server_name'],
  [10, 'supported_groups'],
  [11, 'ec_point_formats'],
  [13, 'signature_algorithms'],
  [16, 'application_layer_protocol_negotiation'],
  [23, 'extended_master_secret'],
  [28, 'record_size_limit'],
  [43, 'supported_versions'],
  [44, 'cookie'],
  [51, 'key_share'],
  [0xff01, 'renegotiation_info'],
])
const CODES: ReadonlyMap<ExtensionName, number> = new Map([...NAMES].map(([code, name]) => [name, code]))
