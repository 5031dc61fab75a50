import type { Message, MessageProperties } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'

/** What AWS IoT's HTTP data plane works on. */
export interface DataPlane {
  /**
   * Publishes as a client of MQTT would: by the same limits, to the same receivers.
   *
   * @returns resolves when a message of QoS 1 is where its publisher may be told so
   * @throws (rejects) `MQTT_TOPIC_RESERVED`, `MQTT_PAYLOAD_TOO_LARGE` and the other faults of a PUBLISH (peer, busy)
   */
  publish(scope: Scope, message: HttpMessage): Promise<void>
  /** Gives the retained message of a topic. */
  retained(scope: Scope, topic: string): Message | undefined
  /** Gives what is retained, by topic, behind the topic `after`. */
  listRetained(scope: Scope, page: { readonly after: string; readonly limit: number }): readonly RetainedRow[]
  /** Ends the connection of a client, and its session; gives false when it has neither. */
  endConnection(
    scope: Scope,
    clientId: string,
    choice: { readonly cleanSession: boolean; readonly preventWill: boolean },
  ): boolean | Promise<boolean>
}

/** A message that came over HTTP. */
export interface HttpMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly properties: MessageProperties
}

/** What a list tells of a retained message. */
interface RetainedRow {
  readonly topic: string
  readonly payloadBytes: number
  readonly qos: 0 | 1 | 2
  readonly receivedAt: Instant
}
