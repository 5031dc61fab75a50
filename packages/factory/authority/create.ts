import { parseMakerKey } from '@birthmark/factory/order'
import type { Clock, Entropy, Log } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  type DistinguishedName,
  Linted,
  newSerialNumber,
  type SignatureAlgorithm,
} from '@birthmark/foundation/x509'
import { beginJournal } from './begin-journal.ts'
import { makeWhole } from './draft-folder.ts'
import { writeAuthorityFile } from './folder.ts'
import { type KeyChoice, type OpenedKey, placeKey } from './keys.ts'
import { CheckedProfile } from './profile-file.ts'
import { type AuthoritySettings, DEFAULT_SETTINGS, writeSettings } from './settings.ts'

/** What a new authority is made from. */
export interface NewAuthority {
  /** Absent or empty; made for this user only. */
  readonly folder: string
  /** Encrypts the keys in the folder; what protects them is one that cannot be guessed. Needless for PKCS#11 alone. */
  readonly passphrase?: string
  readonly rootName: DistinguishedName
  /** The issuing CA under the root; without it the authority is a root that signs CAs, and nothing else. */
  readonly issuingName?: DistinguishedName
  /** Of both keys; P-256 unless given, which every secure element verifies. */
  readonly algorithm?: SignatureAlgorithm
  /** Where the keys are; made in the folder unless given. */
  readonly rootKey?: KeyChoice
  readonly issuingKey?: KeyChoice
  /** What the authority may do; `signs` follows from whether there is an issuing CA. */
  readonly settings?: Partial<Omit<AuthoritySettings, 'signs'>>
  /** The public key, PEM, of the one maker whose work orders are admitted; without it they are admitted unsigned. */
  readonly makerKey?: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
}

/** The certificates of a new authority. */
export interface CreatedAuthority {
  readonly root: Certificate
  /** The root itself where there is no issuing CA. */
  readonly issuing: Certificate
}

/**
 * Makes a root CA and, where it has a name, an issuing CA under it. The root's key signs the issuing CA and is then
 * not used any more. The folder appears whole or not at all.
 *
 * @throws `AUTHORITY_EXISTS`, `AUTHORITY_PASSPHRASE_MISSING`, `KEY_PASSPHRASE_EMPTY`, `KEY_URI_INVALID`,
 * `KEY_ALGORITHM_NOT_ALLOWED`, `ORDER_MAKER_KEY_UNFIT`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator),
 * `CERTIFICATE_LINT_FAILED`, `NAME_INVALID` (caller), and what a PKCS#11 module says
 */
export async function createAuthority(options: NewAuthority): Promise<CreatedAuthority> {
  return makeWhole(options.folder, async (draft) => {
    const opened: OpenedKey[] = []
    try {
      return await fillFolder(draft, options, opened)
    } finally {
      for (const key of opened) await key.close()
    }
  })
}

async function fillFolder(folder: string, options: NewAuthority, opened: OpenedKey[]): Promise<CreatedAuthority> {
  const { issuingName, makerKey } = options
  const signs = issuingName === undefined ? 'cas' : 'devices'
  const settings: AuthoritySettings = { ...DEFAULT_SETTINGS, ...options.settings, signs }
  if (makerKey !== undefined) {
    parseMakerKey(makerKey)
    writeAuthorityFile(folder, 'makerKey', makerKey)
  }
  const rootKey = await place(folder, 'root', options, settings, opened)
  const root = await signCa(
    'root-ca',
    options.rootName,
    rootKey,
    { key: rootKey, certificate: 'self' },
    options,
    settings,
  )
  writeAuthorityFile(folder, 'rootCertificate', root.toPem())
  let issuing = root
  if (issuingName !== undefined) {
    const key = await place(folder, 'issuing', options, settings, opened)
    issuing = await signCa('issuing-ca', issuingName, key, { key: rootKey, certificate: root }, options, settings)
    writeAuthorityFile(folder, 'issuingCertificate', issuing.toPem())
  }
  writeSettings(folder, settings)
  await beginJournal(folder, root, issuing, options)
  return { root, issuing }
}

async function place(
  folder: string,
  owner: 'root' | 'issuing',
  options: NewAuthority,
  { mlDsa }: AuthoritySettings,
  opened: OpenedKey[],
): Promise<OpenedKey> {
  const { algorithm = 'ecdsa-p256-sha256', passphrase } = options
  const choice = (owner === 'root' ? options.rootKey : options.issuingKey) ?? { kind: 'make', algorithm }
  const key = await placeKey(folder, owner, choice, { passphrase, mlDsa })
  opened.push(key)
  return key
}

/** Signs one of the two CAs of a new authority. */
async function signCa(
  profile: 'root-ca' | 'issuing-ca',
  subject: DistinguishedName,
  { signer }: OpenedKey,
  issuer: { readonly key: OpenedKey; readonly certificate: Certificate | 'self' },
  { clock, entropy }: NewAuthority,
  settings: AuthoritySettings,
): Promise<Certificate> {
  const linted = Linted.lint({
    profile: CheckedProfile.builtIn(profile, settings).profile,
    subject,
    publicKey: signer.publicKey,
    issuer: issuer.certificate === 'self' ? 'self' : { certificate: issuer.certificate },
    serialNumber: newSerialNumber(entropy),
    now: clock.now(),
  })
  return linted.sign(issuer.key.signer)
}
