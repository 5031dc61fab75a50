import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { flushFolder, makeFolder, writeAll } from '@birthmark/foundation/system'
import { asBackupFault, copyDatabase, REGISTRY_FILE } from './backup.ts'
import { type BackupSummary, partsOf, readBackup } from './backup-file.ts'
import { serverFault } from './faults.ts'

/**
 * Makes a data directory from a backup. Everything is written beside its place and flushed first: after a crash there
 * is either no data directory or the whole one.
 *
 * @param folder Must not exist, or be empty.
 * @throws `BACKUP_DAMAGED`, `RESTORE_WOULD_OVERWRITE`, faults of the file system
 */
export async function restore(file: string, folder: string): Promise<BackupSummary> {
  const summary = readBackup(file)
  const isThere = existsSync(folder)
  if (isThere && readdirSync(folder).length > 0) throw serverFault('RESTORE_WOULD_OVERWRITE', { path: folder })
  const draft = `${folder}.restoring`
  try {
    rmSync(draft, { recursive: true, force: true })
    makeFolder(dirname(join(draft, REGISTRY_FILE)))
    writeFiles(file, draft)
    await writeRegistry(file, join(draft, REGISTRY_FILE))
    if (isThere) rmSync(folder, { recursive: true })
    renameSync(draft, folder)
    flushFolder(dirname(folder))
    return summary
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw asBackupFault(error, folder)
  }
}

function writeFiles(file: string, draft: string): void {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    for (const row of database.prepare('SELECT path, mode FROM backup_file').all()) {
      const path = String(row['path'])
      if (normalize(path) !== path || path.startsWith('..') || path.startsWith('/')) {
        throw serverFault('BACKUP_DAMAGED', { path: file, why: 'a file in it leads elsewhere' })
      }
      const to = join(draft, path)
      makeFolder(dirname(to))
      const descriptor = openSync(to, 'wx', 0o600)
      try {
        for (const part of partsOf(database, path)) writeAll(descriptor, part)
        fsyncSync(descriptor)
      } finally {
        closeSync(descriptor)
      }
      chmodSync(to, Number(row['mode']))
      flushFolder(dirname(to))
    }
  } finally {
    database.close()
  }
}

async function writeRegistry(file: string, to: string): Promise<void> {
  closeSync(openSync(to, 'wx', 0o600))
  await copyDatabase(file, to)
  const database = new DatabaseSync(to)
  try {
    database.exec('DROP TABLE backup_part; DROP TABLE backup_file; DROP TABLE backup_made; VACUUM')
  } finally {
    database.close()
  }
  flushFolder(dirname(to))
}
