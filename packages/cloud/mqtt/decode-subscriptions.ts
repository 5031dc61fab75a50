import { mqttFault } from './faults.ts'
import type { ProtocolVersion, QoS, Suback, Subscribe, SubscriptionRequest, Unsuback, Unsubscribe } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { readProperties } from './property-codec.ts'
import { IN } from './property-table.ts'
import type { Reader } from './reader.ts'
import { REASON_CODES, requireReasonCode } from './reason-codes-by-packet.ts'
import { isTopicFilter } from './topic.ts'

/**
 * Decodes a SUBSCRIBE (MQTT 5.0 §3.8).
 *
 * @throws `MQTT_FILTERS_MISSING`, `MQTT_TOPIC_FILTER_INVALID`, `MQTT_SUBSCRIPTION_OPTIONS_INVALID`, and what a
 *   {@link Reader} throws
 */
export function decodeSubscribe(reader: Reader, version: ProtocolVersion): Subscribe {
  const packetId = reader.packetId()
  const properties = version === 5 ? readProperties(reader, IN.SUBSCRIBE) : NO_PROPERTIES
  const subscriptions: SubscriptionRequest[] = []
  while (reader.at < reader.end) {
    const filter = readFilter(reader)
    subscriptions.push(parseOptions(filter, reader.uint8(), version))
  }
  if (subscriptions.length === 0) throw mqttFault('MQTT_FILTERS_MISSING')
  return { type: 'subscribe', packetId, subscriptions, properties }
}

/**
 * Decodes a SUBACK (MQTT 5.0 §3.9).
 *
 * @throws `MQTT_FILTERS_MISSING`, `MQTT_REASON_CODE_INVALID`, and what a {@link Reader} throws
 */
export function decodeSuback(reader: Reader, version: ProtocolVersion): Suback {
  const packetId = reader.packetId()
  const properties = version === 5 ? readProperties(reader, IN.ACKNOWLEDGEMENT) : NO_PROPERTIES
  const reasonCodes = readReasonCodes(reader, version === 5 ? REASON_CODES.SUBACK : REASON_CODES.SUBACK_3_1_1)
  return { type: 'suback', packetId, reasonCodes, properties }
}

/**
 * Decodes an UNSUBSCRIBE (MQTT 5.0 §3.10).
 *
 * @throws `MQTT_FILTERS_MISSING`, `MQTT_TOPIC_FILTER_INVALID`, and what a {@link Reader} throws
 */
export function decodeUnsubscribe(reader: Reader, version: ProtocolVersion): Unsubscribe {
  const packetId = reader.packetId()
  const properties = version === 5 ? readProperties(reader, IN.UNSUBSCRIBE) : NO_PROPERTIES
  const filters: string[] = []
  while (reader.at < reader.end) filters.push(readFilter(reader))
  if (filters.length === 0) throw mqttFault('MQTT_FILTERS_MISSING')
  return { type: 'unsubscribe', packetId, filters, properties }
}

/**
 * Decodes an UNSUBACK (MQTT 5.0 §3.11).
 *
 * @throws `MQTT_FILTERS_MISSING`, `MQTT_REASON_CODE_INVALID`, and what a {@link Reader} throws
 */
export function decodeUnsuback(reader: Reader, version: ProtocolVersion): Unsuback {
  const packetId = reader.packetId()
  if (version === 4) return { type: 'unsuback', packetId, reasonCodes: [], properties: NO_PROPERTIES }
  const properties = readProperties(reader, IN.ACKNOWLEDGEMENT)
  return { type: 'unsuback', packetId, reasonCodes: readReasonCodes(reader, REASON_CODES.UNSUBACK), properties }
}

function readFilter(reader: Reader): string {
  const filter = reader.text()
  if (!isTopicFilter(filter)) throw mqttFault('MQTT_TOPIC_FILTER_INVALID')
  return filter
}

function parseOptions(filter: string, options: number, version: ProtocolVersion): SubscriptionRequest {
  const qos = VALUES_OF_TWO_BITS[options & 3]
  const retainHandling = VALUES_OF_TWO_BITS[(options >> 4) & 3]
  const reserved = version === 5 ? 0xc0 : 0xfc
  const noLocal = (options & 0x04) !== 0
  // MQTT 5.0 §3.8.3.1 [MQTT-3.8.3-4]: No Local makes no sense on a shared subscription.
  const stray = noLocal && filter.startsWith('$share/')
  if (qos === undefined || retainHandling === undefined || (options & reserved) !== 0 || stray) {
    throw mqttFault('MQTT_SUBSCRIPTION_OPTIONS_INVALID', { options })
  }
  return { filter, qos, noLocal, retainAsPublished: (options & 0x08) !== 0, retainHandling }
}

function readReasonCodes(reader: Reader, codes: ReadonlySet<number>): number[] {
  const reasonCodes: number[] = []
  while (reader.at < reader.end) reasonCodes.push(requireReasonCode(reader.uint8(), codes))
  if (reasonCodes.length === 0) throw mqttFault('MQTT_FILTERS_MISSING')
  return reasonCodes
}

const VALUES_OF_TWO_BITS: readonly QoS[] = [0, 1, 2]
