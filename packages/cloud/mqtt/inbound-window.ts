/**
 * The QoS 1 messages of a client that wait for our PUBACK. They are acknowledged in the order they came, whatever the
 * order in which the bus takes them: what MQTT 5.0 §4.6 [MQTT-4.6.0-2] asks of clients suits a server too.
 */
export class InboundWindow {
  /** Packet id to the reason code of its PUBACK, `undefined` while the bus has not answered; in order of arrival. */
  readonly #waiting = new Map<number, number | undefined>()

  get size(): number {
    return this.#waiting.size
  }

  has(packetId: number): boolean {
    return this.#waiting.has(packetId)
  }

  /** Notes a message that has come. */
  begin(packetId: number): void {
    this.#waiting.set(packetId, undefined)
  }

  /** Notes what to answer, and gives the PUBACKs whose turn it is now. */
  settle(packetId: number, reasonCode: number): Settled[] {
    if (!this.#waiting.has(packetId)) return []
    this.#waiting.set(packetId, reasonCode)
    const settled: Settled[] = []
    for (const [first, code] of this.#waiting) {
      if (code === undefined) break
      this.#waiting.delete(first)
      settled.push({ packetId: first, reasonCode: code })
    }
    return settled
  }
}

/** A PUBACK that may be sent. */
export interface Settled {
  readonly packetId: number
  readonly reasonCode: number
}
