import type { Duplex } from 'node:stream'

/** What an outbox tells its connection. */
export interface OutboxListener {
  /** The socket takes no more for now. */
  congested(): void
  /** The socket takes bytes again. */
  drained(): void
}

/**
 * Gathers what one connection sends within a turn of the event loop and writes it in one piece: one TLS record and one
 * system call for many packets, also when they come from many publishers.
 */
export class Outbox {
  /** Everything written so far, in bytes of MQTT. */
  bytesOut = 0
  readonly #socket: Duplex
  readonly #listener: OutboxListener
  readonly #unsentBytesMax: number
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #congested = false

  constructor(socket: Duplex, unsentBytesMax: number, listener: OutboxListener) {
    this.#socket = socket
    this.#listener = listener
    this.#unsentBytesMax = unsentBytesMax
  }

  /** Sends `bytes` at the end of this turn. They must not change any more. */
  send(bytes: Uint8Array): void {
    if (this.#waiting.length === 0) flushLater(this)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    this.bytesOut += bytes.length
    if (this.#waitingBytes >= WRITE_BYTES_MAX) this.flush()
    if (!this.#congested && this.#unsent() > this.#unsentBytesMax) {
      this.#congested = true
      this.#listener.congested()
    }
  }

  /** Writes what waits, now. */
  flush(): void {
    const [first, ...others] = this.#waiting
    if (first === undefined || !this.#socket.writable) return
    this.#waiting = []
    this.#waitingBytes = 0
    const bytes = others.length === 0 ? first : Buffer.concat([first, ...others])
    // Little is never waited for: below half of what is too much nobody asks when it was written.
    if (this.#unsent() + bytes.length <= this.#unsentBytesMax / 2) this.#socket.write(bytes)
    else this.#socket.write(bytes, () => this.#written())
  }

  /** Half empty is empty enough: a session that waits for the last byte would leave the line idle. */
  #written(): void {
    if (!this.#congested || this.#unsent() > this.#unsentBytesMax / 2) return
    this.#congested = false
    this.#listener.drained()
  }

  #unsent(): number {
    return this.#waitingBytes + this.#socket.writableLength
  }
}

/** Most that is gathered before it is written, in bytes: four full TLS records. More would only wait longer. */
const WRITE_BYTES_MAX = 65_536

/** Outboxes with something to write, in the order in which they got it. */
let dirty: Outbox[] = []

function flushLater(outbox: Outbox): void {
  if (dirty.length === 0) setImmediate(flushAll)
  dirty.push(outbox)
}

function flushAll(): void {
  const flushing = dirty
  dirty = []
  for (const outbox of flushing) outbox.flush()
}
