import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isFault } from '@birthmark/foundation/kernel'
import { asFileFault, makeFolder, readTextFile, replaceFile } from '@birthmark/foundation/system'
import { authorityFault } from './faults.ts'
import { CheckedProfile } from './profile-file.ts'

/**
 * Reads the profiles in an authority's folder, by their names.
 *
 * @throws `AUTHORITY_DAMAGED`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export function readProfiles(folder: string): ReadonlyMap<string, CheckedProfile> {
  const place = join(folder, PROFILES_FOLDER)
  const files = existsSync(place) ? filesIn(place) : []
  return new Map(files.map((file) => readProfile(join(place, file), file)))
}

/**
 * Adds a profile to an authority; it takes the place of an earlier one of its name. A process that has the authority
 * open goes on with what it read.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator)
 */
export function addProfile(folder: string, text: string, { name }: CheckedProfile): void {
  const place = makeFolder(join(folder, PROFILES_FOLDER))
  replaceFile(join(place, `${name}.json`), text, { mode: 0o600 })
}

function filesIn(place: string): readonly string[] {
  try {
    return readdirSync(place).filter((file) => file.endsWith('.json'))
  } catch (error) {
    throw asFileFault(error, place)
  }
}

function readProfile(path: string, file: string): readonly [string, CheckedProfile] {
  try {
    const checked = CheckedProfile.parse(readTextFile(path) ?? '')
    if (`${checked.name}.json` === file) return [checked.name, checked]
  } catch (error) {
    if (!isFault(error, 'PROFILE_INVALID')) throw error
    throw authorityFault('AUTHORITY_DAMAGED', { why: `${path}: ${error.message}` }, error)
  }
  throw authorityFault('AUTHORITY_DAMAGED', { why: `${path}: the file is not named after its profile` })
}

const PROFILES_FOLDER = 'profiles'
