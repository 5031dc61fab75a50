import type { Attempt, AttemptFilter } from './attempt.ts'

/** Keeps refused attempts beyond the life of this process. */
export interface AttemptKeeper {
  /** Keeps an attempt that has ended. Must not throw; what cannot be kept is logged. */
  keep(attempt: Attempt, stage: AttemptStage): void
  /** Gives what is kept, newest first, at most `limit`. */
  list(filter: AttemptFilter & { readonly limit: number }): readonly Attempt[]
}

/** How far a client came: strangers can fill the first as they like, and do not reach the second in numbers. */
export type AttemptStage = 'before-tls' | 'after-tls'
