import type { Instant } from '@birthmark/foundation/kernel'
import { encodeForward } from './encode-publish.ts'
import type { ProtocolVersion, QoS } from './packet.ts'
import type { MessageProperties } from './properties.ts'
import type { TopicName } from './topic.ts'

/** An application message, as it travels from its publisher over the bus to its receivers. */
export interface Message {
  readonly topic: TopicName
  /**
   * May be a view of the chunk that the network gave us: whoever keeps the message longer than the call that hands it
   * over keeps {@link keptMessage} instead.
   */
  readonly payload: Uint8Array
  readonly qos: QoS
  /** Whether its publisher wants it retained for those who subscribe later; absent: not. */
  readonly retain?: boolean
  readonly properties: MessageProperties
  /** The connection that published it; `undefined` for the server's own messages. */
  readonly publisher: string | undefined
  /** Client id of the publisher, or of the client that an event is about: what rules call `clientid()`. */
  readonly clientId?: string | undefined
  readonly receivedAt: Instant
}

/** Copies what `message` only borrows, so that it may be kept. */
export function keptMessage(message: Message): Message {
  const { correlationData } = message.properties
  const properties =
    correlationData === undefined
      ? message.properties
      : { ...message.properties, correlationData: correlationData.slice() }
  return { ...message, payload: new Uint8Array(message.payload), properties }
}

/** Gives the bytes that `message` occupies while it waits for a slow receiver. */
export function messageBytes({ topic, payload, properties }: Message): number {
  let bytes = topic.length + payload.length + (properties.correlationData?.length ?? 0)
  for (const [name, value] of properties.userProperties ?? []) bytes += name.length + value.length
  return bytes
}

/** What the PUBLISH to one receiver says beside the message. */
export interface DeliveryMarks {
  /** RETAIN: the message was there before the subscription, or the subscription wants the flag as it was published. */
  readonly retain: boolean
  /** The identifiers of the subscriptions that it comes by (MQTT 5.0 §3.3.2.3.8). */
  readonly identifiers: readonly number[]
}

/**
 * One message on its way to its receivers. What is the same for all of them is encoded once: one QoS 0 PUBLISH for
 * each protocol version, made when the first receiver asks for it.
 */
export class Delivery {
  readonly message: Message
  readonly marks: DeliveryMarks
  #version4: Uint8Array | undefined
  #version5: Uint8Array | undefined

  constructor(message: Message, marks: DeliveryMarks = NO_MARKS) {
    this.message = message
    this.marks = marks
  }

  /** Gives the QoS 0 PUBLISH that every receiver of `version` gets. The bytes are shared: read only. */
  qos0(version: ProtocolVersion): Uint8Array {
    if (version === 4) return (this.#version4 ??= encodeForward(this.message, 4, this.marks))
    return (this.#version5 ??= encodeForward(this.message, 5, this.marks))
  }
}

/** Stands for a PUBLISH that says nothing beside its message. */
const NO_MARKS: DeliveryMarks = Object.freeze({ retain: false, identifiers: [] })
