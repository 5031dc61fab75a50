import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DraftKeys } from '@birthmark/factory/line'
import { equalBytes, faults, messageOf, type Raise } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile, replaceFile } from '@birthmark/foundation/system'

export const DRAFT_KEY_FAULTS = {
  LINE_DEVICE_KEY_UNUSABLE: {
    blame: 'operator',
    message: 'the key of device {uid} cannot be used: {why}',
    remedy:
      'Put its P-256 private key, PEM without a passphrase, at the path that is named, and run the command again.',
  },
} as const
const keyFault: Raise<typeof DRAFT_KEY_FAULTS> = faults(DRAFT_KEY_FAULTS)

/**
 * Keeps drafts encrypted under the passphrase of the station's key; they are gone when their device is on record.
 *
 * @param given The folder of keys that were made elsewhere, `NUMBER.key.pem`: each becomes the draft of its device.
 * Loading throws `LINE_DEVICE_KEY_UNUSABLE`, also where the device was begun with another key.
 */
export function draftsIn(folder: string, passphrase: string, given?: string): DraftKeys {
  const file = (uid: string): string => join(makeFolder(folder), `${uid}.key.pem`)
  const save = (uid: string, key: string): void => {
    const form = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase } as const
    replaceFile(file(uid), createPrivateKey(key).export(form))
  }
  const kept = (uid: string): string | undefined => {
    const pem = readTextFile(file(uid))
    return pem === undefined ? undefined : pemOf(createPrivateKey({ key: pem, passphrase }))
  }
  return {
    load: (uid) => {
      const draft = kept(uid)
      if (given === undefined) return draft
      const key = readKey(uid, join(given, `${uid}.key.pem`))
      if (draft === undefined) save(uid, pemOf(key))
      else if (!isSame(createPrivateKey(draft), key)) {
        throw keyFault('LINE_DEVICE_KEY_UNUSABLE', { uid, why: 'the device was begun with another key' })
      }
      return pemOf(key)
    },
    save,
    remove: (uid) => {
      if (existsSync(file(uid))) rmSync(file(uid))
    },
  }
}

function readKey(uid: string, path: string): KeyObject {
  const pem = readTextFile(path)
  const unusable = (why: string): Error => keyFault('LINE_DEVICE_KEY_UNUSABLE', { uid, why })
  if (pem === undefined) throw unusable(`there is no file ${path}`)
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch (error) {
    throw unusable(`${path} holds no private key that opens (${messageOf(error)})`)
  }
  throw unusable(`${path} holds a key that is none of P-256`)
}

function isSame(one: KeyObject, other: KeyObject): boolean {
  const publicHalf = (key: KeyObject): Uint8Array => createPublicKey(key).export({ format: 'der', type: 'spki' })
  return equalBytes(publicHalf(one), publicHalf(other))
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}
