import type { Instant } from '@birthmark/foundation/kernel'
import { encodeForward } from './encode-publish.ts'
import { type Delivery, keptMessage, type Message, messageBytes } from './message.ts'
import type { ProtocolVersion } from './packet.ts'
import type { DropReason, SessionEffect, StoredMark } from './session.ts'

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
  /** By packet id; made with the first message of QoS 1, which most idle connections never get. */
  #inflight: Map<number, StoredMark | undefined> | undefined
  readonly #queue: Waiting[] = []
  #queueBytes = 0
  #lastPacketId = 0
  #isCongested = false

  constructor(options: OutboundOptions) {
    this.#options = options
  }

  /** Messages of QoS 1 that would be sent at once. */
  get room(): number {
    if (this.#isCongested) return 0
    return Math.max(0, this.#options.inflightMax - (this.#inflight?.size ?? 0) - this.#queue.length)
  }

  /** Sends a message, lets it wait, or drops it; says which in `effects`. The queue is empty unless it must wait. */
  deliver(
    delivery: Delivery,
    qos: 0 | 1,
    stored: StoredMark | undefined,
    now: Instant,
    effects: SessionEffect[],
  ): void {
    const { message } = delivery
    if (qos === 1) {
      if (this.#mustWait()) this.#enqueue(message, stored, effects)
      else this.#sendQos1({ message, stored }, now, effects)
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
    if (this.#inflight?.has(packetId) !== true) return
    const stored = this.#inflight.get(packetId)
    this.#inflight.delete(packetId)
    if (stored !== undefined) effects.push({ do: 'settled', stored })
    this.#sendWaiting(now, effects)
  }

  /** Notes whether the socket takes more. */
  setCongested(isCongested: boolean, now: Instant, effects: SessionEffect[]): void {
    this.#isCongested = isCongested
    this.#sendWaiting(now, effects)
  }

  #mustWait(): boolean {
    return this.#isCongested || (this.#inflight?.size ?? 0) >= this.#options.inflightMax
  }

  #enqueue(message: Message, stored: StoredMark | undefined, effects: SessionEffect[]): void {
    const { queueCountMax, queueBytesMax } = this.#options
    const bytes = messageBytes(message)
    if (this.#queue.length >= queueCountMax || this.#queueBytes + bytes > queueBytesMax) {
      return drop(message, 'queue-full', effects)
    }
    this.#queue.push({ message: keptMessage(message), stored })
    this.#queueBytes += bytes
  }

  #sendWaiting(now: Instant, effects: SessionEffect[]): void {
    while (!this.#mustWait()) {
      const waiting = this.#queue.shift()
      if (waiting === undefined) return
      this.#queueBytes -= messageBytes(waiting.message)
      this.#sendQos1(waiting, now, effects)
    }
  }

  #sendQos1({ message, stored }: Waiting, now: Instant, effects: SessionEffect[]): void {
    const current = expiring(message, now)
    if (current === undefined) {
      drop(message, 'expired', effects)
    } else {
      this.#inflight ??= new Map()
      const packetId = this.#freePacketId(this.#inflight)
      const bytes = encodeForward(current, this.#options.version, packetId)
      if (this.#send(message, bytes, effects)) {
        this.#inflight.set(packetId, stored)
        return
      }
    }
    if (stored !== undefined) effects.push({ do: 'settled', stored })
  }

  /** MQTT 5.0 §3.1.2.11.4 [MQTT-3.1.2-25]: what is larger than the client accepts counts as sent. */
  #send(message: Message, bytes: Uint8Array, effects: SessionEffect[]): boolean {
    const fits = bytes.length <= this.#options.packetBytesMax
    if (fits) effects.push({ do: 'send', bytes })
    else drop(message, 'larger-than-client-accepts', effects)
    return fits
  }

  /** The window is far smaller than the number of identifiers, so one is free. */
  #freePacketId(inflight: ReadonlyMap<number, unknown>): number {
    do this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    while (inflight.has(this.#lastPacketId))
    return this.#lastPacketId
  }
}

/** A message of QoS 1 on its way. */
interface Waiting {
  readonly message: Message
  readonly stored: StoredMark | undefined
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
