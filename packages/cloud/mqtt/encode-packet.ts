import { encodePublish } from './encode-publish.ts'
import { mqttFault } from './faults.ts'
import type {
  Acknowledgement,
  Auth,
  Connack,
  Connect,
  Disconnect,
  Packet,
  ProtocolVersion,
  Suback,
  Subscribe,
  Unsuback,
  Unsubscribe,
} from './packet.ts'
import { FLAGS_OF_REQUESTS, PACKET_TYPE } from './packet-type.ts'
import { NO_PROPERTIES, type Properties } from './properties.ts'
import { writeProperties } from './property-codec.ts'
import { IN, type PropertyPlace } from './property-table.ts'
import { Writer } from './writer.ts'

/**
 * Encodes a packet (MQTT 5.0 and 3.1.1, chapter 3). What 3.1.1 does not have is left out of 3.1.1 packets: properties,
 * subscription options beyond the QoS, the codes of an UNSUBACK. The bytes are the caller's to keep and not to change:
 * packets without content share theirs.
 *
 * @throws `MQTT_NOT_ENCODABLE` for a value outside its range, and for a failure that 3.1.1 cannot express
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  switch (packet.type) {
    case 'publish':
      return encodePublish(packet, version)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return encodeAcknowledgement(packet, version)
    case 'pingreq':
      return PINGREQ
    case 'pingresp':
      return PINGRESP
    case 'connect':
      return encodeConnect(packet)
    case 'connack':
      return encodeConnack(packet, version)
    case 'subscribe':
      return encodeSubscribe(packet, version)
    case 'unsubscribe':
      return encodeUnsubscribe(packet, version)
    case 'suback':
    case 'unsuback':
      return encodeAnswer(packet, version)
    case 'disconnect':
      return encodeDisconnect(packet, version)
    case 'auth':
      return encodeAuth(packet, version)
  }
}

function encodeAcknowledgement(packet: Acknowledgement, version: ProtocolVersion): Uint8Array {
  const { type, first } = ACKNOWLEDGEMENTS[packet.type]
  if (version === 4) requireSuccess(packet.reasonCode, type)
  writer.open().packetId(packet.packetId)
  if (version === 5) writeReason(packet.reasonCode, packet.properties, IN.ACKNOWLEDGEMENT)
  return writer.packet(first)
}

function encodeConnect(packet: Connect): Uint8Array {
  const { protocolVersion: version, will } = packet
  writer.open().text('MQTT').uint8(version).uint8(connectFlags(packet)).uint16(packet.keepAlive)
  if (version === 5) writePrefixed(packet.properties, IN.CONNECT)
  writer.text(packet.clientId)
  if (will !== undefined) {
    if (version === 5) writePrefixed(will.properties, IN.WILL)
    writer.text(will.topic).binary(will.payload)
  }
  if (packet.userName !== undefined) writer.text(packet.userName)
  if (packet.password !== undefined) writer.binary(packet.password)
  return writer.packet(PACKET_TYPE.CONNECT << 4)
}

function connectFlags({ protocolVersion, cleanStart, will, userName, password }: Connect): number {
  if (protocolVersion === 4 && password !== undefined && userName === undefined) {
    throw mqttFault('MQTT_NOT_ENCODABLE', { what: 'an MQTT 3.1.1 password without a user name' })
  }
  const clean = cleanStart ? 0x02 : 0
  const willFlags = will === undefined ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)
  return clean | willFlags | (password === undefined ? 0 : 0x40) | (userName === undefined ? 0 : 0x80)
}

function encodeConnack(packet: Connack, version: ProtocolVersion): Uint8Array {
  writer
    .open()
    .uint8(packet.sessionPresent ? 1 : 0)
    .uint8(packet.reasonCode)
  if (version === 5) writePrefixed(packet.properties, IN.CONNACK)
  return writer.packet(PACKET_TYPE.CONNACK << 4)
}

function encodeSubscribe(packet: Subscribe, version: ProtocolVersion): Uint8Array {
  writer.open().packetId(packet.packetId)
  if (version === 5) writePrefixed(packet.properties, IN.SUBSCRIBE)
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    const options = (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling << 4)
    writer.text(filter).uint8(version === 5 ? qos | options : qos)
  }
  return writer.packet((PACKET_TYPE.SUBSCRIBE << 4) | FLAGS_OF_REQUESTS)
}

function encodeUnsubscribe(packet: Unsubscribe, version: ProtocolVersion): Uint8Array {
  writer.open().packetId(packet.packetId)
  if (version === 5) writePrefixed(packet.properties, IN.UNSUBSCRIBE)
  for (const filter of packet.filters) writer.text(filter)
  return writer.packet((PACKET_TYPE.UNSUBSCRIBE << 4) | FLAGS_OF_REQUESTS)
}

function encodeAnswer(packet: Suback | Unsuback, version: ProtocolVersion): Uint8Array {
  writer.open().packetId(packet.packetId)
  if (version === 5) writePrefixed(packet.properties, IN.ACKNOWLEDGEMENT)
  if (version === 5 || packet.type === 'suback') for (const code of packet.reasonCodes) writer.uint8(code)
  return writer.packet((packet.type === 'suback' ? PACKET_TYPE.SUBACK : PACKET_TYPE.UNSUBACK) << 4)
}

function encodeDisconnect(packet: Disconnect, version: ProtocolVersion): Uint8Array {
  writer.open()
  if (version === 4) requireSuccess(packet.reasonCode, 'DISCONNECT')
  else writeReason(packet.reasonCode, packet.properties, IN.DISCONNECT)
  return writer.packet(PACKET_TYPE.DISCONNECT << 4)
}

function encodeAuth(packet: Auth, version: ProtocolVersion): Uint8Array {
  if (version === 4) throw mqttFault('MQTT_NOT_ENCODABLE', { what: 'AUTH in MQTT 3.1.1' })
  writer.open()
  if (packet.reasonCode !== 0 || hasAny(packet.properties)) {
    writer.uint8(packet.reasonCode)
    writePrefixed(packet.properties, IN.AUTH)
  }
  return writer.packet(PACKET_TYPE.AUTH << 4)
}

/** Writes reason code and properties in their shortest form: what is plain success may be left out. */
function writeReason(reasonCode: number, properties: Properties, place: PropertyPlace): void {
  const plain = !hasAny(properties)
  if (plain && reasonCode === 0) return
  writer.uint8(reasonCode)
  if (!plain) writePrefixed(properties, place)
}

