import { type Members, readJsonObject } from '@birthmark/factory/json'
import { readTextFile } from '@birthmark/foundation/system'
import { type ExternalSettings, readExternal } from './external-settings.ts'
import { AUTHORITY_FILES, pathOf, writeAuthorityFile } from './folder.ts'
import { setupFault } from './setup-faults.ts'

/** What an authority may do, as whoever made it decided. Kept in its folder; absent means all of the defaults. */
export interface AuthoritySettings {
  /** `devices`: everything but CAs. `cas`: CAs and nothing else, for a root or an intermediate. */
  readonly signs: 'devices' | 'cas'
  /** Whether keys and requests may be ML-DSA-65 (RFC 9881). */
  readonly mlDsa: boolean
  /** Most certificates that this CA may ever sign, 1 to 10^12; without it any number. */
  readonly certificatesMax?: number
  /** The CA elsewhere that signs; without it the authority has a key of its own. */
  readonly external?: ExternalSettings
}

/** What an authority without a file of settings does. */
export const DEFAULT_SETTINGS: AuthoritySettings = { signs: 'devices', mlDsa: false }

/** Reads the settings in a folder. @throws `SETTINGS_INVALID`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator) */
export function readSettings(folder: string): AuthoritySettings {
  const text = readTextFile(pathOf(folder, 'settings'))
  if (text === undefined) return DEFAULT_SETTINGS
  const settings = readJsonObject(text, readMembers)
  if (settings.ok) return settings.value
  const path = `${folder}/${AUTHORITY_FILES.settings}`
  throw setupFault('SETTINGS_INVALID', { path, problems: settings.problems.join('; ') })
}

/** Writes the settings; the defaults need no file. @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` */
export function writeSettings(folder: string, settings: AuthoritySettings): void {
  const { signs, mlDsa, certificatesMax, external } = settings
  if (signs === 'devices' && !mlDsa && certificatesMax === undefined && external === undefined) return
  writeAuthorityFile(folder, 'settings', `${JSON.stringify({ format: SETTINGS_FORMAT, ...settings }, undefined, 2)}\n`)
}

function readMembers(members: Members): AuthoritySettings {
  members.word('format', [SETTINGS_FORMAT])
  return {
    signs: members.has('signs') ? members.word('signs', ['devices', 'cas']) : DEFAULT_SETTINGS.signs,
    mlDsa: members.has('mlDsa') ? members.flag('mlDsa') : DEFAULT_SETTINGS.mlDsa,
    ...(members.has('certificatesMax') && {
      certificatesMax: members.integer('certificatesMax', 1, CERTIFICATES_COUNT_MAX),
    }),
    ...(members.has('external') && readExternal(members)),
  }
}

const SETTINGS_FORMAT = 'birthmark-authority/1'

/** A limit above this one is none: at 10,000 a second it is reached after three years. */
const CERTIFICATES_COUNT_MAX = 1_000_000_000_000
