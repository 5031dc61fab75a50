import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { asStoreFault, openDatabase, registryFault, Statements } from '@birthmark/cloud/registry/sqlite'
import { type Clock, type Instant, type Log, messageOf } from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import type { RestoredSession, SessionChange, SessionStore, SessionSubscription, WaitingMessage } from '../store.ts'
import { applySessionChange } from './apply-change.ts'
import { sessionOf, subscriptionOf, waitingMessageOf } from './rows.ts'
import { SESSION_MIGRATIONS } from './schema.ts'

/** Where the sessions live and what they need. */
export interface SqliteSessionsOptions {
  /** Made when absent. Holds `sessions.db` and its write-ahead log. No other process may write there. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
}

/**
 * Opens the session store in a folder.
 *
 * @throws what opening a registry throws, but for the lock: the folder belongs to one whose registry is locked
 */
export function openSqliteSessions({ folder, clock, log }: SqliteSessionsOptions): SessionStore {
  makeFolder(folder)
  const path = join(folder, 'sessions.db')
  return new SqliteSessions(openDatabase(path, clock.now(), SESSION_MIGRATIONS), path, log)
}

/** Changes of one turn of the event loop share a transaction and a flush to disk. */
class SqliteSessions implements SessionStore {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #log: Log
  readonly #sql: Statements
  #nextId: number
  #waiting: SessionChange[] = []
  #turn: PromiseWithResolvers<void> | undefined
  #isClosed = false

  constructor(database: DatabaseSync, path: string, log: Log) {
    this.#database = database
    this.#path = path
    this.#log = log
    this.#sql = new Statements(database)
    this.#nextId = Number(this.#sql.one('SELECT coalesce(max(id), 0) + 1 AS id FROM session')?.['id'])
  }

  restore(): readonly RestoredSession[] {
    const subscriptions = new Map<number, SessionSubscription[]>()
    for (const row of this.#sql.all('SELECT * FROM subscription')) {
      const id = Number(row['session'])
      const known = subscriptions.get(id)
      if (known === undefined) subscriptions.set(id, [subscriptionOf(row)])
      else known.push(subscriptionOf(row))
    }
    const messages = new Map(
      this.#sql
        .all(`SELECT session, ${TOTALS}, max(place) AS last FROM message GROUP BY session`)
        .map((row) => [Number(row['session']), { ...totalsOf(row), lastPlace: Number(row['last']) }]),
    )
    return this.#sql.all('SELECT * FROM session ORDER BY id').map((row) => {
      const record = sessionOf(row)
      return {
        record,
        subscriptions: subscriptions.get(record.id) ?? [],
        messages: messages.get(record.id) ?? { count: 0, bytes: 0, lastPlace: 0 },
      }
    })
  }

  newId(): number {
    return this.#nextId++
  }

  write(change: SessionChange): Promise<void> {
    if (this.#isClosed) return refused()
    this.#waiting.push(change)
    if (this.#turn === undefined) {
      this.#turn = Promise.withResolvers()
      // Whoever only notes something does not wait for it; the log has the failure.
      this.#turn.promise.catch(() => undefined)
      setImmediate(() => this.#flush())
    }
    return this.#turn.promise
  }

  read(id: number, { after, last }: { after: number; last: number }, max: number): readonly WaitingMessage[] {
    return this.#sql
      .all(
        'SELECT place, received_at, packet FROM message WHERE session = ? AND place > ? AND place <= ? ' +
          'ORDER BY place LIMIT ?',
        id,
        after,
        last,
        max,
      )
      .map(waitingMessageOf)
  }

  dropExpired(id: number, after: number, now: Instant): { count: number; bytes: number } | undefined {
    this.#flush()
    try {
      this.#sql.run('DELETE FROM message WHERE session = ? AND place > ? AND expires_at <= ?', id, after, now)
      return totalsOf(this.#sql.one(`SELECT ${TOTALS} FROM message WHERE session = ?`, id) ?? {})
    } catch (error) {
      this.#log.write('error', 'sessions.purge-failed', { why: messageOf(asStoreFault(error, this.#path)) })
      return undefined
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#flush()
    this.#isClosed = true
    this.#database.close()
  }

  #flush(): void {
    const turn = this.#turn
    if (turn === undefined) return
    const changes = this.#waiting
    this.#waiting = []
    this.#turn = undefined
    try {
      this.#transact(changes)
      turn.resolve()
    } catch (error) {
      const fault = asStoreFault(error, this.#path)
      this.#log.write('error', 'sessions.commit-failed', { changes: changes.length, why: messageOf(fault) })
      turn.reject(fault)
    }
  }

  #transact(changes: readonly SessionChange[]): void {
    this.#sql.run('BEGIN IMMEDIATE')
    try {
      for (const change of changes) applySessionChange(this.#sql, change)
      this.#sql.run('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#sql.run('ROLLBACK')
      throw error
    }
  }
}

function totalsOf(row: Readonly<Record<string, unknown>>): { count: number; bytes: number } {
  return { count: Number(row['count'] ?? 0), bytes: Number(row['bytes'] ?? 0) }
}

const TOTALS = 'count(*) AS count, coalesce(sum(length(packet)), 0) AS bytes'

/** After the end nothing is promised any more; whoever only notes something does not look. */
function refused(): Promise<void> {
  const refusal = Promise.reject(registryFault('REGISTRY_CLOSED'))
  refusal.catch(() => undefined)
  return refusal
}
