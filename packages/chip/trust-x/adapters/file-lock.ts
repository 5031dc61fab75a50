import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { asFileFault, readTextFile } from '@birthmark/foundation/system'
import { chipFileFault } from './faults.ts'

/** One process's right to a file, held as a file `<path>.lock` that names the process. */
export interface FileLock {
  /** @throws `CHIP_FILE_LOCK_LOST` when somebody took the lock file away */
  check(): void
  release(): void
}

/**
 * Takes the lock of a file; that of a process which is dead is taken over. A process is known by its number and, on
 * Linux, the moment it started, because numbers come round again.
 *
 * @throws `CHIP_FILE_IN_USE`, and the faults of the file system
 */
export function lockFile(path: string): FileLock {
  const lockPath = `${path}.lock`
  const mine = `${process.pid} ${startOf(process.pid)} ${++locksTaken}\n`
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (createExclusively(lockPath, mine)) {
      return { check: () => checkLock(path, lockPath, mine), release: () => releaseLock(lockPath, mine) }
    }
    const theirs = readTextFile(lockPath)
    if (theirs === undefined) continue
    if (isAlive(theirs)) throw chipFileFault('CHIP_FILE_IN_USE', { path, pid: pidOf(theirs) })
    removeStale(lockPath, theirs)
  }
  throw chipFileFault('CHIP_FILE_IN_USE', { path, pid: pidOf(readTextFile(lockPath) ?? '') })
}

function createExclusively(lockPath: string, content: string): boolean {
  try {
    const descriptor = openSync(lockPath, 'wx', 0o600)
    try {
      writeSync(descriptor, content)
    } finally {
      closeSync(descriptor)
    }
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw asFileFault(error, lockPath)
  }
}

/**
 * Moves a dead process's lock aside. Between reading and moving, another process may have done the same and taken the
 * lock: then what was moved is a living lock and goes back.
 */
function removeStale(lockPath: string, stale: string): void {
  const aside = `${lockPath}.${process.pid}`
  try {
    renameSync(lockPath, aside)
  } catch {
    return // Somebody else was quicker; the next try finds out who.
  }
  const moved = readTextFile(aside)
  if (moved !== undefined && moved !== stale) createExclusively(lockPath, moved)
  rmSync(aside, { force: true })
}

function checkLock(path: string, lockPath: string, mine: string): void {
  if (readTextFile(lockPath) !== mine) throw chipFileFault('CHIP_FILE_LOCK_LOST', { path })
}

function releaseLock(lockPath: string, mine: string): void {
  if (readTextFile(lockPath) === mine) rmSync(lockPath, { force: true })
}

/** An owner that cannot be read was killed before it wrote its name. */
function isAlive(content: string): boolean {
  const pid = pidOf(content)
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: the process is there but belongs to another user.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return content.split(' ')[1] === startOf(pid)
}

function pidOf(content: string): number {
  const pid = Number(content.split(' ')[0])
  return Number.isSafeInteger(pid) && pid > 0 ? pid : 0
}

/** When a process started, in the kernel's ticks; `-` where that is not known. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc(5): the fields follow the name in parentheses, which may hold spaces; the start time is number 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-'
  } catch {
    return '-'
  }
}

/** Takes two at most; more means that other processes take and leave the lock at this very moment. */
const TRIES_MAX = 5

/** Tells the locks of one process apart. */
let locksTaken = 0
