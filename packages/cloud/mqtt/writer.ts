import { allocate } from './allocate.ts'
import { mqttFault } from './faults.ts'
import { utf8Length, writeUtf8 } from './utf8.ts'

/**
 * Writes the data types of MQTT (5.0 §1.5) one after the other into memory of its own. Every method throws
 * `MQTT_NOT_ENCODABLE` for a value outside its type's range.
 */
export class Writer {
  /** Bytes written so far. */
  at = 0
  #bytes = new Uint8Array(INITIAL_BYTES)

  /** Begins anew. */
  open(): this {
    this.at = 0
    // One huge packet shall not keep its memory for good.
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#bytes = new Uint8Array(INITIAL_BYTES)
    return this
  }

  /** @throws `MQTT_NOT_ENCODABLE` */
  uint8(value: number): this {
    const at = this.#step(1)
    this.#bytes[at] = inRange(value, 0xff)
    return this
  }

  /** @throws `MQTT_NOT_ENCODABLE` */
  uint16(value: number): this {
    const at = this.#step(2)
    this.#bytes[at] = inRange(value, 0xffff) >> 8
    this.#bytes[at + 1] = value & 0xff
    return this
  }

  /** @throws `MQTT_NOT_ENCODABLE` */
  uint32(value: number): this {
    inRange(value, 0xffff_ffff)
    return this.uint16(Math.floor(value / 0x10000)).uint16(value % 0x10000)
  }

  /**
   * Writes a Variable Byte Integer (MQTT 5.0 §1.5.5).
   *
   * @throws `MQTT_NOT_ENCODABLE`
   */
  varint(value: number): this {
    const at = this.#step(varintBytes(value))
    writeVarint(value, this.#bytes, at)
    return this
  }

  /**
   * Writes a packet identifier, 1 to 65 535.
   *
   * @throws `MQTT_NOT_ENCODABLE`
   */
  packetId(value: number): this {
    if (value === 0) throw mqttFault('MQTT_NOT_ENCODABLE', { what: 'packet identifier 0' })
    return this.uint16(value)
  }

  /**
   * Writes a UTF-8 Encoded String (MQTT 5.0 §1.5.4).
   *
   * @throws `MQTT_NOT_ENCODABLE`
   */
  text(value: string): this {
    const length = utf8Length(value)
    this.uint16(length)
    const at = this.#step(length)
    writeUtf8(value, this.#bytes, at)
    return this
  }

  /**
   * Writes Binary Data (MQTT 5.0 §1.5.6).
   *
   * @throws `MQTT_NOT_ENCODABLE`
   */
  binary(value: Uint8Array): this {
    return this.uint16(value.length).raw(value)
  }

  /** Writes bytes as they are. */
  raw(value: Uint8Array): this {
    const at = this.#step(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /**
   * Puts the length of everything after `start`, as a Variable Byte Integer, in front of it.
   *
   * @throws `MQTT_NOT_ENCODABLE`
   */
  prefixLength(start: number): this {
    const length = this.at - start
    const prefix = varintBytes(length)
    this.#step(prefix)
    this.#bytes.copyWithin(start + prefix, start, start + length)
    writeVarint(length, this.#bytes, start)
    return this
  }

  /** Gives what was written, valid until the next {@link open}. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.at)
  }

  /** Gives what was written behind a fixed header with `first` and its length, as a packet of its own. */
  packet(first: number): Uint8Array {
    const bytes = allocate(1 + varintBytes(this.at) + this.at)
    bytes[0] = first
    bytes.set(this.written(), writeVarint(this.at, bytes, 1))
    return bytes
  }

  /** Moves on by `count` bytes, gives where they begin. */
  #step(count: number): number {
    const at = this.at
    this.at = at + count
    if (this.at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.at, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    return at
  }
}

/**
 * Gives how many bytes a Variable Byte Integer takes.
 *
 * @throws `MQTT_NOT_ENCODABLE`
 */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  inRange(value, 0xfff_ffff)
  return 4
}

/** Writes a Variable Byte Integer that {@link varintBytes} accepted into `bytes`, gives the offset behind it. */
export function writeVarint(value: number, bytes: Uint8Array, at: number): number {
  let left = value
  let to = at
  for (; left >= 0x80; left >>>= 7) {
    bytes[to] = (left & 0x7f) | 0x80
    to += 1
  }
  bytes[to] = left
  return to + 1
}

function inRange(value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw mqttFault('MQTT_NOT_ENCODABLE', { what: `the number ${value} where 0 to ${max} is wanted` })
}

/** Room for every packet but a large message. */
const INITIAL_BYTES = 4096
/** Memory that is kept for the next packet, at most. */
const KEPT_BYTES_MAX = 65_536
