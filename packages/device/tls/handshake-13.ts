import type { Certificate } from '@birthmark/foundation/x509'
import type { Connection, VersionedHandshake } from './connection.ts'
import type { ExtensionName } from './extensions.ts'
import { requireFinished } from './finished.ts'
import { encodeMessage, type HandshakeMessage } from './handshake-message.ts'
import { KeySchedule13, nextTrafficSecret, type TrafficSecrets, trafficKey, verifyData } from './key-schedule-13.ts'
import { encodeCertificateVerify } from './messages-12.ts'
import {
  decodeCertificate13,
  decodeCertificateRequest13,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeKeyUpdate,
  encodeCertificate13,
  encodeKeyUpdate,
  signedContent,
} from './messages-13.ts'
import { chosenProtocol, contentLimit, requireEmpty } from './negotiated.ts'
import { requireOwnSignature } from './own-signature.ts'
import { RecordProtection13 } from './record-protection.ts'
import { verifyServerChain } from './server-certificate.ts'
import { requireAccepted, verifySignature } from './signature-scheme.ts'
import { type ClientEvent, canSend } from './states.ts'
import { wipe } from './wipe.ts'

/** TLS 1.3 from ServerHello on (RFC 8446). */
export class Handshake13 implements VersionedHandshake {
  readonly #connection: Connection
  readonly #offered: ReadonlySet<ExtensionName>
  readonly #schedule: KeySchedule13
  /** Of the handshake until the server's Finished was answered, then of the application. */
  #secrets: TrafficSecrets
  /** Of the application, while the server's Finished is being answered. */
  #nextSecrets: TrafficSecrets | undefined
  #serverCertificate: Certificate | undefined
  #certificateRequested = false
  #alpn: string | undefined

  /** Takes over once ServerHello is in the transcript; `shared`, the key exchange's secret, is overwritten. */
  constructor(connection: Connection, shared: Uint8Array, offered: ReadonlySet<ExtensionName>) {
    this.#connection = connection
    this.#offered = offered
    this.#schedule = KeySchedule13.fromSharedSecret(shared)
    this.#secrets = this.#schedule.handshakeSecrets(connection.transcript.hash())
    this.#protectReading(this.#secrets.server)
    this.#protectWriting(this.#secrets.client)
  }

  receive(message: HandshakeMessage): void {
    switch (message.name) {
      case 'encrypted_extensions':
        this.#accept(message.name, message)
        return this.#encryptedExtensions(message.body)
      case 'certificate_request':
        this.#accept(message.name, message)
        return this.#certificateRequest(message.body)
      case 'certificate':
        this.#accept(message.name, message)
        return this.#certificate(message.body)
      case 'certificate_verify':
        return this.#certificateVerify(message)
      case 'finished':
        return this.#finished(message)
      case 'new_session_ticket':
        return this.#connection.advance(message.name)
      case 'key_update':
        return this.#keyUpdate(message.body)
      case 'client_hello':
      case 'client_key_exchange':
      case 'hello_request':
      case 'server_hello':
      case 'server_hello_done':
      case 'server_key_exchange':
        throw this.#connection.unexpected(message.name)
    }
  }

  /** It is for middleboxes and changes nothing (RFC 8446 §5). */
  changeCipherSpec(): void {}

