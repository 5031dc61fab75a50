import { Fault, type Instant } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import type { Message } from './message.ts'
import { limitedProperties, requirePayload } from './message-limits.ts'
import type { Publish } from './packet.ts'
import { isPublishable } from './reserved-topics.ts'
import type { RefusalCause, SessionOptions } from './session.ts'
import { parseTopicName } from './topic.ts'

/**
 * Judges one PUBLISH of QoS 0 or 1 by the profile's limits, the reserved topics and the policy; gives the message for
 * the bus, or why not.
 *
 * @param text The topic, its alias resolved.
 */
export function admitPublish(
  { payload, qos, properties }: Publish,
  text: string,
  { policy, profile, services, connectionId }: SessionOptions,
  now: Instant,
): Message | RefusalCause {
  try {
    const topic = parseTopicName(text, profile)
    if (!isPublishable(topic, services)) throw mqttFault('MQTT_TOPIC_RESERVED')
    requirePayload(payload, profile)
    const kept = limitedProperties(properties, profile)
    const denial = policy.publish(topic)
    if (denial !== undefined) return { because: 'denied', action: 'publish', topic, denial }
    return { topic, payload, qos: qos === 0 ? 0 : 1, properties: kept, publisher: connectionId, receivedAt: now }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { because: 'fault', fault: error }
  }
}
