import type { Cancel, Millis, Timers } from '@birthmark/foundation/kernel'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { FrontLimits } from './limits.ts'

/** What an arrival is waited for. */
type Phase = 'tls' | 'connect'

/**
 * The connections that have not sent a CONNECT yet, oldest first. Each has a deadline, and there are never more than
 * the limit: the oldest makes room, so that silent sockets cannot keep an honest client out.
 */
export class Arrivals {
  readonly #timers: Timers
  readonly #limits: Pick<FrontLimits, 'halfOpenMax' | 'handshake' | 'connect'>
  readonly #waiting = new Map<object, { phase: Phase; cancel: Cancel; giveUp: (cause: AttemptCause) => void }>()

  constructor(timers: Timers, limits: Pick<FrontLimits, 'halfOpenMax' | 'handshake' | 'connect'>) {
    this.#timers = timers
    this.#limits = limits
  }

  /** Waits for what `phase` names; `giveUp` is called at most once, when it has taken too long. */
  expect(arrival: object, phase: Phase, giveUp: (cause: AttemptCause) => void): void {
    this.settle(arrival)
    const limit = phase === 'tls' ? this.#limits.handshake : this.#limits.connect
    const cancel = this.#timers.after(limit, () => this.#giveUp(arrival, lateness(limit)), { background: true })
    this.#waiting.set(arrival, { phase, cancel, giveUp })
    if (this.#waiting.size <= this.#limits.halfOpenMax) return
    for (const oldest of this.#waiting.keys()) {
      this.#giveUp(oldest, `it made room for one of more than ${this.#limits.halfOpenMax} newer connections`)
      return
    }
  }

  /** Stops waiting: it came, or the connection is gone. */
  settle(arrival: object): void {
    this.#waiting.get(arrival)?.cancel()
    this.#waiting.delete(arrival)
  }

  #giveUp(arrival: object, why: string): void {
    const waiting = this.#waiting.get(arrival)
    this.settle(arrival)
    waiting?.giveUp(attemptCause(waiting.phase === 'tls' ? 'TLS_HANDSHAKE_TIMEOUT' : 'CONNECT_TIMEOUT', { why }))
  }
}

function lateness(limit: Millis): string {
  return `${limit / 1000} seconds have passed`
}
