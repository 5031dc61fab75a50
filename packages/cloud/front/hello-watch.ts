import { type Clock, TokenBucket } from '@birthmark/foundation/kernel'
import { HELLOS_PER_SECOND, SUSPECTS_MAX } from './limits.ts'

/**
 * Decides whose first bytes are looked at before TLS begins. They tell why a handshake failed, and looking costs every
 * twelfth of it. So all are looked at while few come, and in a crowd those from addresses where one has failed before:
 * a device that failed comes again.
 */
export class HelloWatch {
  readonly #clock: Clock
  readonly #rate = new TokenBucket(HELLOS_PER_SECOND)
  /** Addresses, oldest first. */
  readonly #suspects = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  looksAt(address: string): boolean {
    return this.#rate.take(1, this.#clock.now()) || this.#suspects.has(address)
  }

  /** A handshake of this address has failed. */
  failed(address: string): void {
    this.#suspects.delete(address)
    this.#suspects.add(address)
    if (this.#suspects.size <= SUSPECTS_MAX) return
    for (const oldest of this.#suspects) {
      this.#suspects.delete(oldest)
      return
    }
  }
}
