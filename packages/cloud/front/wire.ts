import type { Duplex } from 'node:stream'
import { type Packet, PacketDecoder, type ProtocolVersion } from '@birthmark/cloud/mqtt'
import { type Cancel, type Clock, type Millis, type Timers, TokenBucket } from '@birthmark/foundation/kernel'
import { Outbox, type OutboxListener } from './outbox.ts'

/** What a wire tells its connection. */
export interface WireListener extends OutboxListener {
  packet(packet: Packet): void
  /** What came is no MQTT (a fault of the codec), or decoding failed. Nothing more is read. */
  undecodable(error: unknown): void
  /** The socket is gone, and not because of {@link Wire.end}. */
  lost(why: string): void
  /** The socket is closed, whoever did it. */
  closed(): void
}

/** MQTT packets over one socket: decoding on the way in, one write per turn on the way out. */
export class Wire {
  readonly #socket: Duplex
  readonly #listener: WireListener
  readonly #timers: Timers
  readonly #drain: Millis
  readonly #decoder = new PacketDecoder()
  readonly #outbox: Outbox
  #bytesIn = 0
  #isReading = true
  #isTaking = false
  #hasEnded = false
  #why = 'the client closed it'
  #cancelDrain: Cancel | undefined
  /** What is read in a second, and what ends a pause because it was more. */
  #pace: { readonly bucket: TokenBucket; readonly clock: Clock } | undefined
  #cancelRest: Cancel | undefined

  constructor(
    socket: Duplex,
    listener: WireListener,
    options: { readonly timers: Timers; readonly drain: Millis; readonly unsentBytesMax: number },
  ) {
    this.#socket = socket
    this.#listener = listener
    this.#timers = options.timers
    this.#drain = options.drain
    this.#outbox = new Outbox(socket, options.unsentBytesMax, listener)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error: Error & { code?: string }) => {
      this.#why = `its socket failed (${error.code ?? error.message})`
    })
    socket.on('close', () => this.#close())
  }

  /** Bytes of MQTT in both directions. */
  get counts(): { readonly bytesIn: number; readonly bytesOut: number } {
    return { bytesIn: this.#bytesIn, bytesOut: this.#outbox.bytesOut }
  }

  /** The client's protocol version, once known. */
  get version(): ProtocolVersion | undefined {
    return this.#decoder.version
  }

  /** Accepts packets of up to this size from now on, in bytes. */
  allowPackets(bytesMax: number): void {
    this.#decoder.packetBytesMax = bytesMax
  }

  /** Reads no more bytes in a second from now on, after a burst of as many. */
  slowTo(bytesPerSecond: number, clock: Clock): void {
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return
    this.#pace = { bucket: new TokenBucket(bytesPerSecond), clock }
  }

  /** Calls `then` when the socket is closed. */
  onClose(then: () => void): void {
    this.#socket.once('close', then)
  }

  /** Takes no more packets, and no more bytes from the network. */
  pause(): void {
    this.#isReading = false
    this.#socket.pause()
  }

  /** Takes packets again, first those that had come already. */
  resume(): void {
    if (this.#isReading || this.#hasEnded) return
    this.#isReading = true
    this.#takePackets()
    this.#resumeSocket()
  }

  /** Sends bytes at the end of this turn; they must not change any more. */
  send(bytes: Uint8Array): void {
    if (!this.#hasEnded) this.#outbox.send(bytes)
  }

  /**
   * Writes what waits and closes. What the client still sends is read and forgotten: bytes left unread would make the
   * system reset the connection, and with it what was written last.
   */
  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#isReading = false
    this.#outbox.flush()
    if (this.#socket.destroyed) return
    this.#socket.end()
    this.#socket.resume()
    this.#cancelDrain = this.#timers.after(this.#drain, () => this.#socket.destroy(), { background: true })
  }

  /** Packets that had come already may have paused it again. */
  #resumeSocket(): void {
    if (this.#isReading && this.#cancelRest === undefined) this.#socket.resume()
  }

  #take(chunk: Uint8Array): void {
    if (this.#hasEnded) return
    this.#bytesIn += chunk.length
    if (this.#pace !== undefined) this.#rest(this.#pace.bucket.owe(chunk.length, this.#pace.clock.now()))
    this.#decoder.push(chunk)
    this.#takePackets()
  }

  /** Reads nothing more for a while; what has come is taken. */
  #rest(wait: Millis): void {
    if (wait === 0 || this.#cancelRest !== undefined) return
    this.#socket.pause()
    this.#cancelRest = this.#timers.after(wait, () => {
      this.#cancelRest = undefined
      if (!this.#hasEnded) this.#resumeSocket()
    })
  }

  #takePackets(): void {
    if (this.#isTaking) return
    this.#isTaking = true
    try {
      while (this.#isReading) {
        const packet = this.#nextPacket()
        if (packet === undefined) break
        this.#listener.packet(packet)
      }
    } finally {
      this.#isTaking = false
    }
  }

  #nextPacket(): Packet | undefined {
    try {
      return this.#decoder.next()
    } catch (error) {
      this.pause()
      this.#listener.undecodable(error)
      return undefined
    }
  }

  #close(): void {
    this.#cancelDrain?.()
    this.#cancelRest?.()
    this.#listener.closed()
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#isReading = false
    this.#listener.lost(this.#why)
  }
}
