import { decodeUtf8 } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import { TextMemory } from './text-memory.ts'
import { isTopicName } from './topic.ts'

/**
 * Reads the data types of MQTT (5.0 §1.5) one after the other. What it gives as bytes is a view of what it reads from.
 * Its methods throw `MQTT_PACKET_TRUNCATED` when a field reaches beyond the end.
 */
export class Reader {
  at = 0
  end = 0
  #bytes: Uint8Array = EMPTY

  /** Begins to read `bytes` from `at` up to, without, `end`. */
  open(bytes: Uint8Array, at: number, end: number): void {
    this.#bytes = bytes
    this.at = at
    this.end = end
  }

  /** Forgets the bytes, so that they can be freed. */
  close(): void {
    this.open(EMPTY, 0, 0)
  }

  /** @throws `MQTT_PACKET_TRUNCATED` */
  uint8(): number {
    const at = this.#step(1)
    return this.#bytes[at] ?? 0
  }

  /** @throws `MQTT_PACKET_TRUNCATED` */
  uint16(): number {
    const at = this.#step(2)
    const bytes = this.#bytes
    return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  }

  /** @throws `MQTT_PACKET_TRUNCATED` */
  uint32(): number {
    return this.uint16() * 0x10000 + this.uint16()
  }

  /**
   * Reads a Variable Byte Integer (MQTT 5.0 §1.5.5), 0 to 268 435 455.
   *
   * @throws `MQTT_PACKET_TRUNCATED`, `MQTT_VARINT_TOO_LONG`, `MQTT_VARINT_NOT_MINIMAL`
   */
  varint(): number {
    const first = this.uint8()
    if (first < 0x80) return first
    let value = first & 0x7f
    for (let shift = 7; shift <= 21; shift += 7) {
      const byte = this.uint8()
      if (byte === 0) throw mqttFault('MQTT_VARINT_NOT_MINIMAL')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw mqttFault('MQTT_VARINT_TOO_LONG')
  }

  /**
   * Reads a packet identifier, 1 to 65 535.
   *
   * @throws `MQTT_PACKET_TRUNCATED`, `MQTT_PACKET_ID_ZERO`
   */
  packetId(): number {
    const packetId = this.uint16()
    if (packetId === 0) throw mqttFault('MQTT_PACKET_ID_ZERO')
    return packetId
  }

  /**
   * Reads a UTF-8 Encoded String (MQTT 5.0 §1.5.4).
   *
   * @throws `MQTT_PACKET_TRUNCATED`, `MQTT_TEXT_INVALID`
   */
  text(): string {
    const bytes = this.binary()
    return bytes.length === 0 ? '' : decodeText(bytes)
  }

  /**
   * Reads a UTF-8 Encoded String out of a vocabulary, such as a property's name: it is remembered, so never a secret.
   *
   * @throws `MQTT_PACKET_TRUNCATED`, `MQTT_TEXT_INVALID`
   */
  word(): string {
    const length = this.uint16()
    return length === 0 ? '' : words.read(this.#bytes, this.#step(length), length)
  }

  /**
   * Reads a topic name; an empty one is left to the caller to judge.
   *
   * @throws `MQTT_PACKET_TRUNCATED`, `MQTT_TEXT_INVALID`, `MQTT_TOPIC_NAME_INVALID`
   */
  topicName(): string {
    const length = this.uint16()
    return length === 0 ? '' : topics.read(this.#bytes, this.#step(length), length)
  }

  /**
   * Reads Binary Data (MQTT 5.0 §1.5.6), as a view.
   *
   * @throws `MQTT_PACKET_TRUNCATED`
   */
  binary(): Uint8Array {
    const length = this.uint16()
    return this.#view(this.#step(length), length)
  }

  /** Gives what is left, as a view. */
  rest(): Uint8Array {
    const at = this.at
    this.at = this.end
    return this.#view(at, this.end - at)
  }

  #view(at: number, length: number): Uint8Array {
    return length === 0 ? EMPTY : new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length)
  }

  /** Moves on by `count` bytes and gives where they begin. */
  #step(count: number): number {
    const at = this.at
    if (count > this.end - at) throw mqttFault('MQTT_PACKET_TRUNCATED')
    this.at = at + count
    return at
  }
}

function decodeText(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text === undefined || text.includes('\0')) throw mqttFault('MQTT_TEXT_INVALID')
  return text
}

function decodeTopic(bytes: Uint8Array): string {
  const topic = decodeText(bytes)
  if (!isTopicName(topic)) throw mqttFault('MQTT_TOPIC_NAME_INVALID')
  return topic
}

const words = new TextMemory(decodeText)
const topics = new TextMemory(decodeTopic)
const EMPTY = new Uint8Array(0)
