import { type Fault, faults, type Raise } from '@birthmark/foundation/kernel'
import { asFileFault, fileFault } from '@birthmark/foundation/system'

/** What can be wrong with a registry on disk, beside the faults of every file (`FILE_FAULTS`). */
export const SQLITE_REGISTRY_FAULTS = {
  DATA_FOLDER_IN_USE: {
    blame: 'operator',
    message: 'another process, or another part of this one, has opened {path}',
    remedy: 'Stop the other server, or give this one a data folder of its own.',
  },
  REGISTRY_NEWER: {
    blame: 'operator',
    message: '{path} has version {found}; this program knows versions up to {known}',
    remedy: 'Start the newer program that wrote it. Nothing was changed.',
  },
  REGISTRY_FOREIGN: {
    blame: 'operator',
    message: '{path} is a database of another program',
    remedy: 'Name another data folder. Nothing was changed.',
  },
  REGISTRY_DAMAGED: {
    blame: 'operator',
    message: '{path} is damaged: {why}',
    remedy: 'Check the disk, keep a copy of the folder, and put a backup of it in its place.',
  },
  REGISTRY_CLOSED: {
    blame: 'caller',
    message: 'the registry is closed',
    remedy: 'Use the registry only before its close() is called.',
  },
  PAGE_TOKEN_INVALID: {
    blame: 'caller',
    message: 'the token does not come from this list',
    remedy: 'Send the token of the page before as it came, or leave it out to begin again.',
  },
  PAGE_LIMIT_INVALID: {
    blame: 'caller',
    message: 'a page of {limit} rows was asked for; 1 to {max} are possible',
    remedy: 'Ask for a page size in that range.',
  },
} as const

/** Makes a fault of {@link SQLITE_REGISTRY_FAULTS}. */
export const registryFault: Raise<typeof SQLITE_REGISTRY_FAULTS> = faults(SQLITE_REGISTRY_FAULTS)

/** Translates what SQLite or the file system said about the database at `path`; anything else comes back as it is. */
export function asStoreFault(error: unknown, path: string): unknown {
  const extended = resultCode(error)
  if (extended === IOERR_SHMSIZE) return fileFault('DISK_FULL', { path }, error)
  const code = extended === undefined ? undefined : extended & 0xff
  if (code === undefined) return hasSystemCode(error) ? asFileFault(error, path) : error
  return STORE_FAULTS.get(code)?.(path, error) ?? error
}

/** Gives SQLite's extended result code (https://sqlite.org/rescode.html); `undefined` for errors of another origin. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode
}

function hasSystemCode(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html) that say something about the disk. */
const SQLITE = { PERM: 3, BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

/** No room to grow the write-ahead log's index: of all I/O errors the one that says the disk is full. */
const IOERR_SHMSIZE = 4874

/** What each of them means for the registry. */
const STORE_FAULTS: ReadonlyMap<number, (path: string, cause: unknown) => Fault> = new Map([
  [SQLITE.PERM, (path, cause) => fileFault('FILE_NOT_PERMITTED', { path }, cause)],
  [SQLITE.BUSY, (path, cause) => registryFault('DATA_FOLDER_IN_USE', { path }, cause)],
  [SQLITE.READONLY, (path, cause) => fileFault('FILE_NOT_PERMITTED', { path }, cause)],
  [SQLITE.IOERR, (path, cause) => fileFault('FILE_UNUSABLE', { path, why: 'input or output error' }, cause)],
  [SQLITE.CORRUPT, (path, cause) => registryFault('REGISTRY_DAMAGED', { path, why: 'its pages disagree' }, cause)],
  [SQLITE.FULL, (path, cause) => fileFault('DISK_FULL', { path }, cause)],
  [SQLITE.CANTOPEN, (path, cause) => fileFault('FILE_UNUSABLE', { path, why: 'it cannot be opened' }, cause)],
  [SQLITE.NOTADB, (path, cause) => registryFault('REGISTRY_DAMAGED', { path, why: 'it is not a database' }, cause)],
])
