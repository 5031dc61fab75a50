import { closeSync, openSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Fault, type Instant, instant } from '@birthmark/foundation/kernel'
import { asFileFault, fileFault } from '@birthmark/foundation/system'
import { REVOCATION_REASONS, type RevocationReason, type RevokedCertificate } from '@birthmark/foundation/x509'
import { REVOCATION_REASON_NAMES } from './journal-records.ts'

/** Where a record stands in the journal. */
export interface JournalPlace {
  readonly seq: number
  readonly place: { readonly at: number; readonly bytes: number }
}

/** What is known of one serial number. */
export interface CertificateRow {
  /** The number of its first record in the journal. */
  readonly seq: number
  readonly serial: string
  /**
   * `open`: the certificate may exist and was given to nobody. `voided`: the same, and another one replaced it.
   * `known`: from before this journal.
   */
  readonly state: CertificateState
  /** Where its intent stands; of a `known` one, its only record. */
  readonly intent: JournalPlace
  readonly result?: JournalPlace
  /** Since when it must not be trusted, because it was revoked or, `superseded`, replaced. */
  readonly ended?: { readonly at: Instant; readonly reason: RevocationReason }
  /** Whether somebody revoked it. */
  readonly isRevoked: boolean
}

/** What the journal has of a certificate. */
export type CertificateState = (typeof STATES)[number]

/** An order, as JSON text, and how many of its certificates exist or may. */
export interface OrderRow {
  readonly id: string
  readonly text: string
  readonly used: number
}

/** Certificates that share revocation lists. */
export interface Shard {
  /** From 1 on. */
  readonly number: number
  /** Where its full list is. */
  readonly url: string
  /** How many there are, or may be. */
  readonly certificates: number
  /** The number of the last full list, and of the record that says so. */
  readonly base?: { readonly number: number; readonly seq: number }
}

const STATES = ['open', 'issued', 'voided', 'known'] as const

/**
 * The index beside a journal: SQLite tables that hold nothing which the journal does not say, so that a certificate
 * among ten million is found at once and little is kept in memory. What is applied is seen at once here, and on the
 * disk after {@link commit}; a crash leaves the tables behind the journal, never ahead of what it has on the disk.
 * See docs/adr/0010-authority-store.md.
 */
