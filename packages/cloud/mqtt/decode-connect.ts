import { mqttFault } from './faults.ts'
import type { Connect, ProtocolVersion, QoS, Will } from './packet.ts'
import { NO_PROPERTIES, type Properties } from './properties.ts'
import { readProperties } from './property-codec.ts'
import { IN } from './property-table.ts'
import type { Reader } from './reader.ts'

/**
 * Decodes a CONNECT (MQTT 5.0 §3.1, 3.1.1 §3.1).
 *
 * @throws `MQTT_PROTOCOL_NAME_INVALID`, `MQTT_PROTOCOL_LEVEL_UNSUPPORTED`, `MQTT_CONNECT_FLAGS_INVALID`,
 *   `MQTT_QOS_INVALID`, and what a {@link Reader} throws
 */
export function decodeConnect(reader: Reader): Connect {
  const protocolVersion = readProtocolVersion(reader)
  const flags = parseConnectFlags(reader.uint8(), protocolVersion)
  const keepAlive = reader.uint16()
  const properties = protocolVersion === 5 ? readConnectProperties(reader) : NO_PROPERTIES
  const clientId = reader.text()
  const will = flags.will === undefined ? undefined : readWill(flags.will, reader, protocolVersion)
  const userName = flags.userName ? reader.text() : undefined
  const password = flags.password ? reader.binary() : undefined
  const { cleanStart } = flags
  return { type: 'connect', protocolVersion, clientId, cleanStart, keepAlive, will, userName, password, properties }
}

/**
 * Reads a CONNECT's protocol name and level.
 *
 * @throws `MQTT_PROTOCOL_NAME_INVALID`, `MQTT_PROTOCOL_LEVEL_UNSUPPORTED`
 */
export function readProtocolVersion(reader: Reader): ProtocolVersion {
  const name = reader.text()
  if (name !== 'MQTT' && name !== 'MQIsdp') throw mqttFault('MQTT_PROTOCOL_NAME_INVALID')
  const level = reader.uint8()
  if (name === 'MQTT' && (level === 4 || level === 5)) return level
  throw mqttFault('MQTT_PROTOCOL_LEVEL_UNSUPPORTED', { level })
}

interface ConnectFlags {
  readonly cleanStart: boolean
  readonly will: { readonly qos: QoS; readonly retain: boolean } | undefined
  readonly userName: boolean
  readonly password: boolean
}

function parseConnectFlags(flags: number, version: ProtocolVersion): ConnectFlags {
  const will = (flags & 0x04) !== 0
  const userName = (flags & 0x80) !== 0
  const password = (flags & 0x40) !== 0
  const reserved = (flags & 0x01) !== 0
  const strayWill = !will && (flags & 0x38) !== 0
  // MQTT 3.1.1 §3.1.2.9 [MQTT-3.1.2-22]; 5.0 allows a password alone.
  const strayPassword = version === 4 && password && !userName
  if (reserved || strayWill || strayPassword) throw mqttFault('MQTT_CONNECT_FLAGS_INVALID', { flags })
  const qos = QOS_BY_BITS[(flags >> 3) & 3]
  if (qos === undefined) throw mqttFault('MQTT_QOS_INVALID')
  return {
    cleanStart: (flags & 0x02) !== 0,
    will: will ? { qos, retain: (flags & 0x20) !== 0 } : undefined,
    userName,
    password,
  }
}

function readConnectProperties(reader: Reader): Properties {
  const properties = readProperties(reader, IN.CONNECT)
  // MQTT 5.0 §3.1.2.11.10: data without a method is a Protocol Error.
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw mqttFault('MQTT_PROPERTY_VALUE_INVALID', { property: 'authenticationData' })
  }
  return properties
}

function readWill(flags: { qos: QoS; retain: boolean }, reader: Reader, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(reader, IN.WILL) : NO_PROPERTIES
  const topic = reader.topicName()
  if (topic === '') throw mqttFault('MQTT_TOPIC_NAME_INVALID')
  return { topic, payload: reader.binary(), qos: flags.qos, retain: flags.retain, properties }
}

const QOS_BY_BITS: readonly QoS[] = [0, 1, 2]
