import { createHash, type KeyObject, sign } from 'node:crypto'
import { concat, type Entropy, equalBytes, uint16 } from '@birthmark/foundation/kernel'
import { decodeAlert } from '../alert.ts'
import { encodeMessage, type HandshakeMessage, HandshakeReader, type MessageName } from '../handshake-message.ts'
import { GROUPS, groupNamed } from '../key-exchange.ts'
import { KeySchedule12, type Randoms } from '../key-schedule-12.ts'
import { KeySchedule13, nextTrafficSecret, type TrafficSecrets, trafficKey, verifyData } from '../key-schedule-13.ts'
import { encodeCertificate12 } from '../messages-12.ts'
import { encodeCertificate13, signedContent } from '../messages-13.ts'
import { CHANGE_CIPHER_SPEC, type ContentType, encodeHeader } from '../record.ts'
import { RecordLayer } from '../record-layer.ts'
import { type RecordProtection, RecordProtection12, RecordProtection13 } from '../record-protection.ts'
import { Transcript } from '../transcript.ts'
import { Reader, vector8, vector16 } from '../wire.ts'

/** A message as a script sees it. */
export interface Said {
  readonly name: MessageName
  readonly body: Uint8Array
}

/** How a server departs from the standard. */
export interface Script {
  /** Gives what is sent in the place of a message: nothing, the same, another one, several. */
  readonly rewrite?: (said: Said) => readonly Said[]
  /** Ask for a client certificate with these signature schemes. */
  readonly request?: readonly number[]
}

/** What a server needs. */
export interface ServerSetup {
  /** DER, own certificate first. */
  readonly certificates: readonly Uint8Array[]
  readonly key: KeyObject
  readonly entropy: Entropy
  readonly script: Script
}

/** What a test can do with a server of either version, and see of it. */
abstract class ScriptedServer {
  protected readonly records: RecordLayer = new RecordLayer()
  protected readonly transcript: Transcript = new Transcript()
  protected readonly setup: ServerSetup
  readonly #messages = new HandshakeReader()
  #writing: RecordProtection | undefined
  #out: Uint8Array[] = []
  /** Alerts and messages that the client sent, in order. */
  readonly heard: string[] = []
  /** Application data that the client sent. */
  readonly data: Uint8Array[] = []

  constructor(setup: ServerSetup) {
    this.setup = setup
  }

  /** Takes the client's bytes and gives the answer. */
  receive(bytes: Uint8Array): Uint8Array {
    // A client that does not get as far as the keys complains in the clear.
    if (isPlainAlert(bytes)) {
      this.heard.push(`alert ${decodeAlert(bytes.subarray(5))?.name}`)
      return new Uint8Array()
    }
    this.records.feed(bytes)
    for (let content = this.records.next(); content !== undefined; content = this.records.next()) {
      if (content.type === 'handshake') this.#handshake(content.bytes)
      else if (content.type === 'application_data') this.data.push(content.bytes)
      else if (content.type === 'alert') this.heard.push(`alert ${decodeAlert(content.bytes)?.name}`)
      else this.onChangeCipherSpec()
    }
    return this.take()
  }

  /** Sends a record under the current key. */
  send(type: ContentType, bytes: Uint8Array): Uint8Array {
    return this.records.write({ type, bytes })
  }

  /** Sends a record without content. */
  sendEmpty(): Uint8Array {
    return this.#writing?.seal({ type: 'application_data', bytes: new Uint8Array() }) ?? new Uint8Array()
  }

  /** Sends a message after the handshake. */
  tell(name: MessageName, body: Uint8Array): Uint8Array {
    return this.send('handshake', encodeMessage(name, body))
  }

  protected write(protection: RecordProtection): void {
    this.#writing = protection
    this.records.protectWriting(protection)
  }

  /** Gives what waits to be sent. */
  protected take(): Uint8Array {
    const out = concat(...this.#out)
    this.#out = []
    return out
  }

  protected put(bytes: Uint8Array): void {
    this.#out.push(bytes)
  }

  /** Sends a message of the handshake as the script wants it, and gives what was sent. */
  protected say(name: MessageName, body: Uint8Array): readonly Said[] {
    const whole = this.setup.script.rewrite?.({ name, body }) ?? [{ name, body }]
    for (const said of whole) {
      const message = encodeMessage(said.name, said.body)
      this.transcript.add(message)
      this.put(this.send('handshake', message))
    }
    return whole
  }

  protected abstract onMessage(message: HandshakeMessage): void
  protected abstract onChangeCipherSpec(): void

  #handshake(bytes: Uint8Array): void {
    this.#messages.feed(bytes)
    for (let message = this.#messages.next(); message !== undefined; message = this.#messages.next()) {
      this.heard.push(message.name)
      this.onMessage(message)
    }
  }
}

