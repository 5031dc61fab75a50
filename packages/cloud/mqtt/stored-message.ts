import type { Instant } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import { Delivery } from './message.ts'
import type { QoS } from './packet.ts'
import { PacketDecoder } from './packet-decoder.ts'
import { NO_PROPERTIES } from './properties.ts'
import { parseTopicName } from './topic.ts'

/**
 * Reads back what a store kept as its MQTT 5.0 PUBLISH of QoS 0, the form that {@link Delivery.qos0} gives: messages
 * need no second form.
 *
 * @param origin What a PUBLISH does not carry.
 * @throws `MQTT_STORED_MESSAGE_UNREADABLE`, and the codec's faults: the store is damaged
 */
export function readStoredMessage(
  packet: Uint8Array,
  origin: { readonly qos: QoS; readonly receivedAt: Instant },
): Delivery {
  const decoder = new PacketDecoder({ version: 5, packetBytesMax: Number.POSITIVE_INFINITY })
  decoder.push(packet)
  const read = decoder.next()
  if (read?.type !== 'publish') throw mqttFault('MQTT_STORED_MESSAGE_UNREADABLE')
  const { payload, properties: all, retain } = read
  const { subscriptionIdentifiers: identifiers = [], ...properties } = all
  const message = { ...origin, topic: parseTopicName(read.topic, ANY_TOPIC), payload, publisher: undefined }
  const kept = Object.keys(properties).length === 0 ? NO_PROPERTIES : properties
  return new Delivery({ ...message, properties: kept }, { retain, identifiers })
}

const ANY_TOPIC = { topicBytesMax: 65_535, topicSlashesMax: 65_535 }
