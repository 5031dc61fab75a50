import type { Bus } from '@birthmark/cloud/bus'
import type { Scope } from '@birthmark/cloud/registry'
import type { Clock, Log, Timers } from '@birthmark/foundation/kernel'
import { SESSION_LIMITS, type SessionLimits } from './limits.ts'
import { ScopedSessions } from './scoped-sessions.ts'
import type { SessionStore } from './store.ts'

/** What sessions need from outside. */
export interface SessionsOptions {
  readonly store: SessionStore
  /** Gives the bus of an account and region, the same one each time. */
  readonly busOf: (scope: Scope) => Bus
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** Limits that differ from {@link SESSION_LIMITS}. */
  readonly limits?: Partial<SessionLimits>
}

/**
 * The sessions of one server that outlive their connections. Those in the store get their messages from the moment this
 * is made, so it is made before the first publisher can come.
 */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #limits: SessionLimits
  readonly #byScope = new Map<string, ScopedSessions>()

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#limits = { ...SESSION_LIMITS, ...options.limits }
    const now = options.clock.now()
    for (const restored of options.store.restore()) this.in(restored.record.scope).restore(restored, now)
  }

  in(scope: Scope): ScopedSessions {
    const key = `${scope.account}/${scope.region}`
    const known = this.#byScope.get(key)
    if (known !== undefined) return known
    const { busOf, clock, log, store, timers } = this.#options
    const ports = { store, bus: busOf(scope), clock, timers, limits: this.#limits }
    const sessions = new ScopedSessions(scope, ports, log)
    this.#byScope.set(key, sessions)
    return sessions
  }

  /** Ends the timers; what is in the store stays there. */
  close(): void {
    for (const sessions of this.#byScope.values()) sessions.close()
  }
}
