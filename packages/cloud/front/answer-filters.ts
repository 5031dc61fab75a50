import {
  Delivery,
  type MessageProperties,
  NO_PROPERTIES,
  type QoS,
  type TopicFilter,
  type TopicName,
  topicMatches,
} from '@birthmark/cloud/mqtt'
import type { Instant } from '@birthmark/foundation/kernel'

/** The subscriptions that answers of services come by, with their QoS: those that begin with `$`. */
export class AnswerFilters {
  /** Made with the first one, which most clients never make. */
  #filters: Map<TopicFilter, QoS> | undefined

  note(filter: TopicFilter, qos: QoS): void {
    if (filter.startsWith('$')) (this.#filters ??= new Map()).set(filter, qos)
  }

  forget(filter: TopicFilter): void {
    this.#filters?.delete(filter)
  }

  /** Gives an answer as it is to be delivered; `undefined` when the client waits for none on this topic. */
  answer(
    topic: TopicName,
    payload: Uint8Array,
    receivedAt: Instant,
  ): { readonly delivery: Delivery; readonly qos: 0 | 1 } | undefined {
    const granted = [...(this.#filters ?? [])].filter(([filter]) => topicMatches(filter, topic, false))
    if (granted.length === 0) return undefined
    const origin = { qos: 1, properties: PLAIN, publisher: undefined, receivedAt } as const
    return { delivery: new Delivery({ topic, payload, ...origin }), qos: granted.some(([, qos]) => qos > 0) ? 1 : 0 }
  }
}

const PLAIN: MessageProperties = NO_PROPERTIES