export class JournalTables {
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #statements: Statements
  #isChanging = false

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path
    this.#database = database
    this.#statements = prepare(database)
  }

  /**
   * Opens the tables, made anew when they are absent or cannot be read.
   *
   * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
   */
  static open(path: string): JournalTables {
    try {
      return JournalTables.#open(path)
    } catch (error) {
      if (error instanceof Fault) throw error
      return JournalTables.openAnew(path)
    }
  }

  /** Forgets what is there and opens empty tables. @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` */
  static openAnew(path: string): JournalTables {
    try {
      for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
      return JournalTables.#open(path)
    } catch (error) {
      throw error instanceof Fault ? error : asFileFault(error, path)
    }
  }

  static #open(path: string): JournalTables {
    createPrivate(path)
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
    try {
      database.exec(PRAGMAS)
      if (database.prepare('PRAGMA user_version').get()?.['user_version'] !== FORM) database.exec(SCHEMA)
      return new JournalTables(path, database)
    } catch (error) {
      database.close()
      const fault = diskFault(error, path)
      throw fault ?? error
    }
  }

  /** The text that the last {@link commit} kept. */
  get mark(): string | undefined {
    const text = this.#database.prepare('SELECT text FROM mark').get()?.['text']
    return typeof text === 'string' ? text : undefined
  }

  orders(): OrderRow[] {
    const rows = this.#database.prepare('SELECT id, text, used FROM "order"').all()
    return rows.map(({ id, text, used }) => ({ id: String(id), text: String(text), used: Number(used) }))
  }

  shards(): Shard[] {
    return this.#database.prepare('SELECT * FROM shard ORDER BY number').all().map(readShard)
  }

  /** Gives what is known of a serial number. */
  bySerial(serial: string): CertificateRow | undefined {
    const row = this.#statements.bySerial.get(Buffer.from(serial, 'hex'))
    return row && readRow(row)
  }

  /** Gives those asked for under a request number, the last first: different requests may share one. */
  byRequest(request: number): CertificateRow[] {
    return this.#statements.byRequest.all(request).map(readRow)
  }

  /** Gives the intents without a result that nothing replaced. */
  open(): CertificateRow[] {
    return this.#database.prepare(`SELECT * FROM certificate WHERE state = 0 ORDER BY seq`).all().map(readRow)
  }

  voided(): string[] {
    const rows = this.#database.prepare('SELECT serial FROM certificate WHERE state = 2 ORDER BY seq').all()
    return rows.map((row) => hexOf(row['serial']))
  }

  /**
   * Gives what must not be trusted, in the order in which it came to be so.
   *
   * @param scope A shard, and the number of the record after which it ended; all of them unless given.
   */
  ended({ shard, after = -1 }: { readonly shard?: number; readonly after?: number } = {}): RevokedCertificate[] {
    const { ended, endedOfShard } = this.#statements
    const rows = shard === undefined ? ended.all(after) : endedOfShard.all(shard, after)
    return rows.map((row) => ({ serial: hexOf(row['serial']), ...readEnd(row) }))
  }

  /** Gives some of them, the last first. */
  lastEnded(count: number, skip: number): RevokedCertificate[] {
    const rows = this.#database.prepare(LAST_ENDED).all(count, skip)
    return rows.map((row) => ({ serial: hexOf(row['serial']), ...readEnd(row) }))
  }

  /** Adds a certificate that exists or may. @returns Whether its serial number is new. */
  add(row: {
    readonly serial: string
    readonly at: JournalPlace
    readonly state: 'open' | 'known'
    readonly shard: number | undefined
    readonly request: number | undefined
  }): boolean {
    const { serial, at, state, shard = NO_SHARD, request } = row
    const { seq, place } = at
    const values = [
      seq,
      Buffer.from(serial, 'hex'),
      request ?? null,
      shard,
      place.at,
      place.bytes,
      STATES.indexOf(state),
    ]
    return this.#change(() => this.#statements.add.run(...values)).changes === 1
  }

  complete(seq: number, { seq: resultSeq, place }: JournalPlace): void {
    this.#change(() => this.#statements.complete.run(resultSeq, place.at, place.bytes, seq))
  }

  /** Says that a certificate was replaced by another. @param by The number of the record that says so. */
  replace(seq: number, by: number, at: Instant): void {
    this.#change(() => this.#statements.replace.run(by, at, REVOCATION_REASONS.superseded, seq))
  }

  /** @param by The number of the record that says so. */
  revoke(serial: string, by: number, at: Instant, reason: RevocationReason): void {
    const code = REVOCATION_REASONS[reason]
    this.#change(() => this.#statements.revoke.run(by, at, code, Buffer.from(serial, 'hex')))
  }

  /** Writes what was changed to the disk, together with what is kept elsewhere. @throws `DISK_FULL`, `FILE_UNUSABLE` */
  commit(mark: string, orders: Iterable<OrderRow>, shards: Iterable<Shard>): void {
    this.#change(() => {
      for (const { number, url, certificates, base } of shards) {
        this.#statements.shard.run(number, url, certificates, base?.number ?? null, base?.seq ?? null)
      }
      for (const { id, text, used } of orders) this.#statements.order.run(id, text, used)
      this.#statements.mark.run(mark)
      this.#database.exec('COMMIT')
      this.#isChanging = false
    })
  }

  /** What was not committed is forgotten. */
  close(): void {
    this.#database.close()
  }

  #change<Value>(work: () => Value): Value {
    try {
      if (!this.#isChanging) this.#database.exec('BEGIN')
      this.#isChanging = true
      return work()
    } catch (error) {
      throw diskFault(error, this.#path) ?? error
    }
  }
}

