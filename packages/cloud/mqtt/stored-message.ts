import type { Instant } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import type { Message } from './message.ts'
import { PacketDecoder } from './packet-decoder.ts'
import { parseTopicName } from './topic.ts'

/**
 * Reads back a message that a store kept as its MQTT 5.0 PUBLISH of QoS 0, the form that {@link Delivery.qos0} gives:
 * messages need no second form.
 *
 * @param origin What a PUBLISH does not carry.
 * @throws `MQTT_STORED_MESSAGE_UNREADABLE`, and the codec's faults: the store is damaged
 */
export function readStoredMessage(
  packet: Uint8Array,
  origin: { readonly qos: 0 | 1; readonly receivedAt: Instant },
): Message {
  const decoder = new PacketDecoder({ version: 5, packetBytesMax: Number.POSITIVE_INFINITY })
  decoder.push(packet)
  const read = decoder.next()
  if (read?.type !== 'publish') throw mqttFault('MQTT_STORED_MESSAGE_UNREADABLE')
  const { payload, properties } = read
  return { ...origin, topic: parseTopicName(read.topic, ANY_TOPIC), payload, properties, publisher: undefined }
}

const ANY_TOPIC = { topicBytesMax: 65_535, topicSlashesMax: 65_535 }
