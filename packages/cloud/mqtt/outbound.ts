import type { Instant } from '@birthmark/foundation/kernel'
import { encodeForward } from './encode-publish.ts'
import { type Delivery, keptMessage, type Message, messageBytes } from './message.ts'
import type { ProtocolVersion } from './packet.ts'
import type { DropReason, SessionEffect } from './session.ts'

/** What bounds the messages for one client. */
export interface OutboundOptions {
  readonly version: ProtocolVersion
  /** Largest packet that the client takes. */
  readonly packetBytesMax: number
  /** QoS 1 messages sent that wait for the client's PUBACK. */
  readonly inflightMax: number
  readonly queueCountMax: number
  readonly queueBytesMax: number
}

/**
 * The messages on their way to one client. QoS 0 is sent at once, or dropped while the socket takes no more. QoS 1 is
 * sent while the window is open, otherwise it waits in a bounded queue, oldest first.
 */
export class Outbound {
  readonly #options: OutboundOptions
  readonly #inflight = new Set<number>()
  readonly #queue: Message[] = []
  #queueBytes = 0
  #lastPacketId = 0
  #isCongested = false

  constructor(options: OutboundOptions) {
    this.#options = options
  }

  /** Sends a message, lets it wait, or drops it; says which in `effects`. The queue is empty unless it must wait. */
  deliver(delivery: Delivery, qos: 0 | 1, now: Instant, effects: SessionEffect[]): void {
    const { message } = delivery
    if (qos === 1) {
      if (this.#mustWait()) this.#enqueue(message, effects)
      else this.#sendQos1(message, now, effects)
      return
    }
    if (this.#isCongested) return drop(message, 'congested', effects)
    const current = expiring(message, now)
    if (current === undefined) return drop(message, 'expired', effects)
    const { version } = this.#options
    this.#send(
      message,
      current === message ? delivery.qos0(version) : encodeForward(current, version, undefined),
      effects,
    )
  }

  /** Notes the client's PUBACK; an identifier that nothing waits for is ignored. */
  acknowledge(packetId: number, now: Instant, effects: SessionEffect[]): void {
    if (this.#inflight.delete(packetId)) this.#sendWaiting(now, effects)
  }

  /** Notes whether the socket takes more. */
  setCongested(isCongested: boolean, now: Instant, effects: SessionEffect[]): void {
    this.#isCongested = isCongested
    this.#sendWaiting(now, effects)
  }

  #mustWait(): boolean {
    return this.#isCongested || this.#inflight.size >= this.#options.inflightMax
  }

  #enqueue(message: Message, effects: SessionEffect[]): void {
    const { queueCountMax, queueBytesMax } = this.#options
    const bytes = messageBytes(message)
    if (this.#queue.length >= queueCountMax || this.#queueBytes + bytes > queueBytesMax) {
      return drop(message, 'queue-full', effects)
    }
    this.#queue.push(keptMessage(message))
    this.#queueBytes += bytes
  }

  #sendWaiting(now: Instant, effects: SessionEffect[]): void {
    while (!this.#mustWait()) {
      const message = this.#queue.shift()
      if (message === undefined) return
      this.#queueBytes -= messageBytes(message)
      this.#sendQos1(message, now, effects)
    }
  }

  #sendQos1(message: Message, now: Instant, effects: SessionEffect[]): void {
    const current = expiring(message, now)
    if (current === undefined) return drop(message, 'expired', effects)
    const packetId = this.#freePacketId()
    const bytes = encodeForward(current, this.#options.version, packetId)
    if (this.#send(message, bytes, effects)) this.#inflight.add(packetId)
  }

  /** MQTT 5.0 §3.1.2.11.4 [MQTT-3.1.2-25]: what is larger than the client accepts counts as sent. */
  #send(message: Message, bytes: Uint8Array, effects: SessionEffect[]): boolean {
    const fits = bytes.length <= this.#options.packetBytesMax
    if (fits) effects.push({ do: 'send', bytes })
    else drop(message, 'larger-than-client-accepts', effects)
    return fits
  }

  /** The window is far smaller than the number of identifiers, so one is free. */
  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    while (this.#inflight.has(this.#lastPacketId))
    return this.#lastPacketId
  }
}

function drop(message: Message, why: DropReason, effects: SessionEffect[]): void {
  effects.push({ do: 'drop', message, why })
}

/**
 * Gives the message with what is left of its Message Expiry Interval, `undefined` when nothing is left
 * (MQTT 5.0 §3.3.2.3.3 [MQTT-3.3.2-5] [MQTT-3.3.2-6]).
 */
function expiring(message: Message, now: Instant): Message | undefined {
  const interval = message.properties.messageExpiryInterval
  if (interval === undefined) return message
  const waited = Math.max(0, Math.floor((now - message.receivedAt) / 1000))
  if (waited === 0) return message
  if (waited >= interval) return undefined
  return { ...message, properties: { ...message.properties, messageExpiryInterval: interval - waited } }
}
