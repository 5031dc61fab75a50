import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import type { Instant } from '@birthmark/foundation/kernel'
import { asFileFault, flushFolder, makeFolder, readTextFile } from '@birthmark/foundation/system'
import { BACKUP_FORMAT, BACKUP_TABLES, type BackupSummary, PART_BYTES, readBackup } from './backup-file.ts'
import { serverFault } from './faults.ts'

/**
 * Copies a data directory into one file while its server runs: the registry as of one moment, then the databases and
 * files beside it. What the registry knows of the authority's certificates is in the authority's journal already, so it
 * is read after the registry. The copy is read back and checked before it gets its name.
 *
 * @param file Must not exist.
 * @throws `DATA_FOLDER_EMPTY`, `BACKUP_EXISTS`, `BACKUP_DAMAGED`, faults of the file system
 */
export async function backUp(folder: string, file: string, now: Instant): Promise<BackupSummary> {
  const registry = join(folder, REGISTRY_FILE)
  if (readTextFile(join(folder, 'account.json')) === undefined || !existsSync(registry)) {
    throw serverFault('DATA_FOLDER_EMPTY', { path: folder })
  }
  if (existsSync(file)) throw serverFault('BACKUP_EXISTS', { path: file })
  const draft = `${file}.new`
  makeFolder(dirname(draft))
  try {
    rmSync(draft, { force: true })
    closeSync(openSync(draft, 'wx', 0o600))
    await copyDatabase(registry, draft)
    await addFiles(folder, draft, now)
    const summary = readBackup(draft)
    if (existsSync(file)) throw serverFault('BACKUP_EXISTS', { path: file })
    renameSync(draft, file)
    flushFolder(dirname(file))
    return summary
  } catch (error) {
    rmSync(draft, { force: true })
    throw asBackupFault(error, file)
  }
}

/** Copies a database as of one moment, while others read and write it. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true })
  try {
    await backup(source, to, { rate: PAGES_AT_ONCE })
  } finally {
    source.close()
  }
}

/** Translates what SQLite and the file system say. */
export function asBackupFault(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || 'blame' in error) return error
  if (error.code === 'ERR_SQLITE_ERROR') return serverFault('BACKUP_DAMAGED', { path, why: error.message }, error)
  return asFileFault(error, path)
}

async function addFiles(folder: string, draft: string, now: Instant): Promise<void> {
  const database = new DatabaseSync(draft)
  const scratch = `${draft}.part`
  try {
    database.exec(`PRAGMA journal_mode = DELETE; ${BACKUP_TABLES}`)
    for (const path of filesIn(folder, '')) {
      const from = join(folder, path)
      const { mode } = statSync(from)
      if (!path.endsWith('.db')) {
        addFile(database, path, from, mode)
        continue
      }
      rmSync(scratch, { force: true })
      closeSync(openSync(scratch, 'wx', 0o600))
      await copyDatabase(from, scratch)
      addFile(database, path, scratch, mode)
    }
    database.prepare('INSERT INTO backup_made VALUES (?, ?)').run(BACKUP_FORMAT, now)
  } finally {
    database.close()
    rmSync(scratch, { force: true })
  }
}

/** Adds a file in parts: one that is appended to meanwhile is taken as long as it was, up to the end of a line. */
function addFile(database: DatabaseSync, path: string, from: string, mode: number): void {
  const insert = database.prepare('INSERT INTO backup_part VALUES (?, ?, ?)')
  const hash = createHash('sha256')
  const descriptor = openSync(from, 'r')
  database.exec('BEGIN')
  try {
    const size = wholeLines(descriptor, path, statSync(from).size)
    const buffer = Buffer.alloc(PART_BYTES)
    for (let at = 0, part = 0; at < size; part += 1) {
      const length = readSync(descriptor, buffer, 0, Math.min(PART_BYTES, size - at), at)
      if (length === 0) break
      hash.update(buffer.subarray(0, length))
      insert.run(path, part, buffer.subarray(0, length))
      at += length
    }
    database.prepare('INSERT INTO backup_file VALUES (?, ?, ?)').run(path, mode & 0o777, hash.digest())
    database.exec('COMMIT')
  } finally {
    closeSync(descriptor)
  }
}

/** Gives how much of a journal is whole lines; other files are whole as they are. */
function wholeLines(descriptor: number, path: string, size: number): number {
  if (!path.endsWith('.jsonl')) return size
  const byte = Buffer.alloc(1)
  for (let end = size; end > 0; end -= 1) {
    readSync(descriptor, byte, 0, 1, end - 1)
    if (byte[0] === 0x0a) return end
  }
  return 0
}

/** Lists what belongs into a backup, beside the registry: no sockets, no locks, nothing that is made anew. */
function filesIn(folder: string, below: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) found.push(...filesIn(folder, path))
    else if (entry.isFile() && path !== REGISTRY_FILE && !MADE_ANEW.test(path)) found.push(path)
  }
  return found.toSorted()
}

/** The registry inside a data directory. */
export const REGISTRY_FILE = 'registry/registry.db'
const MADE_ANEW = /(^run\/|\.lock(-journal)?$|-shm$|-wal$|-journal$|\.jsonl\.index$|\.new$)/
/** Pages that are copied before others get their turn: 4 MiB. */
const PAGES_AT_ONCE = 1024
