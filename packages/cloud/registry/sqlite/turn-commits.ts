import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Log, messageOf } from '@birthmark/foundation/kernel'
import { asStoreFault, registryFault } from './faults.ts'

/** What commits need. */
export interface TurnCommitsOptions<Change> {
  readonly database: DatabaseSync
  /** The database's file, for faults. */
  readonly path: string
  readonly log: Log
  /** What the log calls a commit that failed. */
  readonly event: string
  /** Makes one change, within a transaction. */
  readonly apply: (change: Change) => void
  /** Hears how each transaction ended: whether what it made is there. */
  readonly ended?: (isCommitted: boolean) => void
}

/** Writes to a database: what is written in one turn of the event loop shares a transaction and a flush to disk. */
export class TurnCommits<Change> {
  readonly #options: TurnCommitsOptions<Change>
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  #waiting: Change[] = []
  #turn: PromiseWithResolvers<void> | undefined
  #isClosed = false

  constructor(options: TurnCommitsOptions<Change>) {
    this.#options = options
    this.#begin = options.database.prepare('BEGIN IMMEDIATE')
    this.#commit = options.database.prepare('COMMIT')
  }

  /**
   * Makes a change.
   *
   * @returns resolves when it is on disk, and rejects when nothing of its turn is; the caller need not look
   */
  write(change: Change): Promise<void> {
    if (this.#isClosed) return refused()
    this.#waiting.push(change)
    if (this.#turn === undefined) {
      this.#turn = Promise.withResolvers()
      // Whoever only notes something does not wait for it; the log has the failure.
      this.#turn.promise.catch(() => undefined)
      setImmediate(() => this.flush())
    }
    return this.#turn.promise
  }

  /** Commits what waits, now, so that it can be read. */
  flush(): void {
    const turn = this.#turn
    if (turn === undefined) return
    const changes = this.#waiting
    this.#waiting = []
    this.#turn = undefined
    try {
      this.#transact(changes)
      turn.resolve()
    } catch (error) {
      const { event, log, path } = this.#options
      const fault = asStoreFault(error, path)
      log.write('error', event, { changes: changes.length, why: messageOf(fault) })
      turn.reject(fault)
    }
  }

  /** Commits what waits, closes the database, and takes nothing more. */
  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#options.database.close()
  }

  #transact(changes: readonly Change[]): void {
    const { apply, database, ended } = this.#options
    this.#begin.run()
    let isCommitted = false
    try {
      for (const change of changes) apply(change)
      this.#commit.run()
      isCommitted = true
    } finally {
      if (database.isTransaction) database.exec('ROLLBACK')
      ended?.(isCommitted)
    }
  }
}

/** After the end nothing is promised any more; whoever only notes something does not look. */
function refused(): Promise<void> {
  const refusal = Promise.reject(registryFault('REGISTRY_CLOSED'))
  refusal.catch(() => undefined)
  return refusal
}
