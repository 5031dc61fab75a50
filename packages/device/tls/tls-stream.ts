import { Duplex } from 'node:stream'
import {
  type Clock,
  type Driven,
  drive,
  type Fault,
  type Millis,
  messageOf,
  millis,
  seconds,
  type Timers,
} from '@birthmark/foundation/kernel'
import type { Certificate, Signer } from '@birthmark/foundation/x509'
import { TlsClient } from './client.ts'
import { tlsFault } from './faults.ts'
import type { Negotiated, TlsEffect, TlsInput } from './input-effect.ts'
import type { ClientIdentity, TlsClientOptions } from './options.ts'
import type { TlsVersion } from './version.ts'

/** What a TLS connection over a transport needs. */
export interface TlsStreamOptions extends TlsClientOptions {
  /** Carries the records, for example a `net.Socket`. It belongs to the stream from now on and ends with it. */
  readonly transport: Duplex
  readonly identity?: ClientIdentity & { readonly signer: Signer }
  readonly clock: Clock
  readonly timers: Timers
}

/**
 * How long the transport may take to pass on the last bytes, such as an alert. At the limit it is cut: a lost alert
 * only costs an explanation.
 */
export const TRANSPORT_LINGER: Millis = seconds(2)

/**
 * The application's side of a TLS connection. It ends when the server says close_notify; whatever else ends it destroys
 * it with one Fault. Like a socket it closes its own direction once the server has closed.
 */
export class TlsStream extends Duplex {
  readonly #transport: Duplex
  readonly #timers: Timers
  readonly #signer: Signer | undefined
  readonly #onConnected: () => void
  readonly #client: Driven<TlsInput>
  /** Inputs that arrive while effects are performed, so that records leave in the order in which they were sealed. */
  readonly #waiting: { readonly input: TlsInput; readonly done: (() => void) | undefined }[] = []
  #performing = false
  #negotiated: Negotiated | undefined
  #signing = false
  #readerFull = false
  #closed = false
  /** Why it is closed, if it did not end in order. */
  #cause: Fault | undefined
  #writeCallback: ((error?: Error | null) => void) | undefined

  /**
   * Starts the handshake.
   *
   * @param onConnected Called once, when the handshake is over; a failure is an `error` event instead.
   * @throws `TLS_OPTIONS_INVALID`
   */
  constructor(options: TlsStreamOptions, onConnected: () => void) {
    super({ allowHalfOpen: false })
    this.#transport = options.transport
    this.#timers = options.timers
    this.#signer = options.identity?.signer
    this.#onConnected = onConnected
    const perform = (effect: TlsEffect): void => this.#perform(effect)
    this.#client = drive(new TlsClient(options), { clock: options.clock, timers: options.timers, perform })
    this.#transport.on('data', (bytes: Uint8Array) => this.#feed({ on: 'bytes', bytes }))
    this.#transport.on('drain', () => this.#settleWrite())
    this.#transport.once('end', () => this.#feed({ on: 'transport-closed' }))
    this.#transport.once('close', () => this.#feed({ on: 'transport-closed' }))
    this.#transport.on('error', (error) => this.#transportFailed(error))
    this.#feed({ on: 'start' })
  }

  /** The protocol version that was agreed. */
  get version(): TlsVersion {
    return this.#known().version
  }

  /** The application protocol that the server chose; `undefined` when it chose none. */
  get alpn(): string | undefined {
    return this.#known().alpn
  }

  /** The server's own certificate, verified. */
  get serverCertificate(): Certificate {
    return this.#known().serverCertificate
  }

  override _read(): void {
    this.#readerFull = false
    this.#flow()
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#feed({ on: 'data', bytes: chunk }, () => {
      if (this.#closed) return callback(this.#cause ?? tlsFault('TLS_PEER_CLOSED'))
      this.#writeCallback = callback
      if (!this.#transport.writableNeedDrain) this.#settleWrite()
    })
  }

  /** Puts small writes that waited together into as few records as possible. */
  override _writev(chunks: readonly { chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#feed({ on: 'close' }, () => {
      this.#transport.end()
      callback()
    })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#client.stop()
    this.#settleWrite(error ?? tlsFault('TLS_NOT_CONNECTED', { input: 'data', state: 'destroyed' }))
    if (this.#closed) this.#linger()
    else this.#transport.destroy()
    callback(error)
  }

  #feed(input: TlsInput, done?: () => void): void {
    this.#waiting.push({ input, done })
    if (this.#performing) return
    this.#performing = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        this.#client.receive(next.input)
        next.done?.()
      }
    } finally {
      this.#performing = false
    }
  }

  #perform(effect: TlsEffect): void {
    switch (effect.do) {
      case 'send':
        this.#transport.write(effect.bytes)
        return
      case 'sign':
        void this.#sign(effect.message)
        return
      case 'connected':
        this.#negotiated = effect
        return this.#onConnected()
      case 'deliver':
        this.#readerFull = !this.push(effect.bytes)
        return this.#flow()
      case 'end':
        this.push(null)
        return
      case 'closed':
        return this.#end(effect.cause)
    }
  }

  /** Meanwhile the transport rests: the machine looks at nothing until it has the signature. */
  async #sign(message: Uint8Array): Promise<void> {
    this.#signing = true
    this.#flow()
    const answer = await this.#signature(message)
    this.#signing = false
    this.#feed(answer)
    this.#flow()
  }

  async #signature(message: Uint8Array): Promise<TlsInput> {
    try {
      if (this.#signer === undefined) throw tlsFault('TLS_INTERNAL', { state: 'signing' })
      return { on: 'signature', signature: await this.#signer.sign(message) }
    } catch (cause) {
      return { on: 'signing-failed', cause }
    }
  }

  #flow(): void {
    if (this.#signing || this.#readerFull) this.#transport.pause()
    else this.#transport.resume()
  }

  #end(cause: Fault | undefined): void {
    this.#closed = true
    this.#cause = cause
    this.#transport.end()
    // One turn later, so that whoever awaited the handshake has its listeners in place.
    if (cause !== undefined) this.#timers.after(millis(0), () => this.destroy(cause))
  }

  #transportFailed(error: Error): void {
    if (!this.#closed) this.destroy(tlsFault('TLS_TRANSPORT_FAILED', { why: messageOf(error) }, error))
  }

  #settleWrite(error?: Error | null): void {
    const callback = this.#writeCallback
    this.#writeCallback = undefined
    callback?.(error)
  }

  /** Lets the last bytes leave and drops what still comes: cutting now could take the alert away from the server. */
  #linger(): void {
    if (this.#transport.destroyed) return
    this.#transport.resume()
    const cancel = this.#timers.after(TRANSPORT_LINGER, () => this.#transport.destroy(), { background: true })
    this.#transport.once('close', cancel)
  }

  #known(): Negotiated {
    if (this.#negotiated === undefined) throw tlsFault('TLS_INTERNAL', { state: 'handshake' })
    return this.#negotiated
  }
}
