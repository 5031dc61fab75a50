import { createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import { ELEMENT_UID, Ledger } from '@birthmark/factory/ledger'
import {
  CREDENTIAL_FORMS,
  type CredentialFile,
  type CredentialForm,
  claimNumber,
  DeskClient,
  injectIdentity,
  openSealedFiles,
  packCredential,
  sealFiles,
} from '@birthmark/factory/line'
import { parseMakerKey } from '@birthmark/factory/order'
import { faults, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { processOutput } from '../../output.ts'
import { parseInput, readInput, readPassphrase } from '../ca-folder.ts'
import { openOrder } from '../order-file.ts'
import { type DeskFlags, withDesk } from './desk-link.ts'
import { draftsIn } from './draft-keys.ts'
import { openStation, type StationFlags } from './station.ts'

export const PACK_FAULTS = {
  LINE_DEVICE_NUMBERS_INVALID: {
    blame: 'caller',
    message: 'line {line} of {path} is not the number of a device',
    remedy: 'Write one number on each line: 8 to 64 hex digits in lower case.',
  },
} as const
const packFault: Raise<typeof PACK_FAULTS> = faults(PACK_FAULTS)

interface PackFlags extends DeskFlags, StationFlags {
  readonly workOrder: string
  readonly makerKey?: string
  readonly out: string
  readonly as: string
  readonly recipientKey?: string
  readonly keys?: string
  readonly json?: boolean
}

/** `birthmark line pack`: makes keys and certificates for parts that cannot make their own. */
export async function packCommand(flags: PackFlags & { readonly devices: string }): Promise<void> {
  await packAll(flags, 'injected', readNumbers(flags.devices))
}

/** `birthmark line claim`: makes the one claim certificate of a batch, for its golden image. */
export async function claimCommand(flags: PackFlags & { readonly batch: string }): Promise<void> {
  await packAll(flags, 'image', [claimNumber(flags.batch)])
}

/** `birthmark line unpack`: opens what was sealed for a recipient. */
export function unpackCommand(
  path: string,
  flags: { readonly key: string; readonly passphraseFile: string; readonly out: string; readonly json?: boolean },
): void {
  const output = processOutput({ json: flags.json === true })
  const key = createPrivateKey({ key: readInput(flags.key), passphrase: readPassphrase(flags.passphraseFile) })
  const files = parseInput(path, (text) => openSealedFiles(text, key))
  const paths = writeFiles(flags.out, files)
  output.json({ files: paths })
  if (!output.jsonWanted) for (const file of paths) output.say(file)
}

async function packAll(flags: PackFlags, birth: 'injected' | 'image', uids: readonly string[]): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { data, out } = flags
  const form = CREDENTIAL_FORMS.find((name) => name === flags.as) ?? 'pem'
  const recipient = flags.recipientKey === undefined ? undefined : parseInput(flags.recipientKey, parseMakerKey)
  const text = readInput(flags.workOrder)
  const station = await openStation(flags)
  const order = openOrder(text, flags, station.id)
  const ports = { clock: systemClock, entropy: systemEntropy }
  const { name, signer } = station
  const path = join(makeFolder(data), 'ledger.jsonl')
  const ledger = await Ledger.open({ path, writer: { name, signer }, log: silentLog, ...ports })
  try {
    await withDesk(flags, async (send) => {
      const authority = await DeskClient.open({ send, ...station, order: { id: order.id, text } })
      for (const uid of uids) {
        const files: string[] = []
        const result = await injectIdentity(uid, {
          station: { order, authority, ledger, ...ports },
          drafts: draftsIn(join(data, 'drafts'), passphraseOf(flags), flags.keys),
          birth,
          deliver: async (credential) => {
            files.push(...writeFiles(out, sealed(uid, packCredential(credential, form), recipient)))
          },
        })
        output.json({ ...result, files })
        if (!output.jsonWanted) output.say(`${uid} ${result.outcome} ${files.join(' ')}`)
      }
    })
  } finally {
    await ledger.close()
  }
}

function sealed(uid: string, files: readonly CredentialFile[], recipient?: Uint8Array): readonly CredentialFile[] {
  return recipient === undefined ? files : [sealFiles(uid, files, recipient, systemEntropy)]
}

/** Private keys are among them: for this user only. */
function writeFiles(folder: string, files: readonly CredentialFile[]): string[] {
  makeFolder(folder)
  return files.map(({ name, content }) => {
    replaceFile(join(folder, name), content)
    return join(folder, name)
  })
}

function passphraseOf({ stationPassphraseFile, passphraseFile }: StationFlags): string {
  return readPassphrase(stationPassphraseFile ?? passphraseFile ?? '')
}

function readNumbers(path: string): readonly string[] {
  const lines = readInput(path).split('\n')
  return lines.flatMap((text, index) => {
    const uid = text.trim()
    if (uid === '') return []
    if (!ELEMENT_UID.test(uid)) throw packFault('LINE_DEVICE_NUMBERS_INVALID', { path, line: index + 1 })
    return [uid]
  })
}

/** The words that `--as` takes. */
export const PACK_FORMS: readonly CredentialForm[] = CREDENTIAL_FORMS
