import { join } from 'node:path'
import { asStoreFault, openDatabase, Statements, TurnCommits } from '@birthmark/cloud/registry/sqlite'
import { type Clock, type Instant, type Log, messageOf } from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import type {
  RestoredSession,
  SessionChange,
  SessionCounts,
  SessionStore,
  SessionSubscription,
  WaitingMessage,
} from '../store.ts'
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
  const database = openDatabase(path, clock.now(), SESSION_MIGRATIONS)
  const sql = new Statements(database)
  const tally = new Tally(sql)
  const apply = (change: SessionChange): void => tally.add(applySessionChange(sql, change))
  const ended = (isCommitted: boolean): void => tally.end(isCommitted)
  const commits = new TurnCommits({ database, path, log, event: 'sessions.commit-failed', apply, ended })
  return new SqliteSessions(sql, commits, tally, path, log)
}

/** Changes of one turn of the event loop share a transaction and a flush to disk. */
class SqliteSessions implements SessionStore {
  readonly #sql: Statements
  readonly #commits: TurnCommits<SessionChange>
  readonly #tally: Tally
  readonly #path: string
  readonly #log: Log
  #nextId: number

  constructor(sql: Statements, commits: TurnCommits<SessionChange>, tally: Tally, path: string, log: Log) {
    this.#sql = sql
    this.#commits = commits
    this.#tally = tally
    this.#path = path
    this.#log = log
    this.#nextId = Number(sql.one('SELECT coalesce(max(id), 0) + 1 AS id FROM session')?.['id'])
  }

  get counts(): SessionCounts {
    return this.#tally.counts
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
    const received = new Map<number, number[]>()
    for (const row of this.#sql.all('SELECT * FROM received')) {
      const id = Number(row['session'])
      received.set(id, [...(received.get(id) ?? []), Number(row['packet_id'])])
    }
    return this.#sql.all('SELECT * FROM session ORDER BY id').map((row) => {
      const record = sessionOf(row)
      return {
        record,
        subscriptions: subscriptions.get(record.id) ?? [],
        messages: messages.get(record.id) ?? { count: 0, bytes: 0, lastPlace: 0 },
        received: received.get(record.id) ?? [],
      }
    })
  }

  newId(): number {
    return this.#nextId++
  }

  write(change: SessionChange): Promise<void> {
    return this.#commits.write(change)
  }

  read(id: number, { after, last }: { after: number; last: number }, max: number): readonly WaitingMessage[] {
    return this.#sql
      .all(
        'SELECT place, qos, received_at, packet FROM message WHERE session = ? AND place > ? AND place <= ? ' +
          'ORDER BY place LIMIT ?',
        id,
        after,
        last,
        max,
      )
      .map(waitingMessageOf)
  }

  dropExpired(id: number, after: number, now: Instant): { count: number; bytes: number } | undefined {
    this.#commits.flush()
    try {
      const expired = 'DELETE FROM message WHERE session = ? AND place > ? AND expires_at <= ?'
      this.#tally.add({ sessions: 0, messages: -this.#sql.run(expired, id, after, now) })
      this.#tally.end(true)
      return totalsOf(this.#sql.one(`SELECT ${TOTALS} FROM message WHERE session = ?`, id) ?? {})
    } catch (error) {
      this.#log.write('error', 'sessions.purge-failed', { why: messageOf(asStoreFault(error, this.#path)) })
      return undefined
    }
  }

  close(): void {
    this.#commits.close()
  }
}

/** Counts what is on disk by what each transaction changed there. */
class Tally {
  #counts: SessionCounts
  /** What the transaction that is open makes of it. */
  #next: SessionCounts

  constructor(sql: Statements) {
    const row = sql.one('SELECT (SELECT count(*) FROM session) AS sessions, (SELECT count(*) FROM message) AS messages')
    this.#counts = { sessions: Number(row?.['sessions']), messages: Number(row?.['messages']) }
    this.#next = this.#counts
  }

  get counts(): SessionCounts {
    return this.#counts
  }

  add({ sessions, messages }: SessionCounts): void {
    if (sessions === 0 && messages === 0) return
    this.#next = { sessions: this.#next.sessions + sessions, messages: this.#next.messages + messages }
  }

  end(isCommitted: boolean): void {
    if (isCommitted) this.#counts = this.#next
    else this.#next = this.#counts
  }
}

function totalsOf(row: Readonly<Record<string, unknown>>): { count: number; bytes: number } {
  return { count: Number(row['count'] ?? 0), bytes: Number(row['bytes'] ?? 0) }
}

const TOTALS = 'count(*) AS count, coalesce(sum(length(packet)), 0) AS bytes'
