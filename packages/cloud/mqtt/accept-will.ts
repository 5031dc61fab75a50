import { mqttFault } from './faults.ts'
import { limitedProperties, requirePayload } from './message-limits.ts'
import type { Will } from './packet.ts'
import type { BrokerProfile } from './profile.ts'
import type { MessageProperties } from './properties.ts'
import { parseTopicName, type TopicName } from './topic.ts'

/** A will that this broker can publish. Whether the client may is for its policy to say, at CONNECT. */
export interface AcceptedWill {
  readonly topic: TopicName
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly properties: MessageProperties
  /** Seconds between the end of the connection and the will (MQTT 5.0 §3.1.3.2.2). */
  readonly delay: number
}

/**
 * Judges a will and copies it.
 *
 * @throws `MQTT_QOS_UNSUPPORTED`, `MQTT_RETAIN_UNSUPPORTED`, `MQTT_TOPIC_RESERVED`, and the faults of a message that is
 *   outside the profile
 */
export function acceptWill(will: Will, profile: BrokerProfile): AcceptedWill {
  const { qos } = will
  if (qos === 2) throw mqttFault('MQTT_QOS_UNSUPPORTED')
  if (will.retain) throw mqttFault('MQTT_RETAIN_UNSUPPORTED')
  const topic = parseTopicName(will.topic, profile)
  if (topic.startsWith('$')) throw mqttFault('MQTT_TOPIC_RESERVED')
  requirePayload(will.payload, profile)
  const properties = limitedProperties(will.properties, profile)
  const { correlationData } = properties
  return {
    topic,
    payload: Uint8Array.from(will.payload),
    qos,
    properties: correlationData ? { ...properties, correlationData: Uint8Array.from(correlationData) } : properties,
    delay: will.properties.willDelayInterval ?? 0,
  }
}
