import { allocate } from './allocate.ts'
import { mqttFault } from './faults.ts'
import type { OutboundAlias } from './outbound-aliases.ts'
import type { ProtocolVersion, Publish } from './packet.ts'
import { PACKET_TYPE } from './packet-type.ts'
import { type MessageProperties, NO_PROPERTIES, type PublishProperties } from './properties.ts'
import { writeProperties } from './property-codec.ts'
import { IN } from './property-table.ts'
import { utf8Length, writeUtf8 } from './utf8.ts'
import { varintBytes, Writer, writeVarint } from './writer.ts'

/**
 * Encodes a PUBLISH (MQTT 5.0 §3.3, 3.1.1 §3.3); in 3.1.1 without its properties.
 *
 * @throws `MQTT_NOT_ENCODABLE`
 */
export function encodePublish(packet: Publish, version: ProtocolVersion): Uint8Array {
  const flags = (packet.dup ? 0x08 : 0) | (packet.qos << 1) | (packet.retain ? 0x01 : 0)
  const wantsId = packet.qos !== 0
  if (wantsId === (packet.packetId === undefined)) {
    throw mqttFault('MQTT_NOT_ENCODABLE', { what: 'a packet identifier that does not fit its QoS' })
  }
  return encode(flags, packet.topic, packet.payload, packet.packetId, packet.properties, version)
}

/** The part of a message that goes to its receivers. */
export interface Forward {
  readonly topic: string
  readonly payload: Uint8Array
  readonly properties: MessageProperties
}

/** How a message with QoS 1 or 2 is sent. */
export interface ForwardAs {
  readonly packetId: number
  readonly qos: 1 | 2
  readonly dup: boolean
}

/**
 * Encodes the PUBLISH that carries a message to a receiver, with QoS 0 unless `as` says otherwise.
 *
 * @throws `MQTT_NOT_ENCODABLE`
 */
export function encodeForward(
  message: Forward,
  version: ProtocolVersion,
  { retain, identifiers }: { readonly retain: boolean; readonly identifiers: readonly number[] },
  as?: ForwardAs,
  alias?: OutboundAlias,
): Uint8Array {
  const flags = (as === undefined ? 0 : (as.qos << 1) | (as.dup ? 0x08 : 0)) | (retain ? 0x01 : 0)
  let properties: PublishProperties = message.properties
  if (identifiers.length > 0) properties = { ...properties, subscriptionIdentifiers: identifiers }
  if (alias !== undefined) properties = { ...properties, topicAlias: alias.alias }
  const topic = alias?.isKnown === true ? '' : message.topic
  return encode(flags, topic, message.payload, as?.packetId, properties, version)
}

function encode(
  flags: number,
  topic: string,
  payload: Uint8Array,
  packetId: number | undefined,
  properties: PublishProperties,
  version: ProtocolVersion,
): Uint8Array {
  const encoded = version === 4 ? NOTHING : encodeProperties(properties)
  const topicBytes = utf8Length(topic)
  if (topicBytes > 0xffff) throw mqttFault('MQTT_NOT_ENCODABLE', { what: `a topic of ${topicBytes} bytes` })
  const length = 2 + topicBytes + (packetId === undefined ? 0 : 2) + encoded.length + payload.length
  const bytes = allocate(1 + varintBytes(length) + length)
  bytes[0] = (PACKET_TYPE.PUBLISH << 4) | flags
  let at = writeVarint(length, bytes, 1)
  bytes[at] = topicBytes >> 8
  bytes[at + 1] = topicBytes & 0xff
  at = writeUtf8(topic, bytes, at + 2)
  if (packetId !== undefined) {
    requirePacketId(packetId)
    bytes[at] = packetId >> 8
    bytes[at + 1] = packetId & 0xff
    at += 2
  }
  // No properties are a zero, which fresh memory holds already.
  if (encoded.length > 1) bytes.set(encoded, at)
  if (payload.length > 0) bytes.set(payload, at + encoded.length)
  return bytes
}

function requirePacketId(packetId: number): void {
  if (Number.isInteger(packetId) && packetId >= 1 && packetId <= 0xffff) return
  throw mqttFault('MQTT_NOT_ENCODABLE', { what: `packet identifier ${packetId}` })
}

/** Gives the properties with their length in front, valid until the next call. */
function encodeProperties(properties: PublishProperties): Uint8Array {
  if (properties === NO_PROPERTIES) return NO_PROPERTIES_ENCODED
  writer.open()
  writeProperties(writer, properties, IN.PUBLISH)
  return writer.prefixLength(0).written()
}

const NOTHING = new Uint8Array(0)
const NO_PROPERTIES_ENCODED = new Uint8Array(1)
/** Encoding never waits, so one writer serves every connection. */
const writer = new Writer()
