import { join } from 'node:path'
import { Delivery, type Message, readStoredMessage } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import { openDatabase, openReadOnly, type Row, Statements, TurnCommits } from '@birthmark/cloud/registry/sqlite'
import { type Clock, type Instant, instant, type Log } from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import type { RetainedChange, RetainedStore, RetainedSummary } from '../store.ts'
import { RETAINED_MIGRATIONS } from './schema.ts'

/** Where the messages live and what they need. */
export interface SqliteRetainedOptions {
  /** Made when absent. Holds `retained.db` and its write-ahead log. No other process may write there. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
}

/**
 * Opens the store of retained messages in a folder.
 *
 * @throws what opening a registry throws, but for the lock: the folder belongs to one whose registry is locked
 */
export function openSqliteRetained({ folder, clock, log }: SqliteRetainedOptions): RetainedStore {
  makeFolder(folder)
  const path = join(folder, DATABASE_FILE)
  const database = openDatabase(path, clock.now(), RETAINED_MIGRATIONS)
  const sql = new Statements(database)
  const commits = new TurnCommits<RetainedChange>({
    database,
    path,
    log,
    event: 'retained.commit-failed',
    apply: (change) => apply(sql, change),
  })
  const isEmpty = sql.one('SELECT 1 FROM retained LIMIT 1') === undefined
  return new SqliteRetained(sql, commits, { isEmpty })
}

/**
 * Opens a store that another process of this server has open, to read; what is written here is written there.
 *
 * @param write Resolves when the change is on disk.
 */
export function openSqliteRetainedReader(
  folder: string,
  write: (change: RetainedChange) => Promise<void>,
): RetainedStore {
  const database = openReadOnly(join(folder, DATABASE_FILE))
  const commits = { write, flush: () => undefined, close: () => database.close() }
  return new SqliteRetainedReader(new Statements(database), commits, { isEmpty: false })
}

class SqliteRetained implements RetainedStore {
  readonly #sql: Statements
  readonly #commits: Commits
  /** Nothing was ever kept, so that subscriptions need not ask: most fleets retain nothing. */
  #isEmpty: boolean

  constructor(sql: Statements, commits: Commits, { isEmpty }: { readonly isEmpty: boolean }) {
    this.#sql = sql
    this.#commits = commits
    this.#isEmpty = isEmpty
  }

  write(change: RetainedChange): Promise<void> {
    if (change.do === 'put') this.#isEmpty = false
    return this.#commits.write(change)
  }

  read({ account, region }: Scope, topic: string): ReturnType<RetainedStore['read']> {
    if (this.#isEmpty) return undefined
    this.#commits.flush()
    const row = this.#sql.one(
      'SELECT qos, received_at, expires_at, packet FROM retained WHERE account = ? AND region = ? AND topic = ?',
      account,
      region,
      topic,
    )
    return row === undefined ? undefined : { message: messageIn(row), expiresAt: momentOf(row['expires_at']) }
  }

  list(
    { account, region }: Scope,
    { prefix, after, limit, now }: { prefix: string; after: string; limit: number; now: Instant },
  ): readonly RetainedSummary[] {
    if (this.#isEmpty) return []
    this.#commits.flush()
    const rows = this.#sql
      .all(
        'SELECT topic, qos, payload_bytes, received_at FROM retained WHERE account = ? AND region = ? ' +
          'AND topic > ? AND topic >= ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY topic LIMIT ?',
        account,
        region,
        after,
        prefix,
        now,
        limit,
      )
      .map((row) => ({
        topic: String(row['topic']),
        payloadBytes: Number(row['payload_bytes']),
        qos: qosOf(row['qos']),
        receivedAt: instant(Number(row['received_at'])),
      }))
    // What begins with the prefix stands together, first.
    const end = rows.findIndex(({ topic }) => !topic.startsWith(prefix))
    return end < 0 ? rows : rows.slice(0, end)
  }

  count({ account, region }: Scope): number {
    this.#commits.flush()
    const row = this.#sql.one('SELECT count(*) AS n FROM retained WHERE account = ? AND region = ?', account, region)
    return Number(row?.['n'] ?? 0)
  }

  dropExpired(now: Instant): void {
    this.#commits.flush()
    this.#sql.run('DELETE FROM retained WHERE expires_at <= ?', now)
  }

  close(): void {
    this.#commits.close()
  }
}

class SqliteRetainedReader extends SqliteRetained {
  /** The process that writes does so. */
  override dropExpired(): void {}
}

function apply(sql: Statements, change: RetainedChange): void {
  const { account, region } = change.scope
  if (change.do === 'delete') {
    sql.run('DELETE FROM retained WHERE account = ? AND region = ? AND topic = ?', account, region, change.topic)
    return
  }
  const { message, expiresAt } = change
  sql.run(
    'INSERT OR REPLACE INTO retained (account, region, topic, qos, payload_bytes, received_at, expires_at, packet) ' +
      'VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    account,
    region,
    message.topic,
    message.qos,
    message.payload.length,
    message.receivedAt,
    expiresAt ?? null,
    new Delivery(message).qos0(5),
  )
}

function messageIn(row: Row): Message {
  const packet = row['packet']
  const origin = { qos: qosOf(row['qos']), receivedAt: instant(Number(row['received_at'])) }
  return { ...readStoredMessage(packet instanceof Uint8Array ? packet : NOTHING, origin).message, retain: true }
}

function momentOf(value: unknown): Instant | undefined {
  return value === null ? undefined : instant(Number(value))
}

function qosOf(value: unknown): 0 | 1 | 2 {
  return value === 0 || value === 2 ? value : 1
}

const NOTHING = new Uint8Array(0)

const DATABASE_FILE = 'retained.db'
type Commits = Pick<TurnCommits<RetainedChange>, 'write' | 'flush' | 'close'>
