import { concat, type Fault, type Instant, instant } from '@birthmark/foundation/kernel'
import { type AlertName, encodeAlert } from './alert.ts'
import { tlsFault } from './faults.ts'
import { encodeMessage, type HandshakeMessage, HandshakeReader, type MessageName } from './handshake-message.ts'
import type { Negotiated, TlsEffect } from './input-effect.ts'
import type { ClientSettings } from './options.ts'
import { CHANGE_CIPHER_SPEC, type ContentType, encodeHeader } from './record.ts'
import { RecordLayer } from './record-layer.ts'
import type { RecordProtection } from './record-protection.ts'
import { type ClientEvent, type ClientState, nextState } from './states.ts'
import { Transcript } from './transcript.ts'

/** One version of the protocol, from ServerHello on. */
export interface VersionedHandshake {
  /** Takes the next message; the state table has not been asked yet. */
  receive(message: HandshakeMessage): void
  changeCipherSpec(): void
  /** Goes on with the signature that {@link TlsEffect} `sign` asked for. */
  signed(signature: Uint8Array): void
  /** @throws `TLS_KEY_EXHAUSTED` where the version cannot change its key */
  renewWriteKey(): void
  /** Forgets every secret. */
  wipe(): void
}

/** What the parts of one client share: records, transcript, state, and the effects of the current call. */
export class Connection {
  readonly settings: ClientSettings
  readonly records: RecordLayer = new RecordLayer()
  readonly messages: HandshakeReader = new HandshakeReader()
  readonly transcript: Transcript = new Transcript()
  /** The moment of the current call. */
  now: Instant = instant(0)
  #state: ClientState = 'START'
  #effects: TlsEffect[] = []
  #changeCipherSpecSent = false

  constructor(settings: ClientSettings) {
    this.settings = settings
  }

  get state(): ClientState {
    return this.#state
  }

  /** @throws `TLS_MESSAGE_UNEXPECTED` */
  advance(event: ClientEvent): void {
    this.#state = nextState(this.#state, event)
  }

  /** Gives the fault for a message that no state of this point expects. */
  unexpected(message: string): Fault {
    return tlsFault('TLS_MESSAGE_UNEXPECTED', { message, state: this.#state })
  }

  /** Gives a value that the state table promises to be there. */
  known<Value>(value: Value | undefined): Value {
    if (value === undefined) throw tlsFault('TLS_INTERNAL', { state: this.#state })
    return value
  }

  /** Ends the connection from whatever state. */
  close(cause: Fault | undefined): void {
    this.#state = 'CLOSED'
    this.records.wipe()
    this.emit({ do: 'closed', cause })
  }

  emit(effect: TlsEffect): void {
    this.#effects.push(effect)
  }

  /** Says that the handshake is over. */
  connected(negotiated: Negotiated): void {
    this.transcript.clear()
    this.emit({ do: 'connected', ...negotiated })
  }

  /** Sends a content as one or more records. */
  send(type: ContentType, bytes: Uint8Array): void {
    this.emit({ do: 'send', bytes: this.records.write({ type, bytes }) })
  }

  sendAlert(name: AlertName): void {
    this.send('alert', encodeAlert(name))
  }

  /** Sends the ChangeCipherSpec that makes TLS 1.3 look like a resumed TLS 1.2 to middleboxes (RFC 8446 §D.4). */
  sendChangeCipherSpecOnce(): void {
    if (this.#changeCipherSpecSent) return
    this.#changeCipherSpecSent = true
    this.emit({
      do: 'send',
      bytes: concat(encodeHeader('change_cipher_spec', CHANGE_CIPHER_SPEC.length), CHANGE_CIPHER_SPEC),
    })
  }

  /** Sends a message of the handshake and remembers it. */
  sendMessage(name: MessageName, body: Uint8Array): void {
    const message = encodeMessage(name, body)
    this.transcript.add(message)
    this.send('handshake', message)
  }

  /**
   * Changes the key for what the server sends.
   *
   * @throws `TLS_MESSAGE_UNEXPECTED` when a message began under the old key (RFC 8446 §5.1)
   */
  protectReading(protection: RecordProtection): void {
    if (this.messages.pending) {
      throw this.unexpected('a message across a key change')
    }
    this.records.protectReading(protection)
  }

  /** Gives the effects since the last call, neighbouring sends joined so that they leave in one piece. */
  takeEffects(): readonly TlsEffect[] {
    const effects: TlsEffect[] = []
    let run: Uint8Array[] = []
    const flush = (): void => {
      if (run.length > 0) effects.push({ do: 'send', bytes: Buffer.concat(run) })
      run = []
    }
    for (const effect of this.#effects) {
      if (effect.do === 'send') run.push(effect.bytes)
      else {
        flush()
        effects.push(effect)
      }
    }
    flush()
    this.#effects = []
    return effects
  }
}
