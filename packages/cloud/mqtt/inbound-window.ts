/**
 * The QoS 1 messages of a client that wait for our PUBACK. They are acknowledged in the order they came, whatever the
 * order in which the bus takes them: what MQTT 5.0 §4.6 [MQTT-4.6.0-2] asks of clients suits a server too.
 */
export class InboundWindow {
  /**
   * Packet id to the reason code of its PUBACK, `undefined` while the bus has not answered; in order of arrival. Made
   * with the first one: most idle connections send none.
   */
  #waiting: Map<number, number | undefined> | undefined

  get size(): number {
    return this.#waiting?.size ?? 0
  }

  has(packetId: number): boolean {
    return this.#waiting?.has(packetId) === true
  }

  /** Notes a message that has come. */
  begin(packetId: number): void {
    this.#waiting ??= new Map()
    this.#waiting.set(packetId, undefined)
  }

  /** Forgets a message that will never be answered. */
  forget(packetId: number): void {
    this.#waiting?.delete(packetId)
  }

  /** Notes what to answer, and gives the PUBACKs whose turn it is now. */
  settle(packetId: number, reasonCode: number): readonly Settled[] {
    const waiting = this.#waiting
    if (waiting?.has(packetId) !== true) return NOTHING
    if (waiting.size === 1) {
      waiting.delete(packetId)
      return [{ packetId, reasonCode }]
    }
    waiting.set(packetId, reasonCode)
    const settled: Settled[] = []
    for (const [first, code] of waiting) {
      if (code === undefined) break
      waiting.delete(first)
      settled.push({ packetId: first, reasonCode: code })
    }
    return settled
  }
}

const NOTHING: readonly Settled[] = []

/** A PUBACK that may be sent. */
export interface Settled {
  readonly packetId: number
  readonly reasonCode: number
}
