import { mqttFault } from './faults.ts'
import type { Publish } from './packet.ts'

/** The topic aliases that a client has set on its connection (MQTT 5.0 §3.3.2.3.4). */
export class TopicAliases {
  readonly #max: number
  /** Made when the first alias is set: most clients set none. */
  #topics: Map<number, string> | undefined

  constructor(max: number) {
    this.#max = max
  }

  /**
   * Gives the topic of a PUBLISH, and sets its alias when it has both.
   *
   * @throws `MQTT_TOPIC_ALIAS_INVALID`, `MQTT_TOPIC_ALIAS_UNKNOWN`
   */
  topicOf({ topic, properties }: Publish): string {
    const alias = properties.topicAlias
    if (alias === undefined) return topic
    if (alias > this.#max) throw mqttFault('MQTT_TOPIC_ALIAS_INVALID', { alias, max: this.#max })
    if (topic !== '') {
      this.#topics ??= new Map()
      this.#topics.set(alias, topic)
      return topic
    }
    const known = this.#topics?.get(alias)
    if (known === undefined) throw mqttFault('MQTT_TOPIC_ALIAS_UNKNOWN', { alias })
    return known
  }
}
