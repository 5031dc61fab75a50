import type { Instant } from '@birthmark/foundation/kernel'
import type { PendingChallenge } from './documents.ts'
import { tpmFault } from './faults.ts'

/** Challenges that wait for their proof, at about half a kilobyte each. At the limit: `TPM_CHALLENGES_CROWDED`. */
export const CHALLENGES_COUNT_MAX = 4096

/** The challenges of one enroller, in memory: each is given out once, so that a proof that is sent again finds none. */
export class PendingChallenges {
  /** Oldest first. */
  readonly #byNonce = new Map<string, PendingChallenge>()

  /** @throws `TPM_CHALLENGES_CROWDED` (busy) */
  add(pending: PendingChallenge, now: Instant): void {
    for (const [nonce, { validUntil }] of this.#byNonce) {
      if (validUntil >= now) break
      this.#byNonce.delete(nonce)
    }
    const count = this.#byNonce.size
    if (count >= CHALLENGES_COUNT_MAX) throw tpmFault('TPM_CHALLENGES_CROWDED', { count })
    this.#byNonce.set(pending.nonce, pending)
  }

  /**
   * Takes out the challenge of a nonce.
   *
   * @throws `TPM_CHALLENGE_UNKNOWN` (peer), the second time as well
   */
  take(nonce: string): PendingChallenge {
    const pending = this.#byNonce.get(nonce)
    if (pending === undefined) throw tpmFault('TPM_CHALLENGE_UNKNOWN')
    this.#byNonce.delete(nonce)
    return pending
  }
}
