import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '@birthmark/foundation/kernel'
import { asFileFault, flushFolder, makeFolder } from '@birthmark/foundation/system'
import { authorityFault } from './faults.ts'

/**
 * Makes a folder that appears whole or not at all: it is filled beside its place and then moved there.
 *
 * @param folder Absent or empty; made for this user only.
 * @throws `AUTHORITY_EXISTS`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator), and what `fill` throws
 */
export async function makeWhole<Value>(folder: string, fill: (draft: string) => Promise<Value>): Promise<Value> {
  assertFree(folder)
  const draft = makeDraftFolder(folder)
  try {
    const value = await fill(draft)
    moveToPlace(draft, folder)
    return value
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw inPlaceOf(draft, folder, error)
  }
}

/** The draft is gone, and nobody named it: what went wrong in it is told of the folder that was asked for. */
function inPlaceOf(draft: string, folder: string, error: unknown): unknown {
  if (!(error instanceof Fault)) return error
  const { code, blame, message, remedy, spec, context } = error
  const moved = Object.entries(context).map(([name, value]) => [name, renamed(value)] as const)
  function renamed<Value>(value: Value): Value | string {
    return typeof value === 'string' ? value.replaceAll(draft, folder) : value
  }
  const definition = { blame, message: renamed(message), remedy: renamed(remedy), ...(spec !== undefined && { spec }) }
  return new Fault(code, definition, Object.fromEntries(moved), error)
}

function assertFree(folder: string): void {
  try {
    if (readdirSync(folder).length > 0) throw authorityFault('AUTHORITY_EXISTS', { folder })
  } catch (error) {
    if (error instanceof Fault) throw error
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw asFileFault(error, folder)
  }
}

function makeDraftFolder(folder: string): string {
  makeFolder(dirname(folder))
  try {
    return mkdtempSync(`${folder}.new-`)
  } catch (error) {
    throw asFileFault(error, folder)
  }
}

function moveToPlace(draft: string, folder: string): void {
  try {
    renameSync(draft, folder)
    flushFolder(dirname(folder))
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')
    throw taken ? authorityFault('AUTHORITY_EXISTS', { folder }, error) : asFileFault(error, folder)
  }
}