/**
 * Makes a file for this user only, if there is none: SQLite gives the files beside it the same mode.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw asFileFault(error, path)
  }
}

/** Says what SQLite found wrong with the disk; `undefined` for everything else (https://sqlite.org/rescode.html). */
function diskFault(error: unknown, path: string): Fault | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  if (error.errcode === IOERR_SHMSIZE) return fileFault('DISK_FULL', { path }, error)
  const fault = DISK_FAULTS.get(error.errcode & 0xff)
  return fault && fileFault(fault, { path, why: error.message }, error)
}

/** SQLITE_PERM, SQLITE_BUSY, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN. */
const DISK_FAULTS: ReadonlyMap<number, 'FILE_NOT_PERMITTED' | 'FILE_UNUSABLE' | 'DISK_FULL'> = new Map([
  [3, 'FILE_NOT_PERMITTED'],
  [5, 'FILE_UNUSABLE'],
  [8, 'FILE_NOT_PERMITTED'],
  [10, 'FILE_UNUSABLE'],
  [13, 'DISK_FULL'],
  [14, 'FILE_UNUSABLE'],
])

/** No room to grow the index of the write-ahead log: of all I/O errors the one that says the disk is full. */
const IOERR_SHMSIZE = 4874

/** Reads a row of the table `certificate`. */
export function readRow(row: Readonly<Record<string, unknown>>): CertificateRow {
  const { seq, serial, at, bytes, resultSeq, resultAt, resultBytes, state, endedSeq, isRevoked } = row
  const result = { seq: Number(resultSeq), place: { at: Number(resultAt), bytes: Number(resultBytes) } }
  return {
    seq: Number(seq),
    serial: hexOf(serial),
    state: STATES[Number(state)] ?? 'open',
    intent: { seq: Number(seq), place: { at: Number(at), bytes: Number(bytes) } },
    ...(resultSeq !== null && { result }),
    ...(endedSeq !== null && { ended: readEnd(row) }),
    isRevoked: isRevoked === 1,
  }
}

function readShard({ number, url, certificates, base, baseSeq }: Readonly<Record<string, unknown>>): Shard {
  return {
    number: Number(number),
    url: String(url),
    certificates: Number(certificates),
    ...(base !== null && { base: { number: Number(base), seq: Number(baseSeq) } }),
  }
}

function readEnd({ endedAt, reason }: Readonly<Record<string, unknown>>): Omit<RevokedCertificate, 'serial'> {
  const name = REVOCATION_REASON_NAMES.find((candidate) => REVOCATION_REASONS[candidate] === reason)
  return { at: instant(Number(endedAt)), reason: name ?? 'unspecified' }
}

function hexOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : ''
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>

function prepare(database: DatabaseSync): Statements {
  const { bySerial, byRequest, ended, endedOfShard, add, complete, replace, revoke, order, shard, mark } = SQL
  return {
    bySerial: database.prepare(bySerial),
    byRequest: database.prepare(byRequest),
    ended: database.prepare(ended),
    endedOfShard: database.prepare(endedOfShard),
    add: database.prepare(add),
    complete: database.prepare(complete),
    replace: database.prepare(replace),
    revoke: database.prepare(revoke),
    order: database.prepare(order),
    shard: database.prepare(shard),
    mark: database.prepare(mark),
  }
}

/** What finds a certificate by its serial number, here and where only the state of a certificate is told. */
export const SELECT_BY_SERIAL = 'SELECT * FROM certificate WHERE serial = ?'

const LAST_ENDED =
  'SELECT serial, endedAt, reason FROM certificate WHERE endedSeq IS NOT NULL ORDER BY endedSeq DESC LIMIT ? OFFSET ?'

