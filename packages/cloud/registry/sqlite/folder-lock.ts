import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { asStoreFault } from './faults.ts'
import { createPrivateFile } from './private-file.ts'

/** The proof that a folder is ours alone, until {@link FolderLock.release} or the end of the process. */
export interface FolderLock {
  release(): void
}

/**
 * Locks a folder for this process. The lock is SQLite's own on an empty database beside the data: the operating system
 * drops it when the process dies, however it dies, so nothing is ever left to clean up.
 *
 * @throws `DATA_FOLDER_IN_USE`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, LOCK_FILE)
  createPrivateFile(path)
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw asStoreFault(error, folder)
  }
  return { release: () => database.close() }
}

/**
 * Stays empty. Nothing but SQLite may open it: closing any descriptor of a file drops every POSIX lock that the process
 * holds on it.
 */
const LOCK_FILE = 'registry.lock'
