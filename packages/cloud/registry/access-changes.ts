import type { AccessKeyRecord, AuditEntry } from './access-records.ts'

/** The changes of who may call, and of what was done. */
export type AccessChange =
  /**
   * Adds a key; the scope's temporary keys that have ended by then are removed. `exists`; `limit` at
   * {@link ACCESS_KEYS_MAX}.
   */
  | { readonly do: 'create-access-key'; readonly key: AccessKeyRecord }
  /** `absent`. */
  | { readonly do: 'revoke-access-key'; readonly id: string }
  /** Adds to the audit log of the scope's account. Beyond {@link AUDIT_ENTRIES_MAX} the oldest entry goes. */
  | { readonly do: 'record-audit'; readonly entry: AuditEntry }

/**
 * Access keys of an account in a region; a factory has one for each line and each installer one for each day. At the
 * limit: `limit`, LimitExceededException.
 */
export const ACCESS_KEYS_MAX = 1000

/** Entries of an account's audit log: a year of a change every half minute, some 400 MB. Then the oldest goes. */
export const AUDIT_ENTRIES_MAX = 1_000_000