/** A TLS 1.3 server that keeps to the standard except where its script says otherwise. */
export class ScriptedServer13 extends ScriptedServer {
  #handshakeSecrets: TrafficSecrets | undefined
  #secrets: TrafficSecrets | undefined

  protected override onMessage(message: HandshakeMessage): void {
    if (message.name !== 'finished') this.transcript.add(message.bytes)
    if (message.name === 'client_hello') this.#flight(message)
    if (message.name === 'finished' && this.#secrets !== undefined) this.#read(this.#secrets.client)
  }

  protected override onChangeCipherSpec(): void {
    this.heard.push('change_cipher_spec')
  }

  /** Changes the server's key after a KeyUpdate was sent. */
  changeKey(): void {
    if (this.#secrets === undefined) throw new Error('not connected')
    this.#secrets = { ...this.#secrets, server: nextTrafficSecret(this.#secrets.server) }
    this.#write(this.#secrets.server)
  }

  /** Follows a KeyUpdate of the client. */
  followKey(): void {
    if (this.#secrets === undefined) throw new Error('not connected')
    this.#secrets = { ...this.#secrets, client: nextTrafficSecret(this.#secrets.client) }
    this.#read(this.#secrets.client)
  }

  #flight(clientHello: HandshakeMessage): void {
    const hello = readClientHello(clientHello.body)
    const share = readShare(hello.extensions)
    const own = share.group.generate(this.setup.entropy)
    const extensions = concat(
      extension(43, uint16(0x0304)),
      extension(51, concat(uint16(share.group.code), vector16(own.publicKey))),
    )
    const ordinary = serverHello(this.setup.entropy.bytes(32), hello.sessionId, 0x1301, extensions)
    if (this.say('server_hello', ordinary).some(isRetry)) return
    const schedule = KeySchedule13.fromSharedSecret(own.agree(share.publicKey))
    const handshake = schedule.handshakeSecrets(this.transcript.hash())
    this.#handshakeSecrets = handshake
    this.put(concat(encodeHeader('change_cipher_spec', 1), CHANGE_CIPHER_SPEC))
    this.#write(handshake.server)
    this.#read(handshake.client)
    this.#authenticate()
    this.#secrets = schedule.applicationSecrets(this.transcript.hash())
    this.#write(this.#secrets.server)
  }

  #authenticate(): void {
    const { script, certificates, key } = this.setup
    this.say('encrypted_extensions', vector16())
    if (script.request !== undefined) {
      const schemes = extension(13, vector16(...script.request.map(uint16)))
      this.say('certificate_request', concat(vector8(), vector16(schemes)))
    }
    this.say('certificate', encodeCertificate13(certificates))
    const signature = sign('sha256', signedContent('server', this.transcript.hash()), key)
    this.say('certificate_verify', concat(uint16(0x0403), vector16(signature)))
    const secret = this.#handshakeSecrets?.server ?? new Uint8Array()
    this.say('finished', verifyData(secret, this.transcript.hash()))
  }

  #read(secret: Uint8Array): void {
    this.records.protectReading(new RecordProtection13(trafficKey(secret)))
  }

  #write(secret: Uint8Array): void {
    this.write(new RecordProtection13(trafficKey(secret)))
  }
}

/** A TLS 1.2 server that keeps to the standard except where its script says otherwise. */
export class ScriptedServer12 extends ScriptedServer {
  #randoms: Randoms = { client: new Uint8Array(), server: new Uint8Array() }
  #share = groupNamed('secp256r1')?.generate(this.setup.entropy)
  #schedule: KeySchedule12 | undefined

  protected override onMessage(message: HandshakeMessage): void {
    if (message.name === 'finished') return this.#finish(message)
    this.transcript.add(message.bytes)
    if (message.name === 'client_hello') this.#flight(message)
    if (message.name === 'client_key_exchange') this.#derive(message)
  }

  protected override onChangeCipherSpec(): void {
    this.heard.push('change_cipher_spec')
    const keys = this.#schedule?.trafficKeys(this.#randoms)
    if (keys !== undefined) this.records.protectReading(new RecordProtection12(keys.client))
  }

