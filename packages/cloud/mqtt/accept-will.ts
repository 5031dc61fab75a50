import { mqttFault } from './faults.ts'
import { limitedProperties, requirePayload } from './message-limits.ts'
import type { QoS, Will } from './packet.ts'
import type { BrokerProfile } from './profile.ts'
import type { MessageProperties } from './properties.ts'
import { isPublishable, type ReservedService } from './reserved-topics.ts'
import { parseTopicName, type TopicName } from './topic.ts'

/** A will that this broker can publish. Whether the client may is for its policy to say, at CONNECT. */
export interface AcceptedWill {
  readonly topic: TopicName
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
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
  const { qos, retain } = will
  if (qos > profile.qosMax) throw mqttFault('MQTT_QOS_UNSUPPORTED')
  if (retain && !profile.retainAvailable) throw mqttFault('MQTT_RETAIN_UNSUPPORTED')
  const topic = parseTopicName(will.topic, profile)
  if (!isPublishable(topic, NO_SERVICES, profile)) throw mqttFault('MQTT_TOPIC_RESERVED')
  requirePayload(will.payload, profile)
  const properties = limitedProperties(will.properties, profile)
  const { correlationData } = properties
  return {
    topic,
    payload: Uint8Array.from(will.payload),
    qos,
    retain,
    properties: correlationData ? { ...properties, correlationData: Uint8Array.from(correlationData) } : properties,
    delay: will.properties.willDelayInterval ?? 0,
  }
}

/** A will is for other clients, not for a service. */
const NO_SERVICES: ReadonlySet<ReservedService> = new Set()
