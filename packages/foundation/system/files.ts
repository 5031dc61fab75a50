import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Fault, faults, type Raise } from '../kernel/index.ts'

export const FILE_FAULTS = {
  FILE_NOT_PERMITTED: {
    blame: 'operator',
    message: 'no permission to use {path}',
    remedy: 'Give this user the right to read and write there, or name another place.',
  },
  DISK_FULL: {
    blame: 'operator',
    message: 'no space is left to write {path}',
    remedy: 'Free some space on that disk and run the command again; what was acknowledged before is kept.',
  },
  FILE_UNUSABLE: {
    blame: 'operator',
    message: 'cannot use {path}: {why}',
    remedy: 'Check the path and the disk, then run the command again.',
  },
} as const
export const fileFault: Raise<typeof FILE_FAULTS> = faults(FILE_FAULTS)

/**
 * Replaces a file so that a reader sees the old content or the new, also after a crash: writes beside it, flushes to
 * disk, renames, flushes the folder.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export function replaceFile(
  path: string,
  content: Uint8Array | string,
  options: { readonly mode?: number } = {},
): void {
  const draft = `${path}.new`
  try {
    // What a crash left there, or somebody put there, has its own mode or leads elsewhere: it is not written into.
    rmSync(draft, { force: true })
    const descriptor = openSync(draft, 'wx', options.mode ?? 0o600)
    try {
      writeAll(descriptor, typeof content === 'string' ? Buffer.from(content) : content)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draft, path)
    flushFolder(dirname(path))
  } catch (error) {
    discardDraft(draft)
    throw asFileFault(error, path)
  }
}

/**
 * Does what {@link replaceFile} does, in constant memory, for content that comes in parts. When `parts` throws, the
 * file that was there stays.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`, and every fault that `parts` throws
 */
export async function replaceFileInParts(
  path: string,
  parts: AsyncIterable<string>,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const draft = `${path}.new`
  try {
    await rm(draft, { force: true })
    const file = await open(draft, 'wx', options.mode ?? 0o600)
    try {
      await file.writeFile(piecesOf(parts))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
    flushFolder(dirname(path))
  } catch (error) {
    discardDraft(draft)
    throw error instanceof Fault ? error : asFileFault(error, path)
  }
}

/** Joins small parts: each write is a call to the disk's threads, which costs more than a line of text does. */
async function* piecesOf(parts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let piece = ''
  for await (const part of parts) {
    piece += part
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

/** Removes a draft where that can be done; why it was not finished is what the caller must hear. */
function discardDraft(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // It never came to be (a file stands where its folder should), or its folder takes no changes.
  }
}

/**
 * Makes a folder and those above it, for this user only.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`
 */
export function makeFolder(path: string): string {
  try {
    makeFolders(resolve(path))
    return path
  } catch (error) {
    throw asFileFault(error, path)
  }
}

/** Not Node's own `recursive`: it never ends where a file system refuses a folder with ENOENT, as /proc does. */
function makeFolders(path: string): void {
  try {
    return makeOneFolder(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
  }
  makeFolders(dirname(path))
  makeOneFolder(path)
}

function makeOneFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error
  }
}

/**
 * Reads a text file; `undefined` when there is none.
 *
 * @throws `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`
 */
export function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw asFileFault(error, path)
  }
}

/** Writes every byte to an open file: one `write` may take fewer. */
export function writeAll(descriptor: number, content: Uint8Array): void {
  for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at)
}

/** Flushes a folder's entries to disk, so that a rename in it survives a power cut. */
export function flushFolder(path: string): void {
  const descriptor = openSync(join(path, '.'), 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Translates what the file system said about `path` into one of {@link FILE_FAULTS}. */
export function asFileFault(error: unknown, path: string): Fault {
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return fileFault('FILE_NOT_PERMITTED', { path }, error)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return fileFault('DISK_FULL', { path }, error)
  return fileFault('FILE_UNUSABLE', { path, why: reasonOf(code) }, error)
}

function reasonOf(code: string | undefined): string {
  return REASONS.get(code ?? '') ?? code ?? 'the file system refused'
}

/** Characters that are written at once: large enough that the calls cost little, small enough for any memory. */
const PIECE_CHARACTERS = 65_536

/** What some of the system's error codes mean for a path. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'the folder it should be in is not there (ENOENT)'],
  ['ENOTDIR', 'a part of the path is a file and not a folder (ENOTDIR)'],
  ['EEXIST', 'something else of that name is there already (EEXIST)'],
  ['EISDIR', 'it is a folder (EISDIR)'],
  ['ENAMETOOLONG', 'the name is too long (ENAMETOOLONG)'],
  ['EMFILE', 'too many files are open (EMFILE)'],
  ['EIO', 'the disk failed (EIO)'],
])

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
