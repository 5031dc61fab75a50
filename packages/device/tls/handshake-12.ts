import { concat } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import type { Connection, VersionedHandshake } from './connection.ts'
import { tlsFault } from './faults.ts'
import { requireFinished } from './finished.ts'
import type { HandshakeMessage } from './handshake-message.ts'
import type { KeyShare } from './key-exchange.ts'
import { KeySchedule12, type Randoms } from './key-schedule-12.ts'
import {
  decodeCertificate12,
  decodeCertificateRequest12,
  decodeServerKeyExchange,
  ECDSA_SIGN,
  encodeCertificate12,
  encodeCertificateVerify,
  encodeClientKeyExchange,
} from './messages-12.ts'
import { requireOwnSignature } from './own-signature.ts'
import { CHANGE_CIPHER_SPEC } from './record.ts'
import { RecordProtection12, type TrafficKey } from './record-protection.ts'
import { verifyServerChain } from './server-certificate.ts'
import { requireAccepted, verifySignature } from './signature-scheme.ts'
import { type ClientEvent, canSend } from './states.ts'
import { wipe } from './wipe.ts'
import { codeText } from './wire.ts'

/** What the hellos settled. */
export interface Hellos12 {
  readonly randoms: Randoms
  readonly extendedMasterSecret: boolean
  readonly alpn: string | undefined
}

/** TLS 1.2 from ServerHello on: ECDHE-ECDSA with AES-128-GCM (RFC 5246, RFC 8422, RFC 5288). */
export class Handshake12 implements VersionedHandshake {
  readonly #connection: Connection
  readonly #hellos: Hellos12
  #serverCertificate: Certificate | undefined
  #share: KeyShare | undefined
  #premaster: Uint8Array | undefined
  #certificateRequested = false
  #schedule: KeySchedule12 | undefined
  #serverKey: TrafficKey | undefined

  constructor(connection: Connection, hellos: Hellos12) {
    this.#connection = connection
    this.#hellos = hellos
  }

  receive(message: HandshakeMessage): void {
    switch (message.name) {
      case 'certificate':
        this.#accept(message.name, message)
        return this.#certificate(message.body)
      case 'server_key_exchange':
        this.#accept(message.name, message)
        return this.#serverKeyExchange(message.body)
      case 'certificate_request':
        this.#accept(message.name, message)
        return this.#certificateRequest(message.body)
      case 'server_hello_done':
        this.#accept(message.name, message)
        return this.#serverHelloDone(message.body)
      case 'finished':
        return this.#finished(message)
      case 'hello_request':
        return this.#helloRequest()
      case 'certificate_verify':
      case 'client_hello':
      case 'client_key_exchange':
      case 'encrypted_extensions':
      case 'key_update':
      case 'new_session_ticket':
      case 'server_hello':
        throw this.#connection.unexpected(message.name)
    }
  }

  changeCipherSpec(): void {
    this.#connection.protectReading(new RecordProtection12(this.#connection.known(this.#serverKey)))
  }

