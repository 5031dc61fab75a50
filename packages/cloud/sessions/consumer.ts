import type { Delivery, QoS, StoredMark } from '@birthmark/cloud/mqtt'

/** The connection that a session has at the moment. */
export interface Consumer {
  readonly connectionId: string
  /** Messages of QoS 1 that it can take at once. */
  readonly room: number
  /** Takes a message; one of QoS 1 or 2 comes with its mark, and only while there is room. Must not throw. */
  deliver(delivery: Delivery, qos: QoS, stored?: StoredMark): void
  /** Goes on with a QoS 2 message that the client has received; only while there is room. Must not throw. */
  resumeReleased(stored: StoredMark): void
  /** Ends: what waits for it cannot be read. Must not throw. */
  fail(error: unknown): void
}
