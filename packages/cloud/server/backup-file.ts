import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { serverFault } from './faults.ts'

/** What a backup holds. */
export interface BackupSummary {
  /** When it was made, in ms. */
  readonly madeAt: number
  /** The files beside the registry, by their paths in the data directory. */
  readonly files: readonly string[]
  readonly things: number
  readonly certificates: number
}

/** A backup is a copy of the registry with these tables besides: every other file of the data directory, in parts. */
export const BACKUP_TABLES = `
  CREATE TABLE backup_made (format INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE backup_file (path TEXT PRIMARY KEY, mode INTEGER NOT NULL, sha256 BLOB NOT NULL) STRICT;
  CREATE TABLE backup_part (path TEXT NOT NULL, part INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (path, part)) STRICT;
`
/** The form of backup that this program writes and reads. */
export const BACKUP_FORMAT = 1
/** Length of a part, in bytes: what is in memory at a time. */
export const PART_BYTES = 1_048_576

/**
 * Reads a backup whole and checks it: SQLite's own structure, and the hash of every file.
 *
 * @throws `BACKUP_DAMAGED`
 */
export function readBackup(path: string): BackupSummary {
  if (!existsSync(path)) throw serverFault('BACKUP_DAMAGED', { path, why: 'there is no such file' })
  const database = openReadOnly(path)
  try {
    const ok = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']
    if (ok !== 'ok') throw serverFault('BACKUP_DAMAGED', { path, why: String(ok).slice(0, 200) })
    const made = database.prepare('SELECT format, at FROM backup_made').get()
    if (made?.['format'] !== BACKUP_FORMAT) throw serverFault('BACKUP_DAMAGED', { path, why: 'it has another format' })
    const files = database.prepare('SELECT path, sha256 FROM backup_file ORDER BY path').all()
    for (const file of files) requireHash(database, path, String(file['path']), file['sha256'])
    const countOf = (table: string): number =>
      Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
    return {
      madeAt: Number(made['at']),
      files: files.map((file) => String(file['path'])),
      things: countOf('thing'),
      certificates: countOf('certificate'),
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR') {
      throw serverFault('BACKUP_DAMAGED', { path, why: error.message }, error)
    }
    throw error
  } finally {
    database.close()
  }
}

/** Gives the parts of a file in a backup, in order. */
export function* partsOf(database: DatabaseSync, file: string): Generator<Uint8Array> {
  const rows = database.prepare('SELECT content FROM backup_part WHERE path = ? ORDER BY part').iterate(file)
  for (const { content } of rows) if (content instanceof Uint8Array) yield content
}

function openReadOnly(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly: true })
  } catch (error) {
    throw serverFault('BACKUP_DAMAGED', { path, why: 'it cannot be opened' }, error)
  }
}

function requireHash(database: DatabaseSync, path: string, file: string, due: unknown): void {
  const hash = createHash('sha256')
  for (const part of partsOf(database, file)) hash.update(part)
  if (due instanceof Uint8Array && hash.digest().equals(due)) return
  throw serverFault('BACKUP_DAMAGED', { path, why: `${file} in it is not what was put in` })
}
