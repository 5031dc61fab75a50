import {
  equalBytes,
  Fault,
  type Instant,
  later,
  type Machine,
  type Millis,
  seconds,
} from '@birthmark/foundation/kernel'
import { decodeAlert } from './alert.ts'
import { Connection, type VersionedHandshake } from './connection.ts'
import { alertFor, TLS_FAULTS, tlsFault } from './faults.ts'
import type { HandshakeMessage } from './handshake-message.ts'
import { HelloExchange } from './hello-exchange.ts'
import type { TlsEffect, TlsInput } from './input-effect.ts'
import { parseOptions, type TlsClientOptions } from './options.ts'
import { peerAlertFault } from './peer-alert.ts'
import { CHANGE_CIPHER_SPEC } from './record.ts'
import type { Content } from './record-protection.ts'
import { type ClientState, canSend, isAnswering, isClosing, isHandshake, isListening } from './states.ts'

/**
 * How long the server may stay silent after this side closed. Long enough for the rest of an answer, short enough not
 * to pile up dead connections. At the limit: `TLS_CLOSE_TIMEOUT`.
 */
export const CLOSE_TIMEOUT: Millis = seconds(30)

/**
 * Most records in a row that carry no application data: tickets, key updates, empty fragments, warnings. Servers send a
 * handful; each may cost an answer. At the limit: `TLS_TOO_MANY_RECORDS_WITHOUT_DATA`.
 */
export const RECORDS_WITHOUT_DATA_MAX = 1024

/**
 * A TLS client without I/O: TLS 1.2 (ECDHE-ECDSA, AES-128-GCM) and TLS 1.3 (AES-128-GCM) over P-256 or X25519, whose
 * private key is somebody else's: it asks for a signature and waits. Whatever is wrong ends the connection with an
 * alert and one fault in the effect `closed`, after which inputs have no effect.
 */
export class TlsClient implements Machine<TlsInput, TlsEffect> {
  readonly #connection: Connection
  /** Until the version is known; then its ephemeral key is let go. */
  #hello: HelloExchange | undefined
  #version: VersionedHandshake | undefined
  #deadline: Instant | undefined
  #recordsWithoutData = 0

  /** @throws `TLS_OPTIONS_INVALID`, `TLS_ENTROPY_FAILED` */
  constructor(options: TlsClientOptions) {
    this.#connection = new Connection(parseOptions(options))
    this.#hello = new HelloExchange(this.#connection)
  }

  /** Where the connection stands, for logs. */
  get state(): ClientState {
    return this.#connection.state
  }

  get nextDeadline(): Instant | undefined {
    const { state } = this.#connection
    return isHandshake(state) || isClosing(state) ? this.#deadline : undefined
  }

  /** @throws `TLS_NOT_CONNECTED` for an input that has no place in the current state */
  receive(input: TlsInput, now: Instant): readonly TlsEffect[] {
    if (this.state === 'CLOSED') return []
    if (!hasPlace(input.on, this.state)) throw tlsFault('TLS_NOT_CONNECTED', { input: input.on, state: this.state })
    this.#connection.now = now
    try {
      this.#take(input)
    } catch (error) {
      this.#fail(error)
    }
    return this.#connection.takeEffects()
  }

