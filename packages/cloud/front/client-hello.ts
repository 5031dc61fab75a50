/** What a client offered at the begin of its TLS handshake, as far as its first bytes tell. */
export interface ClientHello {
  /** Highest first as the client lists them; `TLS 1.2` for example. */
  readonly versions: readonly string[]
  /** The names that IANA registered, for those that clients still offer; `0x1234` for others. */
  readonly ciphers: readonly string[]
  readonly sni: string | undefined
  readonly alpn: readonly string[]
}

/**
 * Reads a ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2) from the first bytes of a connection, to say why its
 * handshake failed. Nothing is decided by it: OpenSSL has refused the client by then.
 *
 * @returns what could be read, from a ClientHello that is cut off too; `undefined` for other bytes
 */
export function readClientHello(bytes: Uint8Array): ClientHello | undefined {
  const record = new Cursor(bytes)
  if (record.number(1) !== HANDSHAKE_RECORD) return undefined
  record.skip(4)
  if (record.number(1) !== CLIENT_HELLO) return undefined
  record.skip(3)
  const version = record.number(2)
  if (version === undefined) return undefined
  record.skip(RANDOM_BYTES)
  record.part(1)
  const ciphers = record.part(2).numbers()
  record.part(1)
  const extensions = readExtensions(record.part(2))
  const versions = extensions.get(SUPPORTED_VERSIONS)?.part(1).numbers() ?? [version]
  return {
    versions: versions.filter((each) => !isGrease(each)).map(versionName),
    ciphers: ciphers.filter((each) => !isGrease(each) && !SIGNALS.has(each)).map(cipherName),
    sni: readServerName(extensions.get(SERVER_NAME)),
    alpn: readProtocols(extensions.get(ALPN)),
  }
}

/** Tells whether these bytes will not become more of a ClientHello: it is all there, too long, or none. */
export function isWholeHello(bytes: Uint8Array): boolean {
  const record = new Cursor(bytes)
  if ((record.number(1) ?? HANDSHAKE_RECORD) !== HANDSHAKE_RECORD) return true
  record.skip(2)
  const length = record.number(2)
  return length !== undefined && bytes.length >= RECORD_HEAD_BYTES + Math.min(length, RECORD_BYTES_MAX)
}

function readExtensions(list: Cursor): ReadonlyMap<number, Cursor> {
  const extensions = new Map<number, Cursor>()
  for (;;) {
    const type = list.number(2)
    if (type === undefined) return extensions
    extensions.set(type, list.part(2))
  }
}

/** RFC 6066 §3. */
function readServerName(extension: Cursor | undefined): string | undefined {
  const list = extension?.part(2)
  if (list?.number(1) !== HOST_NAME) return undefined
  return list.part(2).text() || undefined
}

/** RFC 7301 §3.1. */
function readProtocols(extension: Cursor | undefined): readonly string[] {
  const list = extension?.part(2)
  const protocols: string[] = []
  for (;;) {
    const protocol = list?.part(1).text()
    if (protocol === undefined || protocol === '') return protocols
    protocols.push(protocol)
  }
}

/** Reads forward; what is cut off reads as nothing. */
class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  skip(count: number): void {
    this.#at += count
  }

  number(width: 1 | 2): number | undefined {
    const high = this.#bytes[this.#at]
    const low = this.#bytes[this.#at + 1]
    this.#at += width
    if (width === 1 || high === undefined) return high
    return low === undefined ? undefined : high * 256 + low
  }

  /** What follows a length of so many bytes. */
  part(width: 1 | 2): Cursor {
    const length = this.number(width) ?? 0
    const part = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return new Cursor(part)
  }

  numbers(): readonly number[] {
    const numbers: number[] = []
    for (;;) {
      const number = this.number(2)
      if (number === undefined) return numbers
      numbers.push(number)
    }
  }

  /** Only what may stand in a sentence: names and protocols are ASCII, and strangers wrote these. */
  text(): string {
    return Array.from(this.#bytes, (byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?')).join('')
  }
}

function versionName(version: number): string {
  return VERSIONS.get(version) ?? `version 0x${version.toString(16)}`
}

function cipherName(cipher: number): string {
  return CIPHERS.get(cipher) ?? `0x${cipher.toString(16).padStart(4, '0')}`
}

/** Values that mean nothing and keep servers tolerant (RFC 8701 §2). */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff)
}

const HANDSHAKE_RECORD = 22
/** Type, version, length (RFC 8446 §5.1). */
const RECORD_HEAD_BYTES = 5
/** Longest record of a plain text (the same section); what claims to be longer is none. */
const RECORD_BYTES_MAX = 16_384
const CLIENT_HELLO = 1
const RANDOM_BYTES = 32
const HOST_NAME = 0
const SERVER_NAME = 0
const ALPN = 16
const SUPPORTED_VERSIONS = 43

/** Listed as cipher suites and none: renegotiation (RFC 5746 §3.3) and fallback (RFC 7507 §2). */
const SIGNALS: ReadonlySet<number> = new Set([0x00ff, 0x5600])

const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0300, 'SSL 3.0'],
  [0x0301, 'TLS 1.0'],
  [0x0302, 'TLS 1.1'],
  [0x0303, 'TLS 1.2'],
  [0x0304, 'TLS 1.3'],
])

/** IANA, TLS Cipher Suites: those that devices offer and this endpoint refuses, and the three of TLS 1.3. */
const CIPHERS: ReadonlyMap<number, string> = new Map([
  [0x0004, 'TLS_RSA_WITH_RC4_128_MD5'],
  [0x0005, 'TLS_RSA_WITH_RC4_128_SHA'],
  [0x000a, 'TLS_RSA_WITH_3DES_EDE_CBC_SHA'],
  [0x002f, 'TLS_RSA_WITH_AES_128_CBC_SHA'],
  [0x0035, 'TLS_RSA_WITH_AES_256_CBC_SHA'],
  [0x003c, 'TLS_RSA_WITH_AES_128_CBC_SHA256'],
  [0x003d, 'TLS_RSA_WITH_AES_256_CBC_SHA256'],
  [0x0033, 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA'],
  [0x0039, 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA'],
  [0x009c, 'TLS_RSA_WITH_AES_128_GCM_SHA256'],
  [0x009d, 'TLS_RSA_WITH_AES_256_GCM_SHA384'],
  [0x009e, 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256'],
  [0x00a8, 'TLS_PSK_WITH_AES_128_GCM_SHA256'],
  [0x008c, 'TLS_PSK_WITH_AES_128_CBC_SHA'],
  [0x1301, 'TLS_AES_128_GCM_SHA256'],
  [0x1302, 'TLS_AES_256_GCM_SHA384'],
  [0x1303, 'TLS_CHACHA20_POLY1305_SHA256'],
  [0xc009, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'],
  [0xc00a, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA'],
  [0xc013, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA'],
  [0xc014, 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA'],
  [0xc023, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256'],
  [0xc024, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384'],
  [0xc027, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256'],
  [0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  [0xc02c, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
  [0xc02f, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
  [0xc030, 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
  [0xc0ac, 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM'],
  [0xc0ae, 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8'],
])
