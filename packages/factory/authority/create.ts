import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseMakerKey } from '@birthmark/factory/order'
import { type Clock, type Entropy, Fault, type Log } from '@birthmark/foundation/kernel'
import { asFileFault, flushFolder, makeFolder } from '@birthmark/foundation/system'
import {
  type Certificate,
  type DistinguishedName,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  ROOT_CA,
  type SignatureAlgorithm,
  SoftwareSigner,
} from '@birthmark/foundation/x509'
import { authorityFault } from './faults.ts'
import { pathOf, writeAuthorityFile } from './folder.ts'
import { Journal } from './journal.ts'

/** What a new authority is made from. */
export interface NewAuthority {
  /** Absent or empty; made for this user only. */
  readonly folder: string
  /** Encrypts both keys. What protects them is a passphrase that cannot be guessed. */
  readonly passphrase: string
  readonly rootName: DistinguishedName
  readonly issuingName: DistinguishedName
  /** Of both keys; P-256 unless given, which every secure element verifies. */
  readonly algorithm?: SignatureAlgorithm
  /** The public key, PEM, of the one maker whose work orders are admitted; without it they are admitted unsigned. */
  readonly makerKey?: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
}

/** The certificates of a new authority. */
export interface CreatedAuthority {
  readonly root: Certificate
  readonly issuing: Certificate
}

/**
 * Makes a root CA and an issuing CA under it. The root's key signs the issuing CA and is then only on disk,
 * encrypted. The folder appears whole or not at all: it is made beside its place and then moved there.
 *
 * @throws `AUTHORITY_EXISTS`, `KEY_PASSPHRASE_EMPTY`, `ORDER_MAKER_KEY_UNFIT`, `FILE_NOT_PERMITTED`, `DISK_FULL`,
 * `FILE_UNUSABLE` (operator),
 * `CERTIFICATE_LINT_FAILED`, `NAME_INVALID` (caller)
 */
export async function createAuthority(options: NewAuthority): Promise<CreatedAuthority> {
  const { folder } = options
  assertFree(folder)
  const draft = makeDraftFolder(folder)
  try {
    const authority = await fillFolder(draft, options)
    moveToPlace(draft, folder)
    return authority
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw error
  }
}

async function fillFolder(folder: string, options: NewAuthority): Promise<CreatedAuthority> {
  const { passphrase, algorithm = 'ecdsa-p256-sha256', clock, entropy, log } = options
  const rootKey = await SoftwareSigner.generate(algorithm)
  const issuingKey = await SoftwareSigner.generate(algorithm)
  writeAuthorityFile(folder, 'rootKey', rootKey.toEncryptedPem(passphrase))
  if (options.makerKey !== undefined) {
    parseMakerKey(options.makerKey)
    writeAuthorityFile(folder, 'makerKey', options.makerKey)
  }
  writeAuthorityFile(folder, 'issuingKey', issuingKey.toEncryptedPem(passphrase))

  const now = clock.now()
  const root = await Linted.lint({
    profile: ROOT_CA,
    subject: options.rootName,
    publicKey: rootKey.publicKey,
    issuer: 'self',
    serialNumber: newSerialNumber(entropy),
    now,
  }).sign(rootKey)
  const issuing = await Linted.lint({
    profile: ISSUING_CA,
    subject: options.issuingName,
    publicKey: issuingKey.publicKey,
    issuer: { certificate: root },
    serialNumber: newSerialNumber(entropy),
    now,
  }).sign(rootKey)
  writeAuthorityFile(folder, 'rootCertificate', root.toPem())
  writeAuthorityFile(folder, 'issuingCertificate', issuing.toPem())

  const journal = await Journal.open({ path: pathOf(folder, 'journal'), clock, log })
  try {
    await journal.begin(root.fingerprint, issuing.fingerprint)
  } finally {
    await journal.close()
  }
  return { root, issuing }
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
