import { closeSync, constants, openSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { asFileFault, flushFolder } from '@birthmark/foundation/system'
import { ledgerFault } from './faults.ts'

/** What a chained log needs from a disk. A port, so that tests can make each call fail. */
export interface ChainFile {
  /** Gives the size in bytes as it was when the file was opened. */
  readonly sizeAtOpen: number
  /** Reads up to `count` bytes from offset `at`; fewer only at the end of the file. */
  read(at: number, count: number): Promise<Uint8Array>
  /** Writes every byte at the end of the file. */
  append(bytes: Uint8Array): Promise<void>
  /** Returns when everything written is on the disk. */
  flush(): Promise<void>
  /** Cuts the file to `size` bytes. */
  truncate(size: number): Promise<void>
  /** Lets go of the file and of its lock. */
  close(): Promise<void>
}

/**
 * Opens a file for appending, made with mode 0600 when absent, and keeps every other process out until it is closed.
 *
 * @throws `LEDGER_IN_USE`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export async function openChainFile(path: string): Promise<ChainFile> {
  const unlock = lockFile(path)
  try {
    const file = await open(path, APPENDING, 0o600)
    flushFolder(dirname(path))
    const { size } = await file.stat()
    // What stands there may have been written by a process that did not come to flush it.
    let isBehind = true
    return {
      sizeAtOpen: size,
      read: (at, count) => translated(path, readFrom(file, at, count)),
      append: (bytes) => translated(path, file.appendFile(bytes)),
      flush: async () => {
        if (!isBehind) return
        await translated(path, file.datasync())
        isBehind = !IS_WRITTEN_THROUGH
      },
      truncate: (to) => {
        isBehind = true
        return translated(path, file.truncate(to))
      },
      close: async () => {
        await translated(path, file.close())
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw asFileFault(error, path)
  }
}

/**
 * Opens a file for reading only, beside a process that may be appending.
 *
 * @throws `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`
 */
export async function openForReading(path: string): Promise<Pick<ChainFile, 'sizeAtOpen' | 'read' | 'close'>> {
  try {
    const file = await open(path, 'r')
    const { size } = await file.stat()
    return {
      sizeAtOpen: size,
      read: (at, count) => translated(path, readFrom(file, at, count)),
      close: () => translated(path, file.close()),
    }
  } catch (error) {
    throw asFileFault(error, path)
  }
}

async function readFrom(file: FileHandle, at: number, count: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(count)
  let filled = 0
  while (filled < count) {
    const { bytesRead } = await file.read(buffer, filled, count - filled, at + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

async function translated<Value>(path: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (error) {
    throw asFileFault(error, path)
  }
}

/**
 * Takes the lock of `path`. Node has no file lock of its own; SQLite's is the kernel's (fcntl), so it is gone with the
 * process however it dies, which the process number in a file never is. The empty `<path>.lock` stays behind.
 */
function lockFile(path: string): () => void {
  const lock = `${path}.lock`
  createEmpty(lock)
  const database = new DatabaseSync(lock, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
    return () => database.close()
  } catch (error) {
    database.close()
    throw ledgerFault('LEDGER_IN_USE', { path }, error)
  }
}

/**
 * Makes an empty file for this user, if there is none. One that is there is not even opened: POSIX gives up a
 * process's locks on a file when it closes any descriptor of it, and this process may hold the lock already.
 */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw asFileFault(error, path)
  }
}

/**
 * Whether each write returns when it is on the disk, as after fdatasync: one call where there would be two. Linux
 * promises that of O_DSYNC (open(2)); elsewhere a flush can do more than the flag.
 */
const IS_WRITTEN_THROUGH = process.platform === 'linux'

const APPENDING =
  constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | (IS_WRITTEN_THROUGH ? constants.O_DSYNC : 0)
