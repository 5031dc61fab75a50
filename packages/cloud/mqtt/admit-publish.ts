import { Fault, type Instant } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import type { Message } from './message.ts'
import { limitedProperties, requirePayload } from './message-limits.ts'
import type { Publish } from './packet.ts'
import { isPublishable } from './reserved-topics.ts'
import type { RefusalCause, SessionOptions } from './session.ts'
import { parseTopicName, type TopicName } from './topic.ts'

/** What a PUBLISH is judged by. */
export type PublishRules = Pick<SessionOptions, 'connectionId' | 'profile' | 'retainRefusal' | 'services'> & {
  /** Absent where messages come without a session. */
  readonly accepted?: Pick<SessionOptions['accepted'], 'clientId'>
  readonly policy: Pick<SessionOptions['policy'], 'publish' | 'retainPublish'>
}

/**
 * Judges one PUBLISH by the profile's limits, the reserved topics and the policy; gives the message for the bus, or why
 * not.
 *
 * @param text The topic, its alias resolved.
 */
export function admitPublish(
  packet: Publish,
  text: string,
  options: PublishRules,
  now: Instant,
): Message | RefusalCause {
  const { payload, qos, properties, retain } = packet
  const { policy, profile, services, connectionId } = options
  try {
    const topic = parseTopicName(text, profile)
    if (!isPublishable(topic, services, profile)) throw mqttFault('MQTT_TOPIC_RESERVED')
    requirePayload(payload, profile)
    const kept = limitedProperties(properties, profile)
    const denial = policy.publish(topic)
    if (denial !== undefined) return { because: 'denied', action: 'publish', topic, denial }
    const clientId = options.accepted?.clientId
    const message = { topic, payload, qos, properties: kept, publisher: connectionId, clientId, receivedAt: now }
    if (!retain) return message
    return retainRefusal(topic, payload.length === 0, options) ?? { ...message, retain }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { because: 'fault', fault: error }
  }
}

function retainRefusal(topic: TopicName, deletes: boolean, options: PublishRules): RefusalCause | undefined {
  if (topic.startsWith('$')) throw mqttFault('MQTT_RETAIN_RESERVED')
  const denial = options.policy.retainPublish(topic)
  if (denial !== undefined) return { because: 'denied', action: 'retain-publish', topic, denial }
  const fault = options.retainRefusal?.(topic, deletes)
  return fault && { because: 'fault', fault }
}
