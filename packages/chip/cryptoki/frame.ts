import { concat, encodeUtf8 } from '@birthmark/foundation/kernel'
import { cryptokiFault } from './faults.ts'
import { invalid, uint32At } from './wire.ts'

/** One message in its frame. */
export interface Frame {
  /** Pairs a response with its request: the caller counts up, the answer repeats it. */
  readonly code: number
  readonly body: Uint8Array
}

/** Writes a frame. Requests carry the name of the transport as option, responses none. */
export function encodeFrame({ code, body }: Frame, role: 'request' | 'response'): Uint8Array {
  const options = role === 'request' ? CLIENT_OPTION : NOTHING
  const whole = new Uint8Array(HEADER_BYTES + options.length + body.length)
  const view = new DataView(whole.buffer)
  view.setUint32(0, code)
  view.setUint32(4, options.length)
  view.setUint32(8, body.length)
  whole.set(options, HEADER_BYTES)
  whole.set(body, HEADER_BYTES + options.length)
  return whole
}

/** Cuts a stream of bytes into frames. It holds at most one unfinished frame and what came with it. */
export class FrameReader {
  #pieces: Uint8Array[] = []
  #length = 0
  /** How many bytes must be there before it is worth looking again. */
  #wanted = HEADER_BYTES

  /** How many bytes wait here. */
  get waitingBytes(): number {
    return this.#length
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#pieces.push(bytes)
    this.#length += bytes.length
  }

  /** Takes one byte, which the handshake is; `undefined` when none is there. */
  byte(): number | undefined {
    return this.#length === 0 ? undefined : this.#take(1)[0]
  }

  /**
   * Takes the next frame; `undefined` when more bytes are needed.
   *
   * @throws `CRYPTOKI_MESSAGE_INVALID`, `CRYPTOKI_MESSAGE_TOO_LONG`
   */
  next(): Frame | undefined {
    if (this.#length < this.#wanted) return undefined
    const header = this.#joined()
    const code = uint32At(header, 0)
    const options = uint32At(header, 4)
    const body = uint32At(header, 8)
    if (code === 0) throw invalid('its call code is zero')
    if (options > OPTIONS_BYTES_MAX || body > BODY_BYTES_MAX) {
      const bytes = options + body
      throw cryptokiFault('CRYPTOKI_MESSAGE_TOO_LONG', { bytes, bytesMax: OPTIONS_BYTES_MAX + BODY_BYTES_MAX })
    }
    const total = HEADER_BYTES + options + body
    this.#wanted = this.#length < total ? total : HEADER_BYTES
    if (this.#length < total) return undefined
    return { code, body: this.#take(total).subarray(HEADER_BYTES + options) }
  }

  #take(count: number): Uint8Array {
    const whole = this.#joined()
    const rest = whole.subarray(count)
    this.#pieces = rest.length === 0 ? [] : [rest]
    this.#length = rest.length
    return whole.subarray(0, count)
  }

  /** Joins the pieces: twice per frame, however many bytes arrive at a time. */
  #joined(): Uint8Array {
    const [first = NOTHING] = this.#pieces
    if (this.#pieces.length <= 1) return first
    const whole = concat(...this.#pieces)
    this.#pieces = [whole]
    return whole
  }
}

/**
 * Largest body, in bytes. A chip's objects have 2 KB, and programs hash in pieces of up to 64 KB; p11-kit itself would
 * take 2 GB. At the limit the connection ends with `CRYPTOKI_MESSAGE_TOO_LONG`.
 */
export const BODY_BYTES_MAX = 1_048_576

/** Largest options, in bytes: the transport's name. At the limit as {@link BODY_BYTES_MAX}. */
export const OPTIONS_BYTES_MAX = 256

/** The highest version byte that this code speaks: p11-kit 0.25.6 and later. */
export const VERSION_MAX = 2

const HEADER_BYTES = 12
const NOTHING = new Uint8Array(0)
const CLIENT_OPTION = encodeUtf8('client')
