import { type Instant, later, TokenBucket } from '@birthmark/foundation/kernel'
import { encodePacket } from './encode-packet.ts'
import { encodeForward, type ForwardAs } from './encode-publish.ts'
import { type Delivery, type DeliveryMarks, keptMessage, type Message, messageBytes } from './message.ts'
import { OutboundAliases } from './outbound-aliases.ts'
import type { ProtocolVersion, QoS } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { REASON } from './reason-code.ts'
import type { DropReason, SessionEffect, StoredMark } from './session.ts'

/** What bounds the messages for one client. */
export interface OutboundOptions {
  readonly version: ProtocolVersion
  /** Largest packet that the client takes. */
  readonly packetBytesMax: number
  /** QoS 1 and 2 messages sent that wait for the client's last answer. */
  readonly inflightMax: number
  readonly queueCountMax: number
  readonly queueBytesMax: number
  /** Messages in a second. */
  readonly perSecond: number
  /** Topic aliases that may be set. */
  readonly aliasMax: number
  /** Whether what is sent again carries DUP. */
  readonly marksRepetitions: boolean
}

/**
 * The messages on their way to one client. QoS 0 is sent at once, or dropped while the socket takes no more or there
 * were too many in this second. QoS 1 and 2 are sent while the window is open, otherwise they wait in a bounded queue,
 * oldest first.
 */
export class Outbound {
  readonly #options: OutboundOptions
  readonly #aliases: OutboundAliases
  readonly #rate: TokenBucket
  /** By packet id; made with the first message of QoS 1, which most idle connections never get. */
  #inflight: Map<number, Inflight> | undefined
  readonly #queue: Waiting[] = []
  #queueBytes = 0
  #lastPacketId = 0
  #isCongested = false
  #wakeAt: Instant | undefined

  constructor(options: OutboundOptions) {
    this.#options = options
    this.#aliases = new OutboundAliases(options.aliasMax)
    this.#rate = new TokenBucket(options.perSecond)
  }