function writePrefixed(properties: Properties, place: PropertyPlace): void {
  const start = writer.at
  writeProperties(writer, properties, place)
  writer.prefixLength(start)
}

function hasAny(properties: Properties): boolean {
  return properties !== NO_PROPERTIES && Object.values(properties).some((value) => value !== undefined)
}

/** MQTT 3.1.1 has no way to say that something failed, so saying nothing would be a lie. */
function requireSuccess(reasonCode: number, packet: string): void {
  if (reasonCode === 0) return
  throw mqttFault('MQTT_NOT_ENCODABLE', { what: `reason code ${reasonCode} in an MQTT 3.1.1 ${packet}` })
}

const ACKNOWLEDGEMENTS: Readonly<Record<Acknowledgement['type'], { readonly type: string; readonly first: number }>> = {
  puback: { type: 'PUBACK', first: PACKET_TYPE.PUBACK << 4 },
  pubrec: { type: 'PUBREC', first: PACKET_TYPE.PUBREC << 4 },
  pubrel: { type: 'PUBREL', first: (PACKET_TYPE.PUBREL << 4) | FLAGS_OF_REQUESTS },
  pubcomp: { type: 'PUBCOMP', first: PACKET_TYPE.PUBCOMP << 4 },
}

const PINGREQ = Uint8Array.of(PACKET_TYPE.PINGREQ << 4, 0)
const PINGRESP = Uint8Array.of(PACKET_TYPE.PINGRESP << 4, 0)
/** Encoding never waits, so one writer serves every connection. */
const writer = new Writer()
