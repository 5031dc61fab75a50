import { readProtocolVersion } from './decode-connect.ts'
import { decodePacket } from './decode-packet.ts'
import { mqttFault } from './faults.ts'
import type { Packet, ProtocolVersion } from './packet.ts'
import { FLAGS_OF_REQUESTS, PACKET_TYPE } from './packet-type.ts'
import { PRE_AUTH_PACKET_BYTES_MAX } from './profile.ts'
import { Reader } from './reader.ts'

/** How a decoder begins. */
export interface DecoderOptions {
  /** Set for the client's end of a connection. The server's end learns it from the CONNECT, which must come first. */
  readonly version?: ProtocolVersion
  /** Largest packet accepted, fixed header included; {@link PRE_AUTH_PACKET_BYTES_MAX} when absent. */
  readonly packetBytesMax?: number
}

/**
 * Turns the chunks of one connection into packets: {@link push} a chunk, then take packets with {@link next} until it
 * gives `undefined`. Packets are taken one at a time so that what follows a CONNECT is not judged before the CONNECT
 * is accepted. Payloads, passwords and other binary fields are views of the chunk, which must not be overwritten while
 * they are in use; keep copies. Bytes of an incomplete packet are copied, so no chunk outlives its packets.
 *
 * ```ts
 * decoder.push(chunk)
 * for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) receive(packet)
 * ```
 */
export class PacketDecoder {
  /** Largest packet accepted, fixed header included; raise it when the CONNECT was accepted. */
  packetBytesMax: number
  #version: ProtocolVersion | undefined
  #bytes: Uint8Array = EMPTY
  #at = 0
  #end = 0
  /** Whether `#bytes` is our own copy, with room to grow behind `#end`. */
  #owned = false

  constructor(options: DecoderOptions = {}) {
    this.#version = options.version
    this.packetBytesMax = options.packetBytesMax ?? PRE_AUTH_PACKET_BYTES_MAX
  }

  /** Tells the protocol version of the CONNECT, also when the rest of the CONNECT is at fault. */
  get version(): ProtocolVersion | undefined {
    return this.#version
  }

  /** Adds a chunk. Stop reading from the network while packets are left untaken: what is left is kept. */
  push(chunk: Uint8Array): void {
    if (this.#at === this.#end) {
      this.#bytes = chunk
      this.#at = 0
      this.#end = chunk.length
      this.#owned = false
      return
    }
    if (!this.#owned || this.#bytes.length - this.#end < chunk.length) this.#own(chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /**
   * Takes the next packet; `undefined` when it needs more bytes. Packets before a fault are given first.
   *
   * @throws the codec's faults (`CODEC_FAULTS`), blame `peer`. The connection is lost then: another call throws again.
   */
  next(): Packet | undefined {
    const first = this.#at < this.#end ? this.#bytes[this.#at] : undefined
    if (first === undefined) return this.#wait()
    this.#requireKnownType(first)
    const length = this.#remainingLength()
    if (length === undefined) return this.#wait()
    const start = this.#at + 1 + headerLengthBytes(length)
    const end = start + length
    if (end - this.#at > this.packetBytesMax) {
      throw mqttFault('MQTT_PACKET_TOO_LARGE', { bytes: end - this.#at, max: this.packetBytesMax })
    }
    if (end > this.#end) return this.#wait()
    const packet = this.#decode(first, start, end)
    this.#at = end
    return packet
  }

  #decode(first: number, start: number, end: number): Packet {
    reader.open(this.#bytes, start, end)
    if (this.#version === undefined) {
      this.#version = readProtocolVersion(reader)
      reader.open(this.#bytes, start, end)
    }
    const packet = decodePacket(first, reader, this.#version)
    reader.close()
    return packet
  }

  /** Judges the first byte alone, so that what is not MQTT at all ends at once. */
  #requireKnownType(first: number): void {
    if (this.#version === undefined && first !== PACKET_TYPE.CONNECT << 4) {
      throw mqttFault('MQTT_CONNECT_EXPECTED', { first: `0x${first.toString(16)}` })
    }
    const packetType = first >> 4
    if (packetType === PACKET_TYPE.PUBLISH) return
    if (packetType === 0 || (packetType === PACKET_TYPE.AUTH && this.#version === 4)) {
      throw mqttFault('MQTT_PACKET_TYPE_RESERVED', { packetType })
    }
    const flags = first & 0x0f
    if (flags !== (FLAGGED.has(packetType) ? FLAGS_OF_REQUESTS : 0))
      throw mqttFault('MQTT_FLAGS_INVALID', { flags, packetType })
  }

  /** Reads the Remaining Length, a Variable Byte Integer; `undefined` when it is not complete. */
  #remainingLength(): number | undefined {
    let value = 0
    for (let index = 0; index < 4; index += 1) {
      const at = this.#at + 1 + index
      if (at >= this.#end) return undefined
      const byte = this.#bytes[at] ?? 0
      if (byte === 0 && index > 0) throw mqttFault('MQTT_VARINT_NOT_MINIMAL')
      value |= (byte & 0x7f) << (7 * index)
      if (byte < 0x80) return value
    }
    throw mqttFault('MQTT_VARINT_TOO_LONG')
  }

  /** Keeps a copy of the incomplete packet, or nothing. */
  #wait(): undefined {
    if (this.#at < this.#end) {
      if (!this.#owned) this.#own(0)
      return
    }
    this.#bytes = EMPTY
    this.#at = 0
    this.#end = 0
    this.#owned = false
  }

  /**
   * Copies what is not decoded yet into memory of our own with room for `more`. It doubles, so that a packet that comes
   * byte by byte costs no more than twice its size; bytes once written stay, since earlier packets may view them.
   */
  #own(more: number): void {
    const left = this.#end - this.#at
    const owned = new Uint8Array(Math.max(left + more, this.#owned ? 2 * left : left))
    owned.set(this.#bytes.subarray(this.#at, this.#end))
    this.#bytes = owned
    this.#at = 0
    this.#end = left
    this.#owned = true
  }
}

function headerLengthBytes(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x4000) return 2
  return length < 0x20_0000 ? 3 : 4
}

/** The packet types whose reserved flags are 0010 (MQTT 5.0 §2.1.3, table 2-2). */
const FLAGGED: ReadonlySet<number> = new Set([PACKET_TYPE.PUBREL, PACKET_TYPE.SUBSCRIBE, PACKET_TYPE.UNSUBSCRIBE])

const EMPTY = new Uint8Array(0)
/** Decoding never waits, so one reader serves every connection. */
const reader = new Reader()
