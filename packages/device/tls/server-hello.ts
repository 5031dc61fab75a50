import { equalBytes, fromHex } from '@birthmark/foundation/kernel'
import {
  answeredExtensions,
  type ExtensionName,
  type Extensions,
  type RawExtensions,
  readExtensions,
} from './extensions.ts'
import { Reader } from './wire.ts'

/** A ServerHello or HelloRetryRequest, read but not judged (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3). */
export interface ServerHello {
  readonly legacyVersion: number
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly cipherSuite: number
  readonly compression: number
  readonly extensions: RawExtensions
  /** Which message it is, by its random value and its extensions. */
  readonly kind: 'hello_retry_request' | 'server_hello_13' | 'server_hello_12'
}

/**
 * Reads the body of a ServerHello.
 *
 * @throws `TLS_MESSAGE_MALFORMED`, `TLS_PARAMETER_ILLEGAL` when an extension comes twice
 */
export function decodeServerHello(body: Uint8Array): ServerHello {
  const reader = new Reader(body, 'ServerHello')
  const legacyVersion = reader.uint16()
  const random = reader.bytes(RANDOM_BYTES)
  const sessionId = reader.vector8()
  const cipherSuite = reader.uint16()
  const compression = reader.uint8()
  // RFC 5246 §7.4.1.3: without extensions even the length is absent.
  const vector = reader.left > 0 ? reader.vector16() : new Uint8Array()
  reader.end()
  const extensions = readExtensions(vector, 'ServerHello')
  return { legacyVersion, random, sessionId, cipherSuite, compression, extensions, kind: kindOf(random, extensions) }
}

/**
 * Gives the extensions of a ServerHello, all of them asked for and in their place.
 *
 * @param offered The extensions of the ClientHello.
 * @throws `TLS_EXTENSION_NOT_OFFERED`, `TLS_PARAMETER_ILLEGAL`
 */
export function serverHelloExtensions(hello: ServerHello, offered: ReadonlySet<ExtensionName>): Extensions {
  return answeredExtensions(hello.extensions, { structure: 'ServerHello', allowed: ALLOWED[hello.kind], offered })
}

/** RFC 8446 §4.2.1: supported_versions is looked at first, and is there exactly when TLS 1.3 was chosen. */
function kindOf(random: Uint8Array, extensions: RawExtensions): ServerHello['kind'] {
  if (equalBytes(random, RETRY_RANDOM)) return 'hello_retry_request'
  return extensions.has(SUPPORTED_VERSIONS) ? 'server_hello_13' : 'server_hello_12'
}

const RANDOM_BYTES = 32
const SUPPORTED_VERSIONS = 43

/** SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3). */
const RETRY_RANDOM = fromHex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')

/** RFC 8446 §4.2, RFC 8422 §5.2, RFC 7301 §3.1, RFC 7627 §5.1, RFC 8449 §4, RFC 5746 §3.4. */
const ALLOWED: Readonly<Record<ServerHello['kind'], readonly ExtensionName[]>> = {
  hello_retry_request: ['supported_versions', 'key_share', 'cookie'],
  server_hello_13: ['supported_versions', 'key_share'],
  server_hello_12: [
    'server_name',
    'ec_point_formats',
    'application_layer_protocol_negotiation',
    'extended_master_secret',
    'record_size_limit',
    'renegotiation_info',
  ],
}
