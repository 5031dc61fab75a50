import { concat } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'
import { vector24 } from './wire.ts'

/** A handshake message of either version that this client sends or may be sent. */
export type MessageName =
  | 'hello_request'
  | 'client_hello'
  | 'server_hello'
  | 'new_session_ticket'
  | 'encrypted_extensions'
  | 'certificate'
  | 'server_key_exchange'
  | 'certificate_request'
  | 'server_hello_done'
  | 'certificate_verify'
  | 'client_key_exchange'
  | 'finished'
  | 'key_update'

/** One whole handshake message. */
export interface HandshakeMessage {
  readonly name: MessageName
  readonly body: Uint8Array
  /** Header and body, as the transcript wants it. */
  readonly bytes: Uint8Array
}

/**
 * Largest handshake message accepted, in bytes. Ten certificates of 4 KB fit; OpenSSL draws the line at 100 KB. Larger:
 * `TLS_MESSAGE_TOO_LARGE` as soon as the header is there.
 */
export const HANDSHAKE_MESSAGE_BYTES_MAX = 65_535

/** Joins the fragments of handshake messages (RFC 8446 §5.1). */
export class HandshakeReader {
  #pieces: Uint8Array[] = []
  /** Bytes in the pieces. */
  #size = 0
  /** Bytes without which there is nothing new to see; pieces are joined no sooner, however small they come. */
  #needed = HEADER_BYTES

  /** Tells whether bytes of a message wait: then nothing else may come, and no key may change. */
  get pending(): boolean {
    return this.#size > 0
  }

  /** Takes the content of one handshake record; it is copied. */
  feed(fragment: Uint8Array): void {
    this.#pieces.push(Uint8Array.from(fragment))
    this.#size += fragment.length
  }

  /**
   * Gives the next whole message; `undefined` when more bytes are needed.
   *
   * @throws `TLS_MESSAGE_TOO_LARGE`, `TLS_MESSAGE_UNEXPECTED` for a type that no state expects
   */
  next(): HandshakeMessage | undefined {
    if (this.#size < this.#needed) return undefined
    const joined = Buffer.concat(this.#pieces)
    const { name, end } = readHeader(joined)
    this.#needed = end
    this.#keep(joined)
    if (joined.length < end) return undefined
    this.#needed = HEADER_BYTES
    this.#keep(joined.subarray(end))
    const bytes = joined.subarray(0, end)
    return { name, body: bytes.subarray(HEADER_BYTES), bytes }
  }

  #keep(rest: Uint8Array): void {
    this.#pieces = [rest]
    this.#size = rest.length
  }
}

/** Writes a handshake message, header included. */
export function encodeMessage(name: MessageName, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(CODES.get(name) ?? 0), vector24(body))
}

/** Reads the four bytes before a body: which message it is, and where it ends. */
function readHeader(bytes: Uint8Array): { readonly name: MessageName; readonly end: number } {
  const [code = 0, high = 0, middle = 0, low = 0] = bytes
  const name = NAMES.get(code)
  if (name === undefined) throw tlsFault('TLS_MESSAGE_UNEXPECTED', { message: `handshake type ${code}`, state: 'any' })
  const size = high * 65_536 + middle * 256 + low
  if (size > HANDSHAKE_MESSAGE_BYTES_MAX) {
    throw tlsFault('TLS_MESSAGE_TOO_LARGE', { size, max: HANDSHAKE_MESSAGE_BYTES_MAX })
  }
  return { name, end: HEADER_BYTES + size }
}

const HEADER_BYTES = 4

/** RFC 8446 §4 and B.3, RFC 5246 §7.4. */
const NAMES: ReadonlyMap<number, MessageName> = new Map([
  [0, 'hello_request'],
  [1, 'client_hello'],
  [2, 'server_hello'],
  [4, 'new_session_ticket'],
  [8, 'encrypted_extensions'],
  [11, 'certificate'],
  [12, 'server_key_exchange'],
  [13, 'certificate_request'],
  [14, 'server_hello_done'],
  [15, 'certificate_verify'],
  [16, 'client_key_exchange'],
  [20, 'finished'],
  [24, 'key_update'],
])
const CODES: ReadonlyMap<MessageName, number> = new Map([...NAMES].map(([code, name]) => [name, code]))
