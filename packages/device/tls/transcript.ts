import { createHash } from 'node:crypto'
import { concat } from '@birthmark/foundation/kernel'

/** The handshake messages so far, in order, as both sides saw them (RFC 8446 §4.4.1). */
export class Transcript {
  #messages: Uint8Array = new Uint8Array()

  /** Appends a whole handshake message, header included. */
  add(message: Uint8Array): void {
    this.#messages = concat(this.#messages, message)
  }

  /** The messages themselves: what a TLS 1.2 client signs (RFC 5246 §7.4.8). */
  get messages(): Uint8Array {
    return this.#messages
  }

  /** SHA-256 of the messages. */
  hash(): Uint8Array {
    return createHash('sha256').update(this.#messages).digest()
  }

  /** Puts a `message_hash` in the place of the first ClientHello, as HelloRetryRequest demands (RFC 8446 §4.4.1). */
  replaceByHash(): void {
    const hash = this.hash()
    this.#messages = concat(Uint8Array.of(MESSAGE_HASH, 0, 0, hash.length), hash)
  }

  /** Lets go of the messages once the handshake is over. */
  clear(): void {
    this.#messages = new Uint8Array()
  }
}

/** Handshake type of the synthetic message (RFC 8446 §4.4.1). */
const MESSAGE_HASH = 254
