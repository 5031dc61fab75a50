import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseMakerKey } from '@birthmark/factory/order'
import { isFault } from '@birthmark/foundation/kernel'
import { readTextFile, replaceFile } from '@birthmark/foundation/system'
import { type Certificate, parseCertificate, parseCertificates, SoftwareSigner } from '@birthmark/foundation/x509'
import { authorityFault } from './faults.ts'

/**
 * The files of an authority. The root's key may be taken out of the folder and kept elsewhere: only making another
 * issuing CA needs it.
 */
export const AUTHORITY_FILES = {
  rootCertificate: 'root.pem',
  rootKey: 'root.key.pem',
  issuingCertificate: 'issuing.pem',
  issuingKey: 'issuing.key.pem',
  /** Where a key is that is behind a PKCS#11 module: its URI (RFC 7512). */
  rootKeyUri: 'root.key.uri',
  issuingKeyUri: 'issuing.key.uri',
  /** The CAs between the issuing CA and the root, nearest first; absent when there is none. */
  chain: 'chain.pem',
  /** The request of an issuing CA whose certificate another company signs. */
  request: 'issuing.csr.pem',
  settings: 'authority.json',
  journal: 'journal.jsonl',
  /** The public key of the one maker whose work orders are admitted; without it they are admitted unsigned. */
  makerKey: 'maker.pem',
} as const

/** One file of an authority. */
export type AuthorityFile = keyof typeof AUTHORITY_FILES

/** Gives the path of one file of an authority. */
export function pathOf(folder: string, file: AuthorityFile): string {
  return join(folder, AUTHORITY_FILES[file])
}

/**
 * Reads the key of the pinned maker; `undefined` when none is pinned.
 *
 * @throws `AUTHORITY_DAMAGED`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export function readMakerKey(folder: string): Uint8Array | undefined {
  const pem = readTextFile(pathOf(folder, 'makerKey'))
  return pem === undefined ? undefined : damagedOnFailure(folder, 'makerKey', () => parseMakerKey(pem))
}

/** Writes one file of an authority for this user only. @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` */
export function writeAuthorityFile(folder: string, file: AuthorityFile, content: string): void {
  replaceFile(pathOf(folder, file), content, { mode: 0o600 })
}

/**
 * Reads one certificate of an authority.
 *
 * @throws `AUTHORITY_MISSING`, `AUTHORITY_DAMAGED`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export function readAuthorityCertificate(folder: string, file: AuthorityFile): Certificate {
  const pem = readAuthorityFile(folder, file)
  return damagedOnFailure(folder, file, () => parseCertificate(pem))
}

/**
 * Reads the CAs between the issuing CA and the root, nearest first.
 *
 * @throws `AUTHORITY_DAMAGED`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export function readAuthorityChain(folder: string): readonly Certificate[] {
  const pem = readTextFile(pathOf(folder, 'chain'))
  return pem === undefined ? [] : damagedOnFailure(folder, 'chain', () => parseCertificates(pem))
}

/**
 * Opens one key of an authority.
 *
 * @throws `AUTHORITY_MISSING`, `AUTHORITY_DAMAGED`, `AUTHORITY_PASSPHRASE_WRONG`, `FILE_NOT_PERMITTED`,
 * `FILE_UNUSABLE` (operator)
 */
export function readAuthorityKey(folder: string, file: AuthorityFile, passphrase: string): SoftwareSigner {
  const pem = readAuthorityFile(folder, file)
  return damagedOnFailure(folder, file, () => SoftwareSigner.fromEncryptedPem(pem, passphrase))
}

/** A file, or folder, that is not there is named: nothing is made in its place. */
function readAuthorityFile(folder: string, file: AuthorityFile): string {
  const text = readTextFile(pathOf(folder, file))
  if (text !== undefined) return text
  throw authorityFault('AUTHORITY_MISSING', { folder, file: existsSync(folder) ? AUTHORITY_FILES[file] : 'the folder' })
}

/** Says which file it was, and that it is ours: to the x509 room every certificate and key is a stranger's. */
function damagedOnFailure<Value>(folder: string, file: AuthorityFile, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (isFault(error, 'KEY_PASSPHRASE_WRONG')) throw authorityFault('AUTHORITY_PASSPHRASE_WRONG', { folder }, error)
    if (!isFault(error)) throw error
    throw authorityFault('AUTHORITY_DAMAGED', { why: `${pathOf(folder, file)}: ${error.message}` }, error)
  }
}
