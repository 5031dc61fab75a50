import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openUriSigner } from '@birthmark/chip/cryptoki/adapters'
import { keptKeyUri } from '@birthmark/factory/authority'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { readTextFile, replaceFile } from '@birthmark/foundation/system'
import { type Signer, SoftwareSigner } from '@birthmark/foundation/x509'
import { openKeyFile, readPassphrase } from '../ca-folder.ts'

export const DESK_SIGNING_FAULTS = {
  DESK_KEY_CLOSED: {
    blame: 'operator',
    message: "allotments are signed with the desk's own key, and nothing was named that opens or makes it",
    remedy:
      'Add --passphrase-file FILE for a key in the folder, or put it into a module: birthmark line desk-key --key URI.',
  },
  DESK_KEY_ALREADY_THERE: {
    blame: 'operator',
    message: 'the desk of {folder} has another key already',
    remedy: 'Use that one: stations that hold its public half would refuse allotments of a new one.',
  },
} as const
const signingFault: Raise<typeof DESK_SIGNING_FAULTS> = faults(DESK_SIGNING_FAULTS)

/** The key of a desk, and what lets go of it. */
export interface DeskKey {
  readonly signer: Signer
  close(): Promise<void>
}

/**
 * Opens the key that signs allotments: behind its module, or in the folder, where it is made when absent, under the
 * passphrase of the authority. An authority whose keys are all in a module has no passphrase; only what signs an
 * allotment asks for more then.
 *
 * @throws `KEY_UNREADABLE`, `KEY_PASSPHRASE_WRONG`, and of files and modules; the signer `DESK_KEY_CLOSED`
 */
export async function openDeskKey(folder: string, passphraseFile: string | undefined): Promise<DeskKey> {
  const uri = readTextFile(join(folder, URI_FILE))?.trim()
  if (uri !== undefined) return openUri(uri)
  if (passphraseFile === undefined) return { signer: CLOSED, close: () => Promise.resolve() }
  const passphrase = readPassphrase(passphraseFile)
  const path = join(folder, KEY_FILE)
  if (existsSync(path)) return inFolder(openKeyFile(path, passphrase))
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  replaceFile(path, signer.toEncryptedPem(passphrase))
  return inFolder(signer)
}

/**
 * Puts the key of a desk behind a PKCS#11 module from now on; it is made there when there is none.
 *
 * @throws `DESK_KEY_ALREADY_THERE`, `KEY_URI_INVALID`, and of files and modules
 */
export async function placeDeskKey(folder: string, key: string): Promise<void> {
  const uri = await keptKeyUri(key)
  const known = readTextFile(join(folder, URI_FILE))?.trim()
  if ((known !== undefined && known !== uri) || existsSync(join(folder, KEY_FILE))) {
    throw signingFault('DESK_KEY_ALREADY_THERE', { folder })
  }
  await (await openUri(uri, 'ec-p256')).close()
  replaceFile(join(folder, URI_FILE), `${uri}\n`)
}

/** Gives the public half of a desk's key. @throws `DESK_KEY_CLOSED`, and what {@link openDeskKey} throws */
export async function deskPublicKey(folder: string, passphraseFile: string | undefined): Promise<Uint8Array> {
  const key = await openDeskKey(folder, passphraseFile)
  await key.close()
  if (key.signer === CLOSED) throw signingFault('DESK_KEY_CLOSED')
  return key.signer.publicKey
}

async function openUri(uri: string, generate?: 'ec-p256'): Promise<DeskKey> {
  const signer = await openUriSigner(uri, generate === undefined ? {} : { generate })
  return { signer, close: () => signer.close() }
}

function inFolder(signer: Signer): DeskKey {
  return { signer, close: () => Promise.resolve() }
}

/** Stands for a key that nothing opens: a line that has the authority at hand never needs it. */
const CLOSED: Signer = {
  algorithm: 'ecdsa-p256-sha256',
  publicKey: new Uint8Array(),
  sign: () => Promise.reject(signingFault('DESK_KEY_CLOSED')),
}

const KEY_FILE = 'desk.key.pem'
const URI_FILE = 'desk.key.uri'
