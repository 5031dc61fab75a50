import { isIP } from 'node:net'
import { type Entropy, encodeUtf8, equalBytes, type Millis, seconds } from '@birthmark/foundation/kernel'
import type { Certificate, Signer } from '@birthmark/foundation/x509'
import { tlsFault } from './faults.ts'
import { type Group, type GroupName, groupNamed } from './key-exchange.ts'
import { type Scheme, schemeOf } from './signature-scheme.ts'
import type { TlsVersion } from './version.ts'

/** What a client connects with. */
export interface TlsClientOptions {
  /** Name, in ASCII, or IP address that the server's certificate must carry. A name is sent as SNI (RFC 6066 §3). */
  readonly host: string
  /** Application protocols, most wanted first (RFC 7301); none by default. */
  readonly alpn?: readonly string[]
  /** The certificates that a server's chain must lead to, as the chip holds them. */
  readonly anchors: readonly Certificate[]
  /** Who the client is, if it has a certificate; a server that asks gets an empty answer otherwise. */
  readonly identity?: ClientIdentity
  readonly entropy: Entropy
  /** Versions offered; both by default. */
  readonly versions?: readonly TlsVersion[]
  /**
   * Key exchange groups, most wanted first; the first one's share is sent at once. X25519, then P-256 by default. A
   * server of TLS 1.2 also looks here for the curves of both certificates (RFC 8422 §5.1.1).
   */
  readonly groups?: readonly GroupName[]
  /** Longest handshake, the chip's signature included; {@link HANDSHAKE_TIMEOUT} by default. */
  readonly handshakeTimeout?: Millis
  /** Records sealed under one key before it is changed; {@link RECORDS_PER_KEY_MAX} by default and at most. */
  readonly recordsPerKeyMax?: number
}

/** A client's certificate chain and the key that proves it. */
export interface ClientIdentity {
  /** The client's own certificate first, then the intermediates to its root. */
  readonly certificates: readonly Certificate[]
  /** The key; the machine only asks for signatures and leaves it to its driver to call `sign`. */
  readonly signer: Pick<Signer, 'algorithm' | 'publicKey'>
}

/** {@link TlsClientOptions}, checked and complete. */
export interface ClientSettings {
  readonly host: string
  /** Name for SNI; `undefined` for an IP address. */
  readonly serverName: string | undefined
  readonly alpn: readonly string[]
  readonly anchors: readonly Certificate[]
  readonly identity: (ClientIdentity & { readonly scheme: Scheme }) | undefined
  readonly entropy: Entropy
  readonly versions: readonly TlsVersion[]
  readonly groups: readonly Group[]
  readonly handshakeTimeout: Millis
  readonly recordsPerKeyMax: number
}

/**
 * Longest handshake: a chip signs within a second, a slow link needs a few round trips of some seconds each. At the
 * limit: `TLS_HANDSHAKE_TIMEOUT`.
 */
export const HANDSHAKE_TIMEOUT: Millis = seconds(30)

/**
 * Most records sealed under one AES-GCM key. RFC 8446 §5.5 allows 2^24.5 full ones. At the limit: TLS 1.3 changes the
 * key, TLS 1.2 ends with `TLS_KEY_EXHAUSTED`.
 */
export const RECORDS_PER_KEY_MAX: number = 2 ** 24

/** Most bytes of all application protocol names with their lengths (RFC 7301 §3.1). More: `TLS_OPTIONS_INVALID`. */
export const ALPN_BYTES_MAX = 65_535

/**
 * Checks what a client connects with.
 *
 * @throws `TLS_OPTIONS_INVALID`
 */
export function parseOptions(options: TlsClientOptions): ClientSettings {
  const host = options.host.replace(/\.$/, '').toLowerCase()
  if (!/^[\x21-\x7e]{1,253}$/.test(host)) throw invalid('host must be 1 to 253 visible ASCII characters')
  if (options.anchors.length === 0) throw invalid('there is no trust anchor')
  return {
    host,
    serverName: isIP(host) === 0 ? host : undefined,
    alpn: parseAlpn(options.alpn ?? []),
    anchors: options.anchors,
    identity: options.identity === undefined ? undefined : parseIdentity(options.identity),
    entropy: options.entropy,
    versions: parseVersions(options.versions ?? ['TLSv1.3', 'TLSv1.2']),
    groups: parseGroups(options.groups ?? ['x25519', 'secp256r1']),
    handshakeTimeout: options.handshakeTimeout ?? HANDSHAKE_TIMEOUT,
    recordsPerKeyMax: Math.min(options.recordsPerKeyMax ?? RECORDS_PER_KEY_MAX, RECORDS_PER_KEY_MAX),
  }
}

function parseAlpn(protocols: readonly string[]): readonly string[] {
  const sizes = protocols.map((protocol) => encodeUtf8(protocol).length)
  if (sizes.some((size) => size < 1 || size > 255)) throw invalid('an ALPN name must have 1 to 255 bytes')
  if (sizes.reduce((sum, size) => sum + size + 1, 0) > ALPN_BYTES_MAX) throw invalid('there are too many ALPN names')
  return protocols
}

function parseIdentity({ certificates, signer }: ClientIdentity): NonNullable<ClientSettings['identity']> {
  const scheme = schemeOf(signer.algorithm)
  if (scheme === undefined) throw invalid(`a client key cannot sign with ${signer.algorithm} in TLS`)
  const [leaf] = certificates
  if (leaf === undefined) throw invalid('the identity has no certificate')
  if (!equalBytes(leaf.publicKey, signer.publicKey)) throw invalid('the certificate is not for the key that signs')
  return { certificates, signer, scheme }
}

function parseVersions(versions: readonly TlsVersion[]): readonly TlsVersion[] {
  if (versions.length === 0) throw invalid('there is no protocol version')
  return versions
}

function parseGroups(names: readonly GroupName[]): readonly Group[] {
  const groups = names.flatMap((name) => groupNamed(name) ?? [])
  if (groups.length === 0 || groups.length !== new Set(names).size) throw invalid('groups must be known, and once each')
  return groups
}

function invalid(why: string): Error {
  return tlsFault('TLS_OPTIONS_INVALID', { why })
}