  signed(signature: Uint8Array): void {
    const identity = this.#connection.known(this.#connection.settings.identity)
    requireOwnSignature(identity, this.#connection.transcript.messages, signature)
    this.#connection.sendMessage('certificate_verify', encodeCertificateVerify(identity.scheme.code, signature))
    this.#finishAnswer()
  }

  /** TLS 1.2 would have to renegotiate for a new key, and this client does not. */
  renewWriteKey(): void {
    throw tlsFault('TLS_KEY_EXHAUSTED', { max: this.#connection.settings.recordsPerKeyMax })
  }

  wipe(): void {
    this.#schedule?.wipe()
    if (this.#premaster !== undefined) wipe(this.#premaster)
    if (this.#serverKey !== undefined) wipe(this.#serverKey.key, this.#serverKey.iv)
  }

  #accept(event: ClientEvent, message: HandshakeMessage): void {
    this.#connection.advance(event)
    this.#connection.transcript.add(message.bytes)
  }

  #certificate(body: Uint8Array): void {
    const { settings, now } = this.#connection
    const shown = { certificates: decodeCertificate12(body), version: 'TLSv1.2', now } as const
    this.#serverCertificate = verifyServerChain(settings, shown)
  }

  #serverKeyExchange(body: Uint8Array): void {
    const exchange = decodeServerKeyExchange(body)
    const { settings } = this.#connection
    const { client, server } = this.#hellos.randoms
    verifySignature(this.#connection.known(this.#serverCertificate), {
      version: 'TLSv1.2',
      scheme: exchange.scheme,
      signature: exchange.signature,
      message: concat(client, server, exchange.parameters),
      what: 'ServerKeyExchange',
    })
    const group = settings.groups.find(({ code }) => code === exchange.group)
    if (group === undefined) {
      throw tlsFault('TLS_GROUP_NOT_OFFERED', { group: codeText(exchange.group) })
    }
    this.#share = group.generate(settings.entropy)
    this.#premaster = this.#share.agree(exchange.publicKey)
  }

  #certificateRequest(body: Uint8Array): void {
    const request = decodeCertificateRequest12(body)
    const { identity } = this.#connection.settings
    this.#certificateRequested = true
    if (identity !== undefined)
      requireAccepted(identity.scheme, request.types.includes(ECDSA_SIGN) ? request.schemes : [])
  }

  #serverHelloDone(body: Uint8Array): void {
    if (body.length > 0) throw tlsFault('TLS_MESSAGE_MALFORMED', { structure: 'ServerHelloDone' })
    const { identity } = this.#connection.settings
    if (this.#certificateRequested) {
      const certificates = identity?.certificates.map(({ der }) => der) ?? []
      this.#connection.sendMessage('certificate', encodeCertificate12(certificates))
    }
    const { publicKey } = this.#connection.known(this.#share)
    this.#connection.sendMessage('client_key_exchange', encodeClientKeyExchange(publicKey))
    this.#deriveKeys()
    if (!this.#certificateRequested || identity === undefined) return this.#finishAnswer()
    // RFC 5246 §7.4.8: all messages up to here, hashed by whoever signs.
    const { messages } = this.#connection.transcript
    this.#connection.emit({ do: 'sign', scheme: identity.scheme.name, message: messages })
  }

  #deriveKeys(): void {
    const premaster = this.#connection.known(this.#premaster)
    this.#schedule = this.#hellos.extendedMasterSecret
      ? KeySchedule12.fromSession(premaster, this.#connection.transcript.hash())
      : KeySchedule12.fromRandoms(premaster, this.#hellos.randoms)
    this.#share = undefined
  }

  #finishAnswer(): void {
    const { records, transcript } = this.#connection
    const schedule = this.#connection.known(this.#schedule)
    const keys = schedule.trafficKeys(this.#hellos.randoms)
    this.#serverKey = keys.server
    this.#connection.send('change_cipher_spec', CHANGE_CIPHER_SPEC)
    records.protectWriting(new RecordProtection12(keys.client))
    this.#connection.sendMessage('finished', schedule.verifyData('client', transcript.hash()))
    this.#connection.advance('answered')
  }

  #finished({ body }: HandshakeMessage): void {
    this.#connection.advance('finished')
    const schedule = this.#connection.known(this.#schedule)
    requireFinished(body, schedule.verifyData('server', this.#connection.transcript.hash()))
    schedule.wipe()
    this.#connection.connected({
      version: 'TLSv1.2',
      alpn: this.#hellos.alpn,
      serverCertificate: this.#connection.known(this.#serverCertificate),
    })
  }

  /** RFC 5246 §7.2.2: a warning, after which it is the server's turn to decide whether to go on. */
  #helloRequest(): void {
    this.#connection.advance('hello_request')
    if (canSend(this.#connection.state)) this.#connection.sendAlert('no_renegotiation')
  }
}
