import { deserialize, serialize } from 'node:v8'
import { type Message, type MessageProperties, NO_PROPERTIES, type QoS, type TopicName } from '@birthmark/cloud/mqtt'
import { type Instant, instant } from '@birthmark/foundation/kernel'

/*
 * Messages on their way between the processes of one server. Most of what passes there is this, so it has a form of its
 * own: what only passes through the main process is taken apart as far as its routing needs, and copied on as it is.
 *
 *   length of the rest (4)  id (4)  received at (8)  flags (1)  topic: length (2), UTF-8  client id: length (2), UTF-8
 *   publisher: length (1), ASCII
 *   properties: length (4), V8's form  payload
 */

/** Puts messages together. */
export class MessagePack {
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  /** Adds a message. @param id By which its receiver says that it was taken; 0 when nobody waits for that. */
  add(message: Message, id: number): void {
    const packed = UnpackedMessage.packedOf(message)
    if (packed !== undefined) return this.#addPacked(packed)
    const { topic, payload, qos, retain, properties, publisher = '', clientId, receivedAt, ...others } = message
    // What a message had besides would be lost.
    others satisfies Record<string, never>
    const extra = properties === NO_PROPERTIES ? NO_BYTES : propertyBytes(properties)
    const texts = (topic.length + (clientId?.length ?? 0)) * UTF8_BYTES_MAX + publisher.length
    const buffer = this.#room(HEAD_BYTES + texts + extra.length + payload.length)
    const start = this.#length
    let at = start + LENGTH_BYTES
    at = buffer.writeUInt32BE(id, at)
    at = buffer.writeDoubleBE(receivedAt, at)
    at = buffer.writeUInt8(flagsOf(qos, retain, clientId !== undefined), at)
    const topicBytes = buffer.write(topic, at + 2, 'utf8')
    at = buffer.writeUInt16BE(topicBytes, at) + topicBytes
    const clientBytes = clientId === undefined ? 0 : buffer.write(clientId, at + 2, 'utf8')
    at = buffer.writeUInt16BE(clientBytes, at) + clientBytes
    at = buffer.writeUInt8(publisher.length, at)
    at += buffer.write(publisher, at, 'latin1')
    at = buffer.writeUInt32BE(extra.length, at)
    buffer.set(extra, at)
    at += extra.length
    buffer.set(payload, at)
    at += payload.length
    buffer.writeUInt32BE(at - start - LENGTH_BYTES, start)
    this.#length = at
  }

  /** Gives what was added since the last time; good until something is added again. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length)
    this.#length = 0
    return bytes
  }

  #addPacked(packed: Uint8Array): void {
    this.#room(packed.length).set(packed, this.#length)
    this.#length += packed.length
  }

  #room(bytes: number): Buffer {
    const wanted = this.#length + bytes
    if (wanted > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(wanted, this.#buffer.length * 2))
      larger.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = larger
    }
    return this.#buffer
  }
}

/** Gives the messages of a pack, one after the other. They are views of it. */
export function unpackEach(bytes: Uint8Array, take: (message: Message, id: number) => void): void {
  const pack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < pack.length; ) {
    const end = at + LENGTH_BYTES + pack.readUInt32BE(at)
    take(new UnpackedMessage(pack.subarray(at, end)), pack.readUInt32BE(at + LENGTH_BYTES))
    at = end
  }
}

/** A message that came in a pack, and remembers its form there. A copy of it does not. */
class UnpackedMessage implements Message {
  readonly topic: TopicName
  readonly payload: Uint8Array
  readonly qos: QoS
  declare readonly retain?: boolean
  declare readonly clientId?: string
  readonly properties: MessageProperties
  readonly publisher: string | undefined
  readonly receivedAt: Instant
  readonly #packed: Buffer

  constructor(packed: Buffer) {
    this.#packed = packed
    let at = LENGTH_BYTES + ID_BYTES
    this.receivedAt = instant(packed.readDoubleBE(at))
    at += TIME_BYTES
    const flags = packed.readUInt8(at)
    this.qos = qosOf(flags & QOS)
    if ((flags & RETAIN_SAID) !== 0) this.retain = (flags & RETAIN) !== 0
    at += 1
    const topicEnd = at + 2 + packed.readUInt16BE(at)
    // It was a topic's name when it was packed.
    this.topic = packed.toString('utf8', at + 2, topicEnd) as TopicName
    const clientEnd = topicEnd + 2 + packed.readUInt16BE(topicEnd)
    if ((flags & CLIENT_SAID) !== 0) this.clientId = packed.toString('utf8', topicEnd + 2, clientEnd)
    const publisherEnd = clientEnd + 1 + packed.readUInt8(clientEnd)
    this.publisher = publisherEnd === clientEnd + 1 ? undefined : packed.toString('latin1', clientEnd + 1, publisherEnd)
    const extraEnd = publisherEnd + 4 + packed.readUInt32BE(publisherEnd)
    this.properties = propertiesIn(packed.subarray(publisherEnd + 4, extraEnd))
    this.payload = packed.subarray(extraEnd)
  }

  static packedOf(message: Message): Uint8Array | undefined {
    return #packed in message ? message.#packed : undefined
  }
}

function flagsOf(qos: QoS, retain: boolean | undefined, hasClient: boolean): number {
  const said = (retain === undefined ? 0 : RETAIN_SAID) | (hasClient ? CLIENT_SAID : 0)
  return qos | said | (retain === true ? RETAIN : 0)
}

function propertyBytes(properties: MessageProperties): Uint8Array {
  for (const _ in properties) return serialize(properties)
  return NO_BYTES
}

function propertiesIn(bytes: Uint8Array): MessageProperties {
  // It was this when it was packed.
  return bytes.length === 0 ? NO_PROPERTIES : (deserialize(bytes) as MessageProperties)
}

function qosOf(value: number): QoS {
  if (value === 0) return 0
  return value === 1 ? 1 : 2
}

const NO_BYTES: Uint8Array = new Uint8Array(0)
const FIRST_BYTES = 65_536
const UTF8_BYTES_MAX = 3
const LENGTH_BYTES = 4
const ID_BYTES = 4
const TIME_BYTES = 8
/** Everything of fixed length: with the flags, the lengths of topic, client id and publisher, and of the properties. */
const HEAD_BYTES: number = LENGTH_BYTES + ID_BYTES + TIME_BYTES + 1 + 2 + 2 + 1 + 4
/** The flags. */
const QOS = 0b0011
const RETAIN_SAID = 0b0100
const RETAIN = 0b1000
const CLIENT_SAID = 0b1_0000
