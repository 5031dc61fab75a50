import { equalBytes, fromHex } from '@birthmark/foundation/kernel'
import { CIPHER_SUITES } from './cipher-suite.ts'
import { type ClientHelloContent, clientHelloExtensions, encodeClientHello } from './client-hello.ts'
import type { Connection, VersionedHandshake } from './connection.ts'
import { type ExtensionName, type Extensions, required } from './extensions.ts'
import { tlsFault } from './faults.ts'
import { Handshake12 } from './handshake-12.ts'
import { Handshake13 } from './handshake-13.ts'
import type { HandshakeMessage } from './handshake-message.ts'
import { chosenProtocol, contentLimit, requireEmpty } from './negotiated.ts'
import { decodeServerHello, type ServerHello, serverHelloExtensions } from './server-hello.ts'
import { VERSIONS } from './version.ts'
import { codeText, Reader } from './wire.ts'

/** What both versions share: ClientHello, perhaps HelloRetryRequest and a second ClientHello, ServerHello. */
export class HelloExchange {
  readonly #connection: Connection
  #hello: ClientHelloContent
  #offered: ReadonlySet<ExtensionName> = new Set()

  constructor(connection: Connection) {
    const { versions, entropy, groups } = connection.settings
    const modern = versions.includes('TLSv1.3')
    this.#connection = connection
    this.#hello = {
      random: entropy.bytes(32),
      sessionId: modern ? entropy.bytes(32) : new Uint8Array(),
      keyShare: modern ? groups[0]?.generate(entropy) : undefined,
      cookie: undefined,
    }
  }

  /** Sends the first ClientHello. */
  start(): void {
    this.#connection.advance('start')
    this.#sendHello()
  }

  /**
   * Takes a ServerHello or HelloRetryRequest.
   *
   * @returns The rest of the handshake in the version that the server chose; `undefined` after a HelloRetryRequest.
   */
  receive(message: HandshakeMessage): VersionedHandshake | undefined {
    if (message.name !== 'server_hello') throw this.#connection.unexpected(message.name)
    const hello = decodeServerHello(message.body)
    this.#connection.advance(hello.kind)
    switch (hello.kind) {
      case 'hello_retry_request':
        return this.#retry(hello, message)
      case 'server_hello_13':
        return this.#begin13(hello, message)
      case 'server_hello_12':
        return this.#begin12(hello, message)
    }
  }

  #sendHello(): void {
    const extensions = clientHelloExtensions(this.#connection.settings, this.#hello)
    this.#offered = new Set(extensions.keys())
    this.#connection.sendMessage('client_hello', encodeClientHello(this.#hello, extensions))
  }

  /** RFC 8446 §4.1.4. */
  #retry(hello: ServerHello, message: HandshakeMessage): undefined {
    const { settings, transcript } = this.#connection
    const extensions = this.#extensions13(hello)
    const cookie = readCookie(extensions)
    const wanted = readRetryGroup(extensions)
    if (wanted === undefined && cookie === undefined) throw illegal('lack of any change')
    let { keyShare } = this.#hello
    if (wanted !== undefined) {
      const group = settings.groups.find(({ code }) => code === wanted)
      if (group === undefined || group === keyShare?.group) throw groupNotOffered(wanted)
      keyShare = group.generate(settings.entropy)
    }
    transcript.replaceByHash()
    transcript.add(message.bytes)
    this.#hello = { ...this.#hello, keyShare, cookie }
    // RFC 8446 §D.4: before the second flight, which is this ClientHello.
    this.#connection.sendChangeCipherSpecOnce()
    this.#sendHello()
  }

  #begin13(hello: ServerHello, message: HandshakeMessage): VersionedHandshake {
    const extensions = this.#extensions13(hello)
    const reader = new Reader(required(extensions, 'key_share', 'ServerHello'), 'ServerHello')
    const group = reader.uint16()
    const publicKey = reader.vector16()
    reader.end()
    const { keyShare } = this.#hello
    if (keyShare?.group.code !== group) throw groupNotOffered(group)
    this.#connection.transcript.add(message.bytes)
    return new Handshake13(this.#connection, keyShare.agree(publicKey), this.#offered)
  }

  /** Gives the extensions of a ServerHello or HelloRetryRequest that keeps to TLS 1.3 (RFC 8446 §4.1.3). */
  #extensions13(hello: ServerHello): Extensions {
    const extensions = serverHelloExtensions(hello, this.#offered)
    const reader = new Reader(required(extensions, 'supported_versions', 'ServerHello'), 'ServerHello')
    const version = VERSIONS.get(reader.uint16())
    reader.end()
    if (version !== 'TLSv1.3') throw illegal('supported_versions')
    if (hello.legacyVersion !== 0x0303) throw illegal('legacy_version')
    if (!equalBytes(hello.sessionId, this.#hello.sessionId)) throw illegal('legacy_session_id_echo')
    requireSuite(hello, 'TLSv1.3')
    return extensions
  }

  /** RFC 5246 §7.4.1.3. */
  #begin12(hello: ServerHello, message: HandshakeMessage): VersionedHandshake {
    const { settings, records, transcript } = this.#connection
    this.#refuseOtherVersion(hello)
    requireSuite(hello, 'TLSv1.2')
    // Repeating the session ID would resume a session, and this client has none.
    if (hello.sessionId.length > 0 && equalBytes(hello.sessionId, this.#hello.sessionId)) throw illegal('session_id')
    const extensions = serverHelloExtensions(hello, this.#offered)
    requireSecureRenegotiation(extensions)
    requireUncompressedPoints(extensions)
    requireEmpty(extensions, 'server_name', 'ServerHello')
    requireEmpty(extensions, 'extended_master_secret', 'ServerHello')
    const alpn = chosenProtocol(extensions, settings.alpn, 'ServerHello')
    records.limitContent(contentLimit(extensions, 'TLSv1.2', 'ServerHello') ?? Number.POSITIVE_INFINITY)
    transcript.add(message.bytes)
    return new Handshake12(this.#connection, {
      randoms: { client: this.#hello.random, server: hello.random },
      extendedMasterSecret: extensions.has('extended_master_secret'),
      alpn,
    })
  }

  #refuseOtherVersion({ legacyVersion, random }: ServerHello): void {
    const { versions } = this.#connection.settings
    if (VERSIONS.get(legacyVersion) !== 'TLSv1.2' || !versions.includes('TLSv1.2')) {
      throw tlsFault('TLS_VERSION_NOT_OFFERED', { version: codeText(legacyVersion) })
    }
    // RFC 8446 §4.1.3: a server that supports TLS 1.3 marks its random value when it is asked for less.
    const mark = random.subarray(-8)
    if (versions.includes('TLSv1.3') && SENTINELS.some((sentinel) => equalBytes(mark, sentinel))) {
      throw tlsFault('TLS_DOWNGRADED')
    }
  }
}

function requireSuite(hello: ServerHello, version: string): void {
  const suite = CIPHER_SUITES.find(({ code }) => code === hello.cipherSuite)
  if (suite?.version !== version) {
    throw tlsFault('TLS_CIPHER_SUITE_NOT_OFFERED', { suite: codeText(hello.cipherSuite) })
  }
  if (hello.compression !== 0) throw illegal('compression method')
}

function readCookie(extensions: Extensions): Uint8Array | undefined {
  const content = extensions.get('cookie')
  if (content === undefined) return undefined
  const reader = new Reader(content, 'HelloRetryRequest')
  const cookie = reader.vector16()
  reader.end()
  if (cookie.length === 0) throw reader.malformed()
  return cookie
}

function readRetryGroup(extensions: Extensions): number | undefined {
  const content = extensions.get('key_share')
  if (content === undefined) return undefined
  const reader = new Reader(content, 'HelloRetryRequest')
  const group = reader.uint16()
  reader.end()
  return group
}

/** RFC 5746 §3.4: on a first handshake the extension is there and empty. */
function requireSecureRenegotiation(extensions: Extensions): void {
  const content = extensions.get('renegotiation_info')
  if (content === undefined || !equalBytes(content, Uint8Array.of(0))) throw tlsFault('TLS_RENEGOTIATION_UNSAFE')
}

/** RFC 8422 §5.2: a server that lists point formats lists the uncompressed one. */
function requireUncompressedPoints(extensions: Extensions): void {
  const content = extensions.get('ec_point_formats')
  if (content === undefined) return
  const reader = new Reader(content, 'ServerHello')
  const formats = reader.vector8()
  reader.end()
  if (!formats.includes(0)) throw illegal('ec_point_formats')
}

function groupNotOffered(code: number): Error {
  return tlsFault('TLS_GROUP_NOT_OFFERED', { group: codeText(code) })
}

function illegal(parameter: string): Error {
  return tlsFault('TLS_PARAMETER_ILLEGAL', { structure: 'ServerHello', parameter })
}

/** "DOWNGRD" and the version chosen instead: 1 for TLS 1.2, 0 for older ones (RFC 8446 §4.1.3). */
const SENTINELS = [fromHex('444f574e47524401'), fromHex('444f574e47524400')]
