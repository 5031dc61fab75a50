import { decodeConnect } from './decode-connect.ts'
import { decodeSuback, decodeSubscribe, decodeUnsuback, decodeUnsubscribe } from './decode-subscriptions.ts'
import { mqttFault } from './faults.ts'
import type { Acknowledgement, Auth, Connack, Disconnect, Packet, ProtocolVersion, Publish, QoS } from './packet.ts'
import { PACKET_TYPE } from './packet-type.ts'
import { NO_PROPERTIES } from './properties.ts'
import { readProperties } from './property-codec.ts'
import { IN } from './property-table.ts'
import type { Reader } from './reader.ts'
import { REASON_CODES, requireReasonCode } from './reason-codes-by-packet.ts'

/**
 * Decodes what follows a packet's fixed header.
 *
 * @param first The fixed header's first byte; its flags are those of its type.
 * @param reader Stands behind the fixed header and ends with the packet.
 * @throws the codec's faults (`CODEC_FAULTS`)
 */
export function decodePacket(first: number, reader: Reader, version: ProtocolVersion): Packet {
  const packet = decodeByType(first, reader, version)
  if (reader.at !== reader.end) throw mqttFault('MQTT_TRAILING_BYTES', { bytes: reader.end - reader.at })
  return packet
}

function decodeByType(first: number, reader: Reader, version: ProtocolVersion): Packet {
  switch (first >> 4) {
    case PACKET_TYPE.PUBLISH:
      return decodePublish(first, reader, version)
    case PACKET_TYPE.PUBACK:
      return decodeAcknowledgement('puback', REASON_CODES.PUBACK, reader, version)
    case PACKET_TYPE.PUBREC:
      return decodeAcknowledgement('pubrec', REASON_CODES.PUBACK, reader, version)
    case PACKET_TYPE.PUBREL:
      return decodeAcknowledgement('pubrel', REASON_CODES.PUBREL, reader, version)
    case PACKET_TYPE.PUBCOMP:
      return decodeAcknowledgement('pubcomp', REASON_CODES.PUBREL, reader, version)
    case PACKET_TYPE.PINGREQ:
      return { type: 'pingreq' }
    case PACKET_TYPE.PINGRESP:
      return { type: 'pingresp' }
    case PACKET_TYPE.CONNECT:
      return decodeConnect(reader)
    case PACKET_TYPE.CONNACK:
      return decodeConnack(reader, version)
    case PACKET_TYPE.SUBSCRIBE:
      return decodeSubscribe(reader, version)
    case PACKET_TYPE.SUBACK:
      return decodeSuback(reader, version)
    case PACKET_TYPE.UNSUBSCRIBE:
      return decodeUnsubscribe(reader, version)
    case PACKET_TYPE.UNSUBACK:
      return decodeUnsuback(reader, version)
    case PACKET_TYPE.DISCONNECT:
      return decodeDisconnect(reader, version)
    case PACKET_TYPE.AUTH:
      return decodeAuth(reader)
    default:
      throw mqttFault('MQTT_PACKET_TYPE_RESERVED', { packetType: first >> 4 })
  }
}

function decodePublish(first: number, reader: Reader, version: ProtocolVersion): Publish {
  const qos = QOS_BY_BITS[(first >> 1) & 3]
  if (qos === undefined) throw mqttFault('MQTT_QOS_INVALID')
  const dup = (first & 0x08) !== 0
  if (dup && qos === 0) throw mqttFault('MQTT_DUP_WITHOUT_QOS')
  const topic = reader.topicName()
  const packetId = qos === 0 ? undefined : reader.packetId()
  const properties = version === 5 ? readProperties(reader, IN.PUBLISH) : NO_PROPERTIES
  if (properties.topicAlias === 0) throw mqttFault('MQTT_TOPIC_ALIAS_INVALID', { alias: 0, max: 65_535 })
  if (topic === '' && properties.topicAlias === undefined) {
    throw mqttFault(version === 5 ? 'MQTT_TOPIC_MISSING' : 'MQTT_TOPIC_NAME_INVALID')
  }
  const retain = (first & 0x01) !== 0
  return { type: 'publish', topic, payload: reader.rest(), qos, retain, dup, packetId, properties }
}

function decodeAcknowledgement(
  type: Acknowledgement['type'],
  codes: ReadonlySet<number>,
  reader: Reader,
  version: ProtocolVersion,
): Acknowledgement {
  const packetId = reader.packetId()
  // MQTT 5.0 §3.4.2.1: reason code and properties may be left out; 3.1.1 has neither.
  if (version === 4 || reader.at === reader.end) return { type, packetId, reasonCode: 0, properties: NO_PROPERTIES }
  const reasonCode = requireReasonCode(reader.uint8(), codes)
  const properties = reader.at === reader.end ? NO_PROPERTIES : readProperties(reader, IN.ACKNOWLEDGEMENT)
  return { type, packetId, reasonCode, properties }
}

function decodeConnack(reader: Reader, version: ProtocolVersion): Connack {
  const flags = reader.uint8()
  if (flags > 1) throw mqttFault('MQTT_CONNACK_FLAGS_INVALID', { flags })
  const codes = version === 5 ? REASON_CODES.CONNACK : REASON_CODES.CONNACK_3_1_1
  const reasonCode = requireReasonCode(reader.uint8(), codes)
  // MQTT 5.0 §3.2.2.2 [MQTT-3.2.2-6]: a refusal has no session.
  if (flags === 1 && reasonCode !== 0) throw mqttFault('MQTT_CONNACK_FLAGS_INVALID', { flags })
  const properties = version === 5 ? readProperties(reader, IN.CONNACK) : NO_PROPERTIES
  return { type: 'connack', sessionPresent: flags === 1, reasonCode, properties }
}

function decodeDisconnect(reader: Reader, version: ProtocolVersion): Disconnect {
  // MQTT 5.0 §3.14.2.1: reason code and properties may be left out; 3.1.1 has neither.
  if (version === 4 || reader.at === reader.end) return { type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES }
  const reasonCode = requireReasonCode(reader.uint8(), REASON_CODES.DISCONNECT)
  const properties = reader.at === reader.end ? NO_PROPERTIES : readProperties(reader, IN.DISCONNECT)
  return { type: 'disconnect', reasonCode, properties }
}

function decodeAuth(reader: Reader): Auth {
  // MQTT 5.0 §3.15.2.1: reason code and properties may be left out.
  if (reader.at === reader.end) return { type: 'auth', reasonCode: 0, properties: NO_PROPERTIES }
  const reasonCode = requireReasonCode(reader.uint8(), REASON_CODES.AUTH)
  return { type: 'auth', reasonCode, properties: readProperties(reader, IN.AUTH) }
}

const QOS_BY_BITS: readonly QoS[] = [0, 1, 2]