  signed(signature: Uint8Array): void {
    const identity = this.#connection.known(this.#connection.settings.identity)
    requireOwnSignature(identity, this.#contentToSign(), signature)
    this.#connection.sendMessage('certificate_verify', encodeCertificateVerify(identity.scheme.code, signature))
    this.#finishAnswer()
  }

  /** Tells the server that the next record has a new key (RFC 8446 §4.6.3). */
  renewWriteKey(): void {
    this.#connection.send('handshake', encodeMessage('key_update', encodeKeyUpdate()))
    this.#secrets = { ...this.#secrets, client: nextTrafficSecret(this.#secrets.client) }
    this.#protectWriting(this.#secrets.client)
  }

  wipe(): void {
    this.#schedule.wipe()
    for (const secrets of [this.#secrets, this.#nextSecrets]) if (secrets) wipe(secrets.client, secrets.server)
  }

  #accept(event: ClientEvent, message: HandshakeMessage): void {
    this.#connection.advance(event)
    this.#connection.transcript.add(message.bytes)
  }

  #encryptedExtensions(body: Uint8Array): void {
    const { settings, records } = this.#connection
    const extensions = decodeEncryptedExtensions(body, this.#offered)
    requireEmpty(extensions, 'server_name', 'EncryptedExtensions')
    this.#alpn = chosenProtocol(extensions, settings.alpn, 'EncryptedExtensions')
    records.limitContent(contentLimit(extensions, 'TLSv1.3', 'EncryptedExtensions') ?? Number.POSITIVE_INFINITY)
  }

  #certificateRequest(body: Uint8Array): void {
    const { schemes } = decodeCertificateRequest13(body)
    const { identity } = this.#connection.settings
    this.#certificateRequested = true
    if (identity !== undefined) requireAccepted(identity.scheme, schemes)
  }

  #certificate(body: Uint8Array): void {
    const { settings, now } = this.#connection
    const certificates = decodeCertificate13(body, this.#offered)
    this.#serverCertificate = verifyServerChain(settings, { certificates, version: 'TLSv1.3', now })
  }

  #certificateVerify(message: HandshakeMessage): void {
    const signedHash = this.#connection.transcript.hash()
    this.#accept('certificate_verify', message)
    const { scheme, signature } = decodeCertificateVerify(message.body)
    verifySignature(this.#connection.known(this.#serverCertificate), {
      version: 'TLSv1.3',
      scheme,
      signature,
      message: signedContent('server', signedHash),
      what: 'CertificateVerify',
    })
  }

  #finished(message: HandshakeMessage): void {
    const { transcript } = this.#connection
    const expected = verifyData(this.#secrets.server, transcript.hash())
    this.#accept('finished', message)
    requireFinished(message.body, expected)
    this.#nextSecrets = this.#schedule.applicationSecrets(transcript.hash())
    this.#protectReading(this.#nextSecrets.server)
    this.#answer()
  }

  #answer(): void {
    const { settings } = this.#connection
    this.#connection.sendChangeCipherSpecOnce()
    if (!this.#certificateRequested) return this.#finishAnswer()
    const certificates = settings.identity?.certificates.map(({ der }) => der) ?? []
    this.#connection.sendMessage('certificate', encodeCertificate13(certificates))
    if (settings.identity === undefined) return this.#finishAnswer()
    this.#connection.emit({ do: 'sign', scheme: settings.identity.scheme.name, message: this.#contentToSign() })
  }

  /** RFC 8446 §4.4.3: up to and including this side's Certificate. */
  #contentToSign(): Uint8Array {
    return signedContent('client', this.#connection.transcript.hash())
  }

  #finishAnswer(): void {
    const { transcript } = this.#connection
    this.#connection.sendMessage('finished', verifyData(this.#secrets.client, transcript.hash()))
    wipe(this.#secrets.client, this.#secrets.server)
    this.#secrets = this.#connection.known(this.#nextSecrets)
    this.#protectWriting(this.#secrets.client)
    this.#connection.advance('answered')
    this.#connection.connected({
      version: 'TLSv1.3',
      alpn: this.#alpn,
      serverCertificate: this.#connection.known(this.#serverCertificate),
    })
  }

  #keyUpdate(body: Uint8Array): void {
    this.#connection.advance('key_update')
    const { requested } = decodeKeyUpdate(body)
    this.#secrets = { ...this.#secrets, server: nextTrafficSecret(this.#secrets.server) }
    this.#protectReading(this.#secrets.server)
    if (requested && canSend(this.#connection.state)) this.renewWriteKey()
  }

  #protectReading(secret: Uint8Array): void {
    this.#connection.protectReading(new RecordProtection13(trafficKey(secret)))
  }

  #protectWriting(secret: Uint8Array): void {
    this.#connection.records.protectWriting(new RecordProtection13(trafficKey(secret)))
  }
}
