import { join } from 'node:path'
import { keyIdOf } from '@birthmark/factory/ledger'
import type { TokenStore } from '@birthmark/factory/line'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile, replaceFile } from '@birthmark/foundation/system'
import { type Signer, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { processOutput } from '../../output.ts'
import { openKeyFile, readPassphrase, writeNewKey } from '../ca-folder.ts'

export const STATION_KEY_FAULTS = {
  STATION_PASSPHRASE_NOT_NAMED: {
    blame: 'caller',
    message: 'the passphrase of the station key is needed, and its file was not named',
    remedy: 'Add --station-passphrase-file FILE.',
  },
} as const
const stationFault: Raise<typeof STATION_KEY_FAULTS> = faults(STATION_KEY_FAULTS)

/** Who this station is. */
export interface StationFlags {
  /** The line's folder. */
  readonly data: string
  readonly stationKey?: string
  readonly stationPassphraseFile?: string
  readonly stationName?: string
  readonly passphraseFile?: string
}

/** A station: its name, its key, and the token that goes with the key. */
export interface LineStation {
  /** SHA-256 of its public key, hex: what a work order names. */
  readonly id: string
  readonly name: string
  readonly signer: Signer
  readonly tokens: TokenStore
}

/**
 * Opens the key of this station; one in the line's own folder is made when it is absent.
 *
 * @throws `STATION_PASSPHRASE_NOT_NAMED`, `CA_INPUT_MISSING`, `KEY_UNREADABLE`, `KEY_PASSPHRASE_WRONG`, and of files
 */
export async function openStation(flags: StationFlags): Promise<LineStation> {
  const { data, stationKey, stationPassphraseFile, passphraseFile, stationName: name = 'station' } = flags
  const from = stationPassphraseFile ?? passphraseFile
  if (from === undefined) throw stationFault('STATION_PASSPHRASE_NOT_NAMED')
  const passphrase = readPassphrase(from)
  const path = stationKey ?? join(makeFolder(data), STATION_KEY_FILE)
  if (stationKey === undefined && readTextFile(path) === undefined) await makeKey(path, passphrase)
  const signer = openKeyFile(path, passphrase)
  return { id: keyIdOf(signer.publicKey), name, signer, tokens: tokensBeside(path) }
}

/** `birthmark line station-key`: makes the key pair of a station. */
export async function stationKeyCommand(flags: {
  readonly out: string
  readonly publicOut: string
  readonly passphraseFile: string
  readonly json?: boolean
}): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const signer = await makeKey(flags.out, readPassphrase(flags.passphraseFile))
  replaceFile(flags.publicOut, toPem('PUBLIC KEY', signer.publicKey), { mode: 0o644 })
  const id = keyIdOf(signer.publicKey)
  output.json({ key: flags.out, publicKey: flags.publicOut, id })
  if (output.jsonWanted) return
  output.say(`The station is ${id}: that is what a work order names. ${flags.out} stays at this station.`)
}

async function makeKey(path: string, passphrase: string): Promise<SoftwareSigner> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  writeNewKey(path, signer.toEncryptedPem(passphrase))
  return signer
}

/** The token belongs to the key: who copies one has copied both, and the next use of either shows it. */
function tokensBeside(path: string): TokenStore {
  const file = `${path}.token`
  return {
    load: () => readTextFile(file)?.trim() ?? '',
    save: (token) => replaceFile(file, `${token}\n`),
  }
}

const STATION_KEY_FILE = 'station.key.pem'