  tick(now: Instant): readonly TlsEffect[] {
    const deadline = this.nextDeadline
    if (deadline === undefined || now < deadline) return []
    const { state, settings } = this.#connection
    this.#fail(
      isHandshake(state)
        ? tlsFault('TLS_HANDSHAKE_TIMEOUT', { limit: settings.handshakeTimeout, state })
        : tlsFault('TLS_CLOSE_TIMEOUT', { limit: CLOSE_TIMEOUT }),
    )
    return this.#connection.takeEffects()
  }

  #take(input: TlsInput): void {
    switch (input.on) {
      case 'start':
        this.#deadline = later(this.#connection.now, this.#connection.settings.handshakeTimeout)
        return this.#hello?.start()
      case 'bytes':
        if (isClosing(this.state)) this.#deadline = later(this.#connection.now, CLOSE_TIMEOUT)
        this.#connection.records.feed(input.bytes)
        return this.#read()
      case 'data':
        return this.#write(input.bytes)
      case 'signature':
        this.#version?.signed(input.signature)
        return this.#read()
      case 'signing-failed':
        throw tlsFault('TLS_SIGNING_FAILED', {}, input.cause)
      case 'close':
        return this.#closeWriting()
      case 'transport-closed':
        if (this.state !== 'PEER_CLOSED_13') throw tlsFault('TLS_TRUNCATED', { state: this.state })
        return this.#close(undefined)
    }
  }

  /** Takes messages and records until more bytes are needed, a signature is awaited, or the server has closed. */
  #read(): void {
    while (isListening(this.state)) {
      const message = this.#connection.messages.next()
      if (message !== undefined) this.#message(message)
      else {
        const content = this.#connection.records.next()
        if (content === undefined) return
        this.#content(content)
      }
    }
  }

  #message(message: HandshakeMessage): void {
    // The state table bounds the messages of a handshake.
    if (isHandshake(this.state)) this.#recordsWithoutData = 0
    if (this.#hello === undefined) return this.#version?.receive(message)
    this.#version = this.#hello.receive(message)
    if (this.#version !== undefined) this.#hello = undefined
  }

  #content({ type, bytes }: Content): void {
    const { messages } = this.#connection
    if (messages.pending && type !== 'handshake' && type !== 'alert') {
      throw this.#connection.unexpected(`${type} inside a message`)
    }
    if (type === 'application_data' && bytes.length > 0) this.#recordsWithoutData = 0
    else if (type !== 'handshake' || !isHandshake(this.state)) this.#countWithoutData()
    switch (type) {
      case 'handshake':
        return messages.feed(bytes)
      case 'change_cipher_spec':
        return this.#changeCipherSpec(bytes)
      case 'application_data':
        this.#connection.advance('application_data')
        if (bytes.length > 0) this.#connection.emit({ do: 'deliver', bytes })
        return
      case 'alert':
        return this.#alert(bytes)
    }
  }

  #countWithoutData(): void {
    this.#recordsWithoutData += 1
    if (this.#recordsWithoutData > RECORDS_WITHOUT_DATA_MAX) {
      throw tlsFault('TLS_TOO_MANY_RECORDS_WITHOUT_DATA', { max: RECORDS_WITHOUT_DATA_MAX })
    }
  }

  #changeCipherSpec(bytes: Uint8Array): void {
    if (!equalBytes(bytes, CHANGE_CIPHER_SPEC)) {
      throw tlsFault('TLS_RECORD_MALFORMED', { what: 'a change_cipher_spec record with another content' })
    }
    this.#connection.advance('change_cipher_spec')
    this.#version?.changeCipherSpec()
  }

  #alert(bytes: Uint8Array): void {
    const alert = decodeAlert(bytes)
    if (alert === undefined) throw tlsFault('TLS_MESSAGE_MALFORMED', { structure: 'alert' })
    if (alert.name === 'close_notify' && !isHandshake(this.state)) return this.#closeNotify()
    // RFC 8446 §6: in TLS 1.3 every alert but these two is fatal, whatever its level says.
    const mayGoOn = alert.warning && (alert.name === 'user_canceled' || !this.state.endsWith('_13'))
    if (!mayGoOn || alert.name === 'close_notify') throw peerAlertFault(alert.name)
  }

  #closeNotify(): void {
    const wasOpen = canSend(this.state)
    this.#connection.advance('close_notify')
    this.#connection.emit({ do: 'end' })
    if (this.state !== 'CLOSED') return
    if (wasOpen) this.#connection.sendAlert('close_notify')
    this.#close(undefined)
  }

  #write(bytes: Uint8Array): void {
    const { records, settings } = this.#connection
    for (const fragment of records.fragments(bytes)) {
      if (records.writtenUnderKey >= settings.recordsPerKeyMax) this.#version?.renewWriteKey()
      this.#connection.send('application_data', fragment)
    }
  }

  #closeWriting(): void {
    if (isClosing(this.state)) return
    if (this.state !== 'START') this.#connection.sendAlert('close_notify')
    if (!canSend(this.state)) return this.#close(undefined)
    this.#connection.advance('close')
    this.#deadline = later(this.#connection.now, CLOSE_TIMEOUT)
    if (this.state === 'CLOSED') this.#close(undefined)
  }

  #fail(error: unknown): void {
    const known = error instanceof Fault && Object.hasOwn(TLS_FAULTS, error.code)
    const fault = known ? error : tlsFault('TLS_INTERNAL', { state: this.state }, error)
    const alert = alertFor(fault)
    // RFC 8446 §6.1: nothing follows a close_notify.
    if (alert !== undefined && !isClosing(this.state)) this.#connection.sendAlert(alert)
    this.#close(fault)
  }

  #close(cause: Fault | undefined): void {
    this.#connection.close(cause)
    this.#version?.wipe()
  }
}

/** Tells whether an input makes sense in `state`; in CLOSED none is looked at any more. */
function hasPlace(input: TlsInput['on'], state: ClientState): boolean {
  switch (input) {
    case 'start':
      return state === 'START'
    case 'bytes':
    case 'transport-closed':
      return state !== 'START'
    case 'data':
      return canSend(state)
    case 'signature':
    case 'signing-failed':
      return isAnswering(state)
    case 'close':
      return true
  }
}
