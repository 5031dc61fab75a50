import { closeSync, openSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { asFileFault } from '@birthmark/foundation/system'
import { HASH_BYTES } from './merkle.ts'
import { DEVICE_STAGES, type DeviceStage } from './records.ts'

/** A device as the index keeps it. */
export interface DeviceRow {
  readonly uid: string
  readonly order: string
  readonly stage: DeviceStage
  /** The key that was made for it; kept until the device is made or scrapped. */
  readonly publicKey?: Uint8Array
  /** SHA-256 of its certificate, hex, once it is made. */
  readonly fingerprint?: string
  /** Where its entries stand: `seq:at:bytes`, separated by blanks, in their order. */
  readonly places: string
}

/** Up to where an index knows its ledger, as one JSON text: what it means is the business of {@link LedgerIndex}. */
export type IndexMark = string

/** One complete or growing piece of {@link TILE_LEAVES} lines. */
export interface TileRow {
  readonly number: number
  /** Offset of its first line in the file. */
  readonly at: number
  /** The root over its leaves, once it is complete. */
  readonly root?: Uint8Array
}

/** What one transaction changes. */
export interface IndexChange {
  readonly mark: IndexMark
  readonly devices: Iterable<DeviceRow>
  readonly counts: Iterable<readonly [order: string, stage: DeviceStage, count: number]>
  readonly tiles: Iterable<TileRow>
}

/** Tables on disk that nobody else sees, and that are gone when they are closed (SQLite: the empty name). */
export const TEMPORARY = ''

/** How long one side waits for the other; a transaction takes a few milliseconds. */
const BUSY_TIMEOUT_MS = 5_000

/** Lines in one tile of the tree: a proof reads one tile again and the roots of the others. */
export const TILE_LEAVES = 256

/**
 * The tables beside a ledger. They hold nothing that the ledger does not say, so they may be deleted at any time; a
 * crash leaves them behind the ledger, never ahead of what is on the disk.
 */
export class IndexFile {
  readonly #database: DatabaseSync
  readonly #get: StatementSync
  readonly #stages: StatementSync
  readonly #put: StatementSync
  /**
   * Whether a transaction for reading is open. Each takes locks that cost more than what is read; as nobody else
   * writes, one sees everything up to the next change.
   */
  #isReading: boolean

  private constructor(database: DatabaseSync, isReading = false) {
    this.#database = database
    this.#isReading = isReading
    this.#get = database.prepare('SELECT * FROM device WHERE uid = ?')
    this.#stages = database.prepare('SELECT uid, stage FROM device WHERE uid IN (SELECT value FROM json_each(?))')
    this.#put = database.prepare(
      'INSERT INTO device VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET "order" = excluded."order",' +
        ' stage = excluded.stage, publicKey = excluded.publicKey, fingerprint = excluded.fingerprint,' +
        ' places = excluded.places',
    )
  }

  /** Opens the tables, made anew when absent, unreadable or of another form. @throws `FILE_UNUSABLE` and the like */
  static open(path: string): IndexFile {
    try {
      return IndexFile.#open(path)
    } catch {
      // Whatever stands there, the ledger says it better.
      return IndexFile.openAnew(path)
    }
  }

  /** Forgets what is there and opens empty tables. @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` */
  static openAnew(path: string): IndexFile {
    try {
      for (const end of path === TEMPORARY ? [] : ['', '-wal', '-shm'])
        rmSync(`${path}${end}`, { force: true, recursive: true })
      return IndexFile.#open(path)
    } catch (error) {
      throw asFileFault(error, path)
    }
  }

  /** Opens the tables as they are at this moment, beside who writes them; `undefined` when that cannot be. */
  static openSnapshot(path: string): IndexFile | undefined {
    try {
      const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
      database.exec('BEGIN')
      return new IndexFile(database, true)
    } catch {
      return undefined
    }
  }

  static #open(path: string): IndexFile {
    // Made here, because SQLite would make it for everybody to read.
    if (path !== TEMPORARY) closeSync(openSync(path, 'a', 0o600))
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
    try {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000')
      database.exec(SCHEMA)
      return new IndexFile(database)
    } catch (error) {
      database.close()
      throw error
    }
  }

  get mark(): IndexMark | undefined {
    const row = this.#database.prepare('SELECT text FROM mark').get()
    return row === undefined ? undefined : String(row['text'])
  }

  device(uid: string): DeviceRow | undefined {
    this.#beginReading()
    const row = this.#get.get(uid)
    return row === undefined ? undefined : readDevice(row)
  }

  /** Gives the stages of the devices with these numbers, as far as they are known: one transaction for all. */
  stages(uids: readonly string[]): Map<string, DeviceStage> {
    return new Map(this.#stages.all(JSON.stringify(uids)).map(({ uid, stage }) => [String(uid), stageOf(stage)]))
  }

  /** Gives up to `limit` devices in the order of their numbers, after the number `after`. */
  devices(filter: {
    readonly after: string
    readonly limit: number
    readonly order?: string
    readonly stage?: DeviceStage
  }): DeviceRow[] {
    const { after, limit, order, stage } = filter
    return this.#database
      .prepare(
        'SELECT * FROM device WHERE uid > ?1 AND (?2 IS NULL OR "order" = ?2) AND (?3 IS NULL OR stage = ?3)' +
          ' ORDER BY uid LIMIT ?4',
      )
      .all(after, order ?? null, stage ?? null, limit)
      .map(readDevice)
  }

  counts(): (readonly [order: string, stage: DeviceStage, count: number])[] {
    const rows = this.#database.prepare('SELECT * FROM count').all()
    return rows.map((row) => [String(row['order']), stageOf(row['stage']), Number(row['count'])] as const)
  }

  tiles(): TileRow[] {
    return this.#database
      .prepare('SELECT * FROM tile ORDER BY number')
      .all()
      .map((row) => {
        const root = row['root']
        const known = root instanceof Uint8Array && root.length === HASH_BYTES && { root }
        return { number: Number(row['number']), at: Number(row['at']), ...known }
      })
  }

  /** Makes a change as one piece. */
  change({ mark, devices, counts, tiles }: IndexChange): void {
    const database = this.#database
    if (this.#isReading) database.exec('COMMIT')
    this.#isReading = false
    database.exec('BEGIN')
    try {
      for (const { uid, order, stage, publicKey, fingerprint, places } of devices) {
        this.#put.run(uid, order, stage, publicKey ?? null, fingerprint ?? null, places)
      }
      const putCount = database.prepare('INSERT OR REPLACE INTO count VALUES (?, ?, ?)')
      for (const [order, stage, count] of counts) putCount.run(order, stage, count)
      const putTile = database.prepare('INSERT OR REPLACE INTO tile VALUES (?, ?, ?)')
      for (const { number, at, root } of tiles) putTile.run(number, at, root ?? null)
      database.prepare('INSERT OR REPLACE INTO mark VALUES (1, ?)').run(mark)
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    this.#database.close()
  }

  #beginReading(): void {
    if (this.#isReading) return
    this.#database.exec('BEGIN')
    this.#isReading = true
  }
}

function readDevice(row: Readonly<Record<string, unknown>>): DeviceRow {
  const { uid, order, stage, publicKey, fingerprint, places } = row
  return {
    uid: String(uid),
    order: String(order),
    stage: stageOf(stage),
    ...(publicKey instanceof Uint8Array && { publicKey }),
    ...(typeof fingerprint === 'string' && { fingerprint }),
    places: String(places),
  }
}

function stageOf(value: unknown): DeviceStage {
  return DEVICE_STAGES.find((stage) => stage === value) ?? 'scrapped'
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS device (
    uid TEXT PRIMARY KEY, "order" TEXT NOT NULL, stage TEXT NOT NULL, publicKey BLOB, fingerprint TEXT,
    places TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS count (
    "order" TEXT NOT NULL, stage TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY ("order", stage)
  );
  CREATE TABLE IF NOT EXISTS tile (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, root BLOB);
`