const SQL = {
  bySerial: SELECT_BY_SERIAL,
  byRequest: 'SELECT * FROM certificate WHERE request = ? ORDER BY seq DESC',
  ended: 'SELECT serial, endedAt, reason FROM certificate WHERE endedSeq > ? ORDER BY endedSeq',
  endedOfShard: 'SELECT serial, endedAt, reason FROM certificate WHERE shard = ? AND endedSeq > ? ORDER BY endedSeq',
  add:
    'INSERT INTO certificate (seq, serial, request, shard, at, bytes, state) VALUES (?, ?, ?, ?, ?, ?, ?)' +
    ' ON CONFLICT DO NOTHING',
  complete: 'UPDATE certificate SET state = 1, resultSeq = ?, resultAt = ?, resultBytes = ? WHERE seq = ?',
  replace:
    'UPDATE certificate SET state = 2, endedSeq = coalesce(endedSeq, ?), endedAt = coalesce(endedAt, ?),' +
    ' reason = coalesce(reason, ?) WHERE seq = ?',
  revoke: 'UPDATE certificate SET isRevoked = 1, endedSeq = ?, endedAt = ?, reason = ? WHERE serial = ?',
  order: 'INSERT OR REPLACE INTO "order" (id, text, used) VALUES (?, ?, ?)',
  shard: 'INSERT OR REPLACE INTO shard (number, url, certificates, base, baseSeq) VALUES (?, ?, ?, ?, ?)',
  mark: 'INSERT OR REPLACE INTO mark (id, text) VALUES (1, ?)',
} as const

/** Stands for the shard of a certificate that names none. */
const NO_SHARD = 0

/** How long one side waits for the other; a transaction takes a few milliseconds. */
const BUSY_TIMEOUT_MS = 5_000

/** The form of the tables; those of another one are made anew. */
const FORM = 1

/** Dropping goes first: of another form, nothing is kept. */
const SCHEMA = `
  BEGIN;
  DROP TABLE IF EXISTS mark;
  DROP TABLE IF EXISTS "order";
  DROP TABLE IF EXISTS shard;
  DROP TABLE IF EXISTS certificate;
  CREATE TABLE mark (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
  CREATE TABLE "order" (id TEXT PRIMARY KEY, text TEXT NOT NULL, used INTEGER NOT NULL);
  CREATE TABLE shard (
    number INTEGER PRIMARY KEY, url TEXT NOT NULL, certificates INTEGER NOT NULL, base INTEGER, baseSeq INTEGER
  );
  CREATE TABLE certificate (
    seq INTEGER PRIMARY KEY, serial BLOB NOT NULL, request INTEGER, shard INTEGER NOT NULL,
    at INTEGER NOT NULL, bytes INTEGER NOT NULL, state INTEGER NOT NULL,
    resultSeq INTEGER, resultAt INTEGER, resultBytes INTEGER,
    endedSeq INTEGER, endedAt INTEGER, reason INTEGER, isRevoked INTEGER NOT NULL DEFAULT 0
  );
  CREATE UNIQUE INDEX certificateBySerial ON certificate (serial);
  CREATE INDEX certificateByRequest ON certificate (request) WHERE request IS NOT NULL;
  CREATE INDEX openCertificates ON certificate (seq) WHERE state = 0;
  CREATE INDEX voidedCertificates ON certificate (seq) WHERE state = 2;
  CREATE INDEX endedCertificates ON certificate (shard, endedSeq) WHERE endedSeq IS NOT NULL;
  PRAGMA user_version = ${FORM};
  COMMIT;
`

/**
 * The journal is what is durable: the tables need not be, as long as each transaction is whole (`synchronous=NORMAL`
 * in WAL mode). The cache takes 64 MiB at most; the log is folded into the tables every 64 MiB.
 */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA cache_size = -65536;
  PRAGMA wal_autocheckpoint = 16384;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA trusted_schema = OFF;
`
