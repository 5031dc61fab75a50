import { closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { asFileFault, flushFolder } from '@birthmark/foundation/system'

/**
 * Creates an empty file that only this user may read, durably; one that is there stays as it is and is not opened.
 *
 * @returns whether it was created
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export function createPrivateFile(path: string): boolean {
  try {
    const descriptor = openSync(path, 'wx', 0o600)
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    flushFolder(dirname(path))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw asFileFault(error, path)
  }
}