  #flight(clientHello: HandshakeMessage): void {
    const { script, certificates, entropy } = this.setup
    const hello = readClientHello(clientHello.body)
    this.#randoms = { client: hello.random, server: entropy.bytes(32) }
    const extensions = concat(extension(0xff01, vector8()), extension(23, new Uint8Array()))
    this.say('server_hello', serverHello(this.#randoms.server, new Uint8Array(), 0xc02b, extensions))
    this.say('certificate', encodeCertificate12(certificates))
    this.say('server_key_exchange', this.#keyExchange())
    if (script.request !== undefined) {
      const schemes = vector16(...script.request.map(uint16))
      this.say('certificate_request', concat(vector8(Uint8Array.of(64)), schemes, vector16()))
    }
    this.say('server_hello_done', new Uint8Array())
  }

  #keyExchange(): Uint8Array {
    const publicKey = this.#share?.publicKey ?? new Uint8Array()
    const parameters = concat(Uint8Array.of(3), uint16(0x0017), vector8(publicKey))
    const message = concat(this.#randoms.client, this.#randoms.server, parameters)
    return concat(parameters, uint16(0x0403), vector16(sign('sha256', message, this.setup.key)))
  }

  #derive({ body }: HandshakeMessage): void {
    const premaster = this.#share?.agree(new Reader(body, 'ClientKeyExchange').vector8()) ?? new Uint8Array()
    this.#schedule = KeySchedule12.fromSession(premaster, this.transcript.hash())
  }

  #finish(message: HandshakeMessage): void {
    this.transcript.add(message.bytes)
    const schedule = this.#schedule
    if (schedule === undefined) throw new Error('no key exchange')
    this.put(this.send('change_cipher_spec', CHANGE_CIPHER_SPEC))
    this.write(new RecordProtection12(schedule.trafficKeys(this.#randoms).server))
    this.say('finished', schedule.verifyData('server', this.transcript.hash()))
  }
}

/** Tells whether this is one alert record without protection. */
function isPlainAlert(bytes: Uint8Array): boolean {
  return bytes[0] === 21 && bytes.length === 7
}

/** Writes one extension. */
export function extension(code: number, content: Uint8Array): Uint8Array {
  return concat(uint16(code), vector16(content))
}

/** Writes the body of a ServerHello. */
export function serverHello(
  random: Uint8Array,
  sessionId: Uint8Array,
  suite: number,
  extensions: Uint8Array,
): Uint8Array {
  return concat(uint16(0x0303), random, vector8(sessionId), uint16(suite), Uint8Array.of(0), vector16(extensions))
}

/** Writes the body of a HelloRetryRequest with these extensions; the random value says what it is. */
export function helloRetryRequest(sessionId: Uint8Array, extensions: Uint8Array): Uint8Array {
  return serverHello(RETRY_RANDOM, sessionId, 0x1301, extensions)
}

function isRetry({ body }: Said): boolean {
  return equalBytes(body.subarray(2, 34), RETRY_RANDOM)
}

/** What a test needs of a ClientHello. */
export interface ClientHelloView {
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly extensions: ReadonlyMap<number, Uint8Array>
}

/** Reads the body of a ClientHello. */
export function readClientHello(body: Uint8Array): ClientHelloView {
  const reader = new Reader(body, 'ClientHello')
  reader.uint16()
  const random = reader.bytes(32)
  const sessionId = reader.vector8()
  reader.vector16()
  reader.vector8()
  const list = new Reader(reader.vector16(), 'ClientHello')
  const extensions = new Map<number, Uint8Array>()
  while (list.left > 0) extensions.set(list.uint16(), list.vector16())
  return { random, sessionId, extensions }
}

function readShare(extensions: ReadonlyMap<number, Uint8Array>): { group: NamedGroup; publicKey: Uint8Array } {
  const shares = new Reader(new Reader(extensions.get(51) ?? new Uint8Array(), 'key_share').vector16(), 'key_share')
  const group = GROUPS.get(shares.uint16())
  if (group === undefined) throw new Error('no share of a known group')
  return { group, publicKey: shares.vector16() }
}

/** RFC 8446 §4.1.3. */
const RETRY_RANDOM = createHash('sha256').update('HelloRetryRequest').digest()

type NamedGroup = NonNullable<ReturnType<typeof groupNamed>>
