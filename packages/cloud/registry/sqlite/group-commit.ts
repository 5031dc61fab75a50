import type { DatabaseSync } from 'node:sqlite'
import { type Log, messageOf } from '@birthmark/foundation/kernel'
import type { Change, CommitResult } from '../changes.ts'
import type { Scope } from '../records.ts'
import type { ScopedChanges } from '../registry.ts'
import { applyChange } from './apply.ts'
import { asStoreFault, registryFault } from './faults.ts'
import type { Scopes } from './scopes.ts'
import type { Statements } from './statements.ts'

/** Told of each list of changes that has become durable. */
export type CommitListener = (scope: Scope, changes: readonly Change[]) => void

/** What a {@link GroupCommit} works on. */
export interface GroupCommitParts {
  readonly database: DatabaseSync
  readonly path: string
  readonly sql: Statements
  readonly scopes: Scopes
  readonly log: Log
}

/**
 * Makes commits durable together: those asked for in one turn of the event loop share one transaction and one flush to
 * disk, each inside a savepoint of its own, so that a refused one leaves no trace and the others stand.
 */
export class GroupCommit {
  readonly #parts: GroupCommitParts
  readonly #listeners = new Set<CommitListener>()
  #waiting: Waiting[] = []
  #scheduled = false
  #closed = false

  constructor(parts: GroupCommitParts) {
    this.#parts = parts
  }

  /** Calls `listener` after each durable list of changes, in their order. Gives the function that ends it. */
  subscribe(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Applies lists of changes, each in its scope, all or none, and resolves when they are on disk.
   *
   * @throws `REGISTRY_CLOSED`, `DISK_FULL`, `FILE_UNUSABLE`, `FILE_NOT_PERMITTED`, `REGISTRY_DAMAGED`
   */
  commit(lists: readonly ScopedChanges[]): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(registryFault('REGISTRY_CLOSED'))
      this.#waiting.push({ lists, resolve, reject, result: undefined })
      this.#schedule()
    })
  }

  /** Makes what waits durable and takes nothing more. */
  close(): void {
    this.#closed = true
    while (this.#waiting.length > 0) this.#flush()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    const since = performance.now()
    setImmediate(() => this.#gather(since, since))
  }

  /**
   * Flushes, unless the event loop is busy: then others that will commit are on their way, and the flush waits for them
   * a little. With nothing else to do, nobody waits.
   *
   * @param turnBegan When this turn of the event loop began, as `performance.now()`.
   */
  #gather(since: number, turnBegan: number): void {
    const now = performance.now()
    const isBusy = now - turnBegan > IDLE_TURN_MS_MAX
    if (isBusy && now - since < GATHER_MS_MAX && this.#waiting.length < GROUP_COMMITS_MAX && !this.#closed) {
      setImmediate(() => this.#gather(since, now))
      return
    }
    this.#scheduled = false
    if (this.#waiting.length > 0) this.#flush()
    if (this.#waiting.length > 0) this.#schedule()
  }

  #flush(): void {
    const group = this.#waiting.splice(0, GROUP_COMMITS_MAX)
    try {
      this.#transact(group)
    } catch (error) {
      this.#abandon(group, error)
      return
    }
    for (const commit of group) this.#settle(commit)
  }

  /** Runs the transaction; after an error of the disk nothing of it is left, whatever SQLite undid on its own. */
  #transact(group: readonly Waiting[]): void {
    const { database, sql, scopes } = this.#parts
    sql.run('BEGIN IMMEDIATE')
    try {
      for (const commit of group) commit.result = this.#apply(commit)
      sql.run('COMMIT')
    } catch (error) {
      if (database.isTransaction) sql.run('ROLLBACK')
      scopes.forgetUncommitted()
      throw error
    }
    scopes.keepCommitted()
  }

  #apply({ lists }: Waiting): CommitResult | UnexpectedError {
    const { database, path, sql, scopes } = this.#parts
    const scoped = lists.map(({ scope, changes }) => ({ tables: { sql, scope: scopes.ensure(scope) }, changes }))
    sql.run('SAVEPOINT list')
    try {
      let index = 0
      for (const { tables, changes } of scoped) {
        for (const change of changes) {
          const reason = applyChange(tables, change)
          if (reason !== undefined) {
            this.#undo()
            return { ok: false, index, reason }
          }
          index += 1
        }
      }
      sql.run('RELEASE list')
      return { ok: true }
    } catch (error) {
      // SQLite may have ended the transaction (https://sqlite.org/lang_transaction.html §3), and a failing disk
      // concerns the whole group. Anything else is the fault of this list alone.
      if (!database.isTransaction || asStoreFault(error, path) !== error) throw error
      this.#undo()
      return { error }
    }
  }

  #undo(): void {
    this.#parts.sql.run('ROLLBACK TO list')
    this.#parts.sql.run('RELEASE list')
  }

  #settle({ lists, result, resolve, reject }: Waiting): void {
    if (result === undefined || 'error' in result) {
      reject(result?.error)
      return
    }
    if (result.ok) for (const { scope, changes } of lists) if (changes.length > 0) this.#notify(scope, changes)
    resolve(result)
  }

  #notify(scope: Scope, changes: readonly Change[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(scope, changes)
      } catch (error) {
        // The changes are durable whatever a listener makes of them.
        this.#parts.log.write('error', 'registry.listener-failed', { why: messageOf(error) })
      }
    }
  }

  #abandon(group: readonly Waiting[], error: unknown): void {
    const fault = asStoreFault(error, this.#parts.path)
    this.#parts.log.write('error', 'registry.commit-failed', { commits: group.length, why: messageOf(fault) })
    for (const commit of group) commit.reject(fault)
  }
}

/** Lists of changes on their way to the disk. */
interface Waiting {
  readonly lists: readonly ScopedChanges[]
  readonly resolve: (result: CommitResult) => void
  readonly reject: (error: unknown) => void
  result: CommitResult | UnexpectedError | undefined
}

/** What a list threw that no change may throw: a record with a value that no column takes. */
interface UnexpectedError {
  readonly error: unknown
}

/**
 * Lists of changes in one transaction, at most. At some 60 µs for a list that provisions a device, a full group keeps
 * the event loop for 15 ms; what is beyond waits for the next turn.
 */
export const GROUP_COMMITS_MAX = 256

/** A turn of the event loop that took longer had other work than ours, in ms: a TLS handshake takes 0.6. */
const IDLE_TURN_MS_MAX = 0.2
/** How long a flush waits for company, in ms: five handshakes. A flush costs a tenth of that. */
const GATHER_MS_MAX = 3
