import type { Change, ConflictReason } from '../changes.ts'

/** A change that must be refused, and what has to be there for that. */
export interface ConflictCase {
  readonly why: string
  readonly given: readonly Change[]
  readonly change: Change
  readonly reason: ConflictReason
}
