import { concat, encodeUtf8, uint16 } from '@birthmark/foundation/kernel'
import { CIPHER_SUITES } from './cipher-suite.ts'
import { type ExtensionName, type Extensions, encodeExtensions } from './extensions.ts'
import type { KeyShare } from './key-exchange.ts'
import type { ClientSettings } from './options.ts'
import { CONTENT_BYTES_MAX } from './record.ts'
import { SCHEMES } from './signature-scheme.ts'
import { VERSIONS } from './version.ts'
import { uint16s, vector8, vector16 } from './wire.ts'

/** What changes between two ClientHellos of one client, or from connection to connection. */
export interface ClientHelloContent {
  /** 32 bytes. */
  readonly random: Uint8Array
  /** Empty without TLS 1.3, 32 bytes with it, for middleboxes (RFC 8446 §D.4). */
  readonly sessionId: Uint8Array
  /** The share sent along; absent without TLS 1.3. */
  readonly keyShare: KeyShare | undefined
  /** What a HelloRetryRequest asked to be repeated. */
  readonly cookie: Uint8Array | undefined
}

/** Writes the body of a ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2). */
export function encodeClientHello(content: ClientHelloContent, extensions: Extensions): Uint8Array {
  const suites = CIPHER_SUITES.map(({ code }) => code)
  return concat(
    uint16(LEGACY_VERSION),
    content.random,
    vector8(content.sessionId),
    vector16(uint16s(suites)),
    vector8(NO_COMPRESSION),
    encodeExtensions(extensions),
  )
}

/** Gives the extensions of a ClientHello, in the order in which they are sent. */
export function clientHelloExtensions(settings: ClientSettings, content: ClientHelloContent): Extensions {
  const extensions = new Map<ExtensionName, Uint8Array>()
  if (settings.serverName !== undefined) extensions.set('server_name', encodeServerName(settings.serverName))
  extensions.set('supported_groups', vector16(uint16s(settings.groups.map(({ code }) => code))))
  extensions.set('signature_algorithms', vector16(uint16s(SCHEMES.map(({ code }) => code))))
  extensions.set('record_size_limit', uint16(RECORD_SIZE_LIMIT))
  if (settings.alpn.length > 0) {
    const names = settings.alpn.map((protocol) => vector8(encodeUtf8(protocol)))
    extensions.set('application_layer_protocol_negotiation', vector16(...names))
  }
  if (settings.versions.includes('TLSv1.2')) {
    extensions.set('ec_point_formats', vector8(Uint8Array.of(UNCOMPRESSED)))
    extensions.set('extended_master_secret', new Uint8Array())
    extensions.set('renegotiation_info', vector8())
  }
  if (content.keyShare !== undefined) {
    const { group, publicKey } = content.keyShare
    const codes = [...VERSIONS].filter(([, version]) => settings.versions.includes(version)).map(([code]) => code)
    extensions.set('supported_versions', vector8(uint16s(codes)))
    extensions.set('key_share', vector16(uint16(group.code), vector16(publicKey)))
  }
  if (content.cookie !== undefined) extensions.set('cookie', vector16(content.cookie))
  return extensions
}

/** RFC 6066 §3: a list of one name of type host_name. */
function encodeServerName(name: string): Uint8Array {
  return vector16(Uint8Array.of(0), vector16(encodeUtf8(name)))
}

/**
 * The record size that this client asks for (RFC 8449 §4): what every record may have anyway, in TLS 1.3 with the byte
 * of its hidden type. Sending the extension lets a server tell its own limit.
 */
const RECORD_SIZE_LIMIT = CONTENT_BYTES_MAX + 1

const LEGACY_VERSION = 0x0303
const NO_COMPRESSION = Uint8Array.of(0)
/** RFC 8422 §5.1.2. */
const UNCOMPRESSED = 0
