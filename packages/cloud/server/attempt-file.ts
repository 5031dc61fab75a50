import { join } from 'node:path'
import type { Attempt, AttemptKeeper, AttemptStage } from '@birthmark/cloud/front'
import { openDatabase, Statements } from '@birthmark/cloud/registry/sqlite'
import {
  type Cancel,
  type Clock,
  type Instant,
  instant,
  type Log,
  messageOf,
  seconds,
  type Timers,
  TokenBucket,
} from '@birthmark/foundation/kernel'
import { makeFolder } from '@birthmark/foundation/system'
import { readAttempt, writeAttempt } from './attempt-text.ts'
import { ATTEMPT_AGE_MAX, ATTEMPT_LIMITS, ATTEMPTS_WAITING_MAX, type AttemptFileLimits } from './limits.ts'

/** What keeping attempts on disk needs. */
export interface AttemptFileOptions {
  /** Made when absent. Holds `attempts.db`. */
  readonly folder: string
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** Limits that differ from {@link ATTEMPT_LIMITS}. */
  readonly limits?: Partial<AttemptFileLimits>
}

/** {@link AttemptKeeper} on disk. */
export interface AttemptFile extends AttemptKeeper {
  /** Writes what waits. */
  close(): void
}

/**
 * Opens the refused attempts of earlier, in a file of their own. They are written together, a second late at most: a
 * crash may lose as much. What cannot be opened or written costs nobody else anything: it is logged.
 */
export function openAttemptFile(options: AttemptFileOptions): AttemptFile | undefined {
  const { folder, clock, log } = options
  try {
    makeFolder(folder)
    const database = openDatabase(join(folder, 'attempts.db'), clock.now(), MIGRATIONS)
    return new SqliteAttempts(new Statements(database), () => database.close(), options)
  } catch (error) {
    log.write('error', 'server.attempts-unusable', { why: messageOf(error) })
    return undefined
  }
}

class SqliteAttempts implements AttemptFile {
  readonly #sql: Statements
  readonly #closeDatabase: () => void
  readonly #options: AttemptFileOptions
  readonly #limits: AttemptFileLimits
  readonly #rates: Readonly<Record<AttemptStage, TokenBucket>>
  #waiting: { readonly attempt: Attempt; readonly stage: AttemptStage }[] = []
  #cancel: Cancel | undefined
  #skipped = 0

  constructor(sql: Statements, closeDatabase: () => void, options: AttemptFileOptions) {
    this.#sql = sql
    this.#closeDatabase = closeDatabase
    this.#options = options
    this.#limits = { ...ATTEMPT_LIMITS, ...options.limits }
    this.#rates = {
      'before-tls': new TokenBucket(this.#limits.strangersPerSecond),
      'after-tls': new TokenBucket(this.#limits.perSecond),
    }
    this.#prune()
  }

  keep(attempt: Attempt, stage: AttemptStage): void {
    const { clock, timers } = this.#options
    if (!this.#rates[stage].take(1, clock.now()) || this.#waiting.length >= ATTEMPTS_WAITING_MAX) {
      this.#skipped++
      return
    }
    this.#waiting.push({ attempt, stage })
    this.#cancel ??= timers.after(WRITE_AFTER, () => this.#flush(), { background: true })
  }

  list(filter: Parameters<AttemptKeeper['list']>[0]): readonly Attempt[] {
    const { scope, certificateId, clientId, outcome, limit } = filter
    if (outcome !== undefined && outcome !== 'refused') return []
    this.#flush()
    const wanted: readonly (readonly [column: string, value: string | undefined])[] = [
      ['account', scope?.account],
      ['region', scope?.region],
      ['certificate_id', certificateId],
      ['client_id', clientId],
    ]
    const given = wanted.flatMap(([column, value]) => (value === undefined ? [] : [[column, value] as const]))
    const where = ['started_at > ?', ...given.map(([column]) => `${column} = ?`)].join(' AND ')
    const rows = this.#sql.all(
      `SELECT text FROM attempt WHERE ${where} ORDER BY started_at DESC, id DESC LIMIT ?`,
      this.#oldest(),
      ...given.map(([, value]) => value),
      limit,
    )
    return rows.map(({ text }) => readAttempt(String(text))).filter((attempt) => attempt !== undefined)
  }

  close(): void {
    this.#flush()
    this.#closeDatabase()
  }

  #flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const waiting = this.#waiting.splice(0)
    if (waiting.length === 0) return
    try {
      this.#sql.run('BEGIN IMMEDIATE')
      for (const { attempt, stage } of waiting) this.#insert(attempt, stage)
      this.#prune()
      this.#sql.run('COMMIT')
    } catch (error) {
      this.#rollBack()
      this.#options.log.write('error', 'server.attempts-not-kept', { count: waiting.length, why: messageOf(error) })
    }
    if (this.#skipped > 0) this.#options.log.write('warn', 'server.attempts-skipped', { count: this.#skipped })
    this.#skipped = 0
  }

  #insert(attempt: Attempt, stage: AttemptStage): void {
    const { startedAt, account, region, certificateId, clientId } = attempt
    this.#sql.run(
      'INSERT INTO attempt (stage, started_at, account, region, certificate_id, client_id, text) ' +
        'VALUES (?, ?, ?, ?, ?, ?, ?)',
      stage,
      startedAt,
      account,
      region,
      certificateId ?? null,
      clientId ?? null,
      writeAttempt(attempt),
    )
  }

  /** Forgets those that are too old, and the oldest of too many; strangers make room for strangers only. */
  #prune(): void {
    this.#sql.run('DELETE FROM attempt WHERE started_at <= ?', this.#oldest())
    const { keptMax, strangersKeptMax } = this.#limits
    for (const [stage, max] of [
      ['after-tls', keptMax],
      ['before-tls', strangersKeptMax],
    ] as const) {
      this.#sql.run(
        'DELETE FROM attempt WHERE stage = ? AND id <= ' +
          '(SELECT id FROM attempt WHERE stage = ? ORDER BY id DESC LIMIT 1 OFFSET ?)',
        stage,
        stage,
        max,
      )
    }
  }

  #rollBack(): void {
    try {
      this.#sql.run('ROLLBACK')
    } catch {
      // It had not begun.
    }
  }

  #oldest(): Instant {
    const { clock } = this.#options
    return instant(Math.max(0, clock.now() - ATTEMPT_AGE_MAX))
  }
}

const WRITE_AFTER = seconds(1)

/** The statements that bring the file from version n (its index here) to n + 1. Times are milliseconds. */
const MIGRATIONS: readonly string[] = [
  `
  PRAGMA application_id = 1114795371;

  CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    certificate_id TEXT,
    client_id TEXT,
    text TEXT NOT NULL
  ) STRICT;

  CREATE INDEX attempt_time ON attempt (started_at);
  CREATE INDEX attempt_stage ON attempt (stage, id);
  CREATE INDEX attempt_certificate ON attempt (certificate_id) WHERE certificate_id IS NOT NULL;
  CREATE INDEX attempt_client ON attempt (client_id) WHERE client_id IS NOT NULL;
  `,
]
