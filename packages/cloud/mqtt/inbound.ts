import { mqttFault, reasonCode } from './faults.ts'
import { InboundWindow, type Settled } from './inbound-window.ts'
import type { Packet, ProtocolVersion, Publish } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { REASON } from './reason-code.ts'
import type { SessionEffect } from './session.ts'

/** What bounds the messages from one client. */
export interface InboundOptions {
  readonly version: ProtocolVersion
  /** QoS 1 and 2 messages that we have not answered for good. */
  readonly inflightMax: number
  /**
   * Packet identifiers of QoS 2 messages that an earlier connection sent and has not released; `undefined` where there
   * cannot be an earlier one.
   */
  readonly received: readonly number[] | undefined
  /** Sends a packet. */
  readonly send: (packet: Packet) => void
}

/**
 * The QoS 1 and 2 messages of a client, from their PUBLISH to our last answer (MQTT 5.0 §4.3). A QoS 2 message is given
 * to the bus when it comes; its identifier is remembered until the client releases it, so that it is given once.
 */
export class Inbound {
  readonly #options: InboundOptions
  readonly #once = new InboundWindow()
  /** Both made with the first message of QoS 2, which few clients send. */
  #exactly: InboundWindow | undefined
  /** Identifiers of QoS 2 messages that were answered with PUBREC. */
  #received: Set<number> | undefined
  #isPaused = false

  constructor(options: InboundOptions) {
    this.#options = options
    if (options.received !== undefined && options.received.length > 0) this.#received = new Set(options.received)
  }

  /** Whether nothing is read from the client, because too much of what it sent waits. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * Notes a message that has come; gives false when it is to be left alone.
   *
   * @throws `MQTT_RECEIVE_MAXIMUM_EXCEEDED`, `MQTT_PACKET_ID_IN_USE`
   */
  begin({ packetId, qos, dup }: Publish, effects: SessionEffect[]): boolean {
    if (packetId === undefined) return true
    const { inflightMax: max, send, version } = this.#options
    if (qos === 2 && this.#received?.has(packetId) === true) {
      // Received before: the client has not heard of it.
      send({ type: 'pubrec', packetId, reasonCode: REASON.SUCCESS, properties: NO_PROPERTIES })
      return false
    }
    if (this.#isInUse(packetId)) return this.#repeat(packetId, qos, dup, effects)
    this.#windowOf(qos).begin(packetId)
    if (version === 5) {
      if (this.#size > max) throw mqttFault('MQTT_RECEIVE_MAXIMUM_EXCEEDED', { max })
    } else if (this.#unanswered >= max && !this.#isPaused) {
      // MQTT 3.1.1 has no Receive Maximum, so its clients are held back instead: while they wait for us, not for them.
      this.#isPaused = true
      effects.push({ do: 'pause' })
    }
    return true
  }

  /** Notes what became of a message, and sends the PUBACKs and PUBRECs whose turn it is. */
  settle(packetId: number, code: number, effects: SessionEffect[]): void {
    for (const settled of this.#once.settle(packetId, code)) this.#answer('puback', settled)
    for (const settled of this.#exactly?.settle(packetId, code) ?? []) {
      if (settled.reasonCode < FAILURES) (this.#received ??= new Set()).add(settled.packetId)
      this.#answer('pubrec', settled)
    }
    this.#readOn(effects)
  }

  /** Forgets a message that gets no answer. */
  forget(packetId: number, effects: SessionEffect[]): void {
    this.#once.forget(packetId)
    this.#exactly?.forget(packetId)
    this.#readOn(effects)
  }

  /** Notes the client's PUBREL and answers it. */
  release(packetId: number, effects: SessionEffect[]): void {
    const isKnown = this.#received?.delete(packetId) === true
    if (isKnown) effects.push({ do: 'forget-received', packetId })
    // MQTT 3.1.1 has no way to say that it is unknown. After a broken connection that is no error: our PUBCOMP was lost
    // (MQTT 5.0 §3.7.2.1), and clients take 0x92 for one.
    const { received, version } = this.#options
    const code =
      isKnown || version === 4 || received !== undefined ? REASON.SUCCESS : REASON.PACKET_IDENTIFIER_NOT_FOUND
    this.#options.send({ type: 'pubcomp', packetId, reasonCode: code, properties: NO_PROPERTIES })
    this.#readOn(effects)
  }

  /** Messages that count for the Receive Maximum. */
  get #size(): number {
    return this.#unanswered + (this.#received?.size ?? 0)
  }

  get #unanswered(): number {
    return this.#once.size + (this.#exactly?.size ?? 0)
  }

  #windowOf(qos: number): InboundWindow {
    return qos === 2 ? (this.#exactly ??= new InboundWindow()) : this.#once
  }

  #isInUse(packetId: number): boolean {
    if (this.#once.has(packetId)) return true
    return this.#exactly?.has(packetId) === true || this.#received?.has(packetId) === true
  }

  /** A message whose packet identifier is in use: an impatient client's copy of it, or a mistake. */
  #repeat(packetId: number, qos: number, dup: boolean, effects: SessionEffect[]): false {
    const fault = mqttFault('MQTT_PACKET_ID_IN_USE', { packetId })
    const { send, version } = this.#options
    if (version === 4 && !dup) throw fault
    if (version === 5) {
      const type = qos === 2 ? 'pubrec' : 'puback'
      send({ type, packetId, reasonCode: reasonCode(fault), properties: NO_PROPERTIES })
      effects.push({ do: 'refuse', cause: { because: 'fault', fault } })
    }
    return false
  }

  #answer(type: 'puback' | 'pubrec', { packetId, reasonCode: code }: Settled): void {
    this.#options.send({ type, packetId, reasonCode: code, properties: NO_PROPERTIES })
  }

  #readOn(effects: SessionEffect[]): void {
    if (!this.#isPaused || this.#unanswered >= this.#options.inflightMax) return
    this.#isPaused = false
    effects.push({ do: 'resume' })
  }
}

/** Reason codes from here on are failures (MQTT 5.0 §2.4). */
const FAILURES = 0x80