  /** Messages of QoS 1 that would be sent as soon as the rate lets them. */
  get room(): number {
    if (this.#isCongested) return 0
    return Math.max(0, this.#options.inflightMax - (this.#inflight?.size ?? 0) - this.#queue.length)
  }

  /** When {@link wake} has something to do; `undefined` while nothing waits for time. */
  get wakeAt(): Instant | undefined {
    return this.#wakeAt
  }

  /** Sends a message, lets it wait, or drops it; says which in `effects`. The queue is empty unless it must wait. */
  deliver(delivery: Delivery, qos: QoS, stored: StoredMark | undefined, now: Instant, effects: SessionEffect[]): void {
    const { message, marks } = delivery
    if (qos !== 0) {
      const waiting = { message, marks, qos, stored }
      if (this.#queue.length > 0 || !this.#maySend(stored, now)) this.#enqueue(waiting, effects)
      else this.#sendWithId(waiting, now, effects)
      return
    }
    if (this.#isCongested) return drop(message, 'congested', effects)
    if (!this.#rate.take(1, now)) return drop(message, 'throttled', effects)
    const current = expiring(message, now)
    if (current === undefined) return drop(message, 'expired', effects)
    const isShared = current === message && !this.#aliases.areUsed
    if (isShared) this.#send(message, delivery.qos0(this.#options.version), effects)
    else this.#encodeAndSend(current, marks, undefined, effects)
  }

  /** Notes the client's PUBACK; an identifier that nothing waits for is ignored. */
  acknowledge(packetId: number, now: Instant, effects: SessionEffect[]): void {
    if (this.#inflight?.get(packetId)?.stage === 'published') this.#settle(packetId, now, effects)
  }

  /** Notes the client's PUBREC of a QoS 2 message and answers it (MQTT 5.0 §4.3.3). */
  received(packetId: number, reasonCode: number, now: Instant, effects: SessionEffect[]): void {
    const known = this.#inflight?.get(packetId)
    const isRefused = reasonCode >= FAILURES
    if (known === undefined || known.stage === 'published') {
      // MQTT 3.1.1 has no way to say that it is unknown.
      const code = this.#options.version === 4 ? REASON.SUCCESS : REASON.PACKET_IDENTIFIER_NOT_FOUND
      if (!isRefused) this.#release(packetId, code, effects)
      return
    }
    if (isRefused) return this.#settle(packetId, now, effects)
    if (known.stage === 'to-receive' && known.stored !== undefined) {
      effects.push({ do: 'released', stored: known.stored })
    }
    this.#inflight?.set(packetId, { stage: 'to-complete', stored: known.stored })
    this.#release(packetId, REASON.SUCCESS, effects)
  }

  /** Notes the client's PUBCOMP; an identifier that nothing waits for is ignored. */
  completed(packetId: number, now: Instant, effects: SessionEffect[]): void {
    if (this.#inflight?.get(packetId)?.stage === 'to-complete') this.#settle(packetId, now, effects)
  }

  /** Goes on with a QoS 2 message that the client has received on an earlier connection. */
  resumeReleased(stored: StoredMark, effects: SessionEffect[]): void {
    const packetId = packetIdOf(stored)
    this.#inflight ??= new Map()
    this.#inflight.set(packetId, { stage: 'to-complete', stored })
    this.#release(packetId, REASON.SUCCESS, effects)
  }

  /** Notes whether the socket takes more. */
  setCongested(isCongested: boolean, now: Instant, effects: SessionEffect[]): void {
    this.#isCongested = isCongested
    this.#sendWaiting(now, effects)
  }

  /** Sends what waited for time. */
  wake(now: Instant, effects: SessionEffect[]): void {
    if (this.#wakeAt !== undefined && now >= this.#wakeAt) this.#sendWaiting(now, effects)
  }

  #settle(packetId: number, now: Instant, effects: SessionEffect[]): void {
    const stored = this.#inflight?.get(packetId)?.stored
    this.#inflight?.delete(packetId)
    if (stored !== undefined) effects.push({ do: 'settled', stored })
    this.#sendWaiting(now, effects)
  }

  /** Takes its part of the rate if it gives leave. */
  #maySend(stored: StoredMark | undefined, now: Instant): boolean {
    this.#wakeAt = undefined
    const inflight = this.#inflight
    if (this.#isCongested || (inflight?.size ?? 0) >= this.#options.inflightMax) return false
    // The identifier of a stored message is its own; whoever has it must be done first.
    if (stored !== undefined && inflight?.has(packetIdOf(stored)) === true) return false
    if (this.#rate.take(1, now)) return true
    this.#wakeAt = later(now, this.#rate.wait(1, now))
    return false
  }

  #enqueue(waiting: Waiting, effects: SessionEffect[]): void {
    const { queueCountMax, queueBytesMax } = this.#options
    const { message } = waiting
    const bytes = messageBytes(message)
    if (this.#queue.length >= queueCountMax || this.#queueBytes + bytes > queueBytesMax) {
      return drop(message, 'queue-full', effects)
    }
    const { marks, qos, stored } = waiting
    this.#queue.push({ message: keptMessage(message), marks, qos, stored })
    this.#queueBytes += bytes
  }

  #sendWaiting(now: Instant, effects: SessionEffect[]): void {
    for (let [next] = this.#queue; next !== undefined; [next] = this.#queue) {
      if (!this.#maySend(next.stored, now)) return
      this.#queue.shift()
      this.#queueBytes -= messageBytes(next.message)
      this.#sendWithId(next, now, effects)
    }
  }

  #sendWithId({ message, marks, qos, stored }: Waiting, now: Instant, effects: SessionEffect[]): void {
    // MQTT 5.0 §4.3.3 [MQTT-4.3.3-7]: what was sent once goes on to its end.
    const current = qos === 2 && stored?.isRepeated === true ? message : expiring(message, now)
    if (current === undefined) {
      drop(message, 'expired', effects)
    } else {
      this.#inflight ??= new Map()
      const packetId = stored === undefined ? this.#freePacketId(this.#inflight) : packetIdOf(stored)
      const dup = this.#options.marksRepetitions && stored?.isRepeated === true
      if (this.#encodeAndSend(current, marks, { packetId, qos, dup }, effects)) {
        this.#inflight.set(packetId, { stage: qos === 1 ? 'published' : 'to-receive', stored })
        return
      }
    }
    if (stored !== undefined) effects.push({ do: 'settled', stored })
  }

  #encodeAndSend(message: Message, marks: DeliveryMarks, as: ForwardAs | undefined, effects: SessionEffect[]): boolean {
    const { version } = this.#options
    const alias = this.#aliases.of(message.topic)
    const sent = this.#send(message, encodeForward(message, version, marks, as, alias), effects)
    if (sent && alias !== undefined) this.#aliases.set(message.topic, alias.alias)
    return sent
  }

  /** MQTT 5.0 §3.1.2.11.4 [MQTT-3.1.2-25]: what is larger than the client accepts counts as sent. */
  #send(message: Message, bytes: Uint8Array, effects: SessionEffect[]): boolean {
    const fits = bytes.length <= this.#options.packetBytesMax
    if (fits) effects.push({ do: 'send', bytes })
    else drop(message, 'larger-than-client-accepts', effects)
    return fits
  }

  #release(packetId: number, reasonCode: number, effects: SessionEffect[]): void {
    const packet = { type: 'pubrel', packetId, reasonCode, properties: NO_PROPERTIES } as const
    effects.push({ do: 'send', bytes: encodePacket(packet, this.#options.version) })
  }

  /** The window is far smaller than the number of identifiers, so one is free. */
  #freePacketId(inflight: ReadonlyMap<number, unknown>): number {
    do this.#lastPacketId = (this.#lastPacketId % PACKET_IDS) + 1
    while (inflight.has(this.#lastPacketId))
    return this.#lastPacketId
  }
}

/** A message that was sent with a packet identifier. */
interface Inflight {
  /** What it waits for: PUBACK; PUBREC; PUBCOMP. */
  readonly stage: 'published' | 'to-receive' | 'to-complete'
  readonly stored: StoredMark | undefined
}

/** A message of QoS 1 or 2 on its way. */
interface Waiting {
  readonly message: Message
  readonly marks: DeliveryMarks
  readonly qos: 1 | 2
  readonly stored: StoredMark | undefined
}

/**
 * A stored message has one identifier for all the connections of its session (MQTT 5.0 §4.4 [MQTT-4.4.0-1]). The window
 * is far smaller than the number of identifiers, so messages with the same one are seldom under way together.
 */
function packetIdOf({ place }: StoredMark): number {
  return ((place - 1) % PACKET_IDS) + 1
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

const PACKET_IDS = 65_535
/** Reason codes from here on are failures (MQTT 5.0 §2.4). */
const FAILURES = 0x80
