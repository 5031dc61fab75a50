import { existsSync, rmSync } from 'node:fs'
import { parseMakerKey } from '@birthmark/factory/order'
import { type Clock, equalBytes, isFault, type Log } from '@birthmark/foundation/kernel'
import { asFileFault, readTextFile } from '@birthmark/foundation/system'
import {
  type Certificate,
  createCsr,
  type DistinguishedName,
  fromPem,
  type SignatureAlgorithm,
  toPem,
  type VerifiedCsr,
  verifyCsr,
} from '@birthmark/foundation/x509'
import { beginJournal } from './begin-journal.ts'
import type { CreatedAuthority } from './create.ts'
import { makeWhole } from './draft-folder.ts'
import { authorityFault } from './faults.ts'
import { AUTHORITY_FILES, pathOf, writeAuthorityFile } from './folder.ts'
import { brokenPath, expiredIn, type IssuerPath, pathAbove } from './issuer-path.ts'
import type { KnownSerial } from './journal-records.ts'
import { type KeyChoice, openKey, placeKey } from './keys.ts'
import { type AuthoritySettings, DEFAULT_SETTINGS, readSettings, writeSettings } from './settings.ts'
import { setupFault } from './setup-faults.ts'

/** What an authority is made from whose CA certificate comes, or came, from somewhere else. */
export interface ForeignAuthority {
  /** Absent or empty; made for this user only. */
  readonly folder: string
  /** Encrypts a key that is kept in the folder. */
  readonly passphrase?: string
  readonly settings?: Partial<AuthoritySettings>
  /** The public key, PEM, of the one maker whose work orders are admitted; without it they are admitted unsigned. */
  readonly makerKey?: string
}

/**
 * Begins an authority whose CA another company signs: makes its key, and the request that goes there as a file. The
 * authority issues nothing until {@link acceptCertificate}.
 *
 * @returns The request, DER; it is in the folder as well.
 * @throws `AUTHORITY_EXISTS`, `AUTHORITY_PASSPHRASE_MISSING`, `KEY_PASSPHRASE_EMPTY`, `KEY_URI_INVALID`,
 * `KEY_ALGORITHM_NOT_ALLOWED`, `ORDER_MAKER_KEY_UNFIT`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator),
 * `NAME_INVALID` (caller), and what a PKCS#11 module says
 */
export async function requestCertificate(
  options: ForeignAuthority & {
    readonly name: DistinguishedName
    readonly key?: KeyChoice
    readonly algorithm?: SignatureAlgorithm
  },
): Promise<Uint8Array> {
  const { algorithm = 'ecdsa-p256-sha256', name, key: choice = { kind: 'make', algorithm } } = options
  return makeWhole(options.folder, async (draft) => {
    const { mlDsa } = writeRules(draft, options)
    const key = await placeKey(draft, 'issuing', choice, { passphrase: options.passphrase, mlDsa })
    try {
      const csr = await createCsr({ subject: name, signer: key.signer })
      writeAuthorityFile(draft, 'request', toPem('CERTIFICATE REQUEST', csr))
      return csr
    } finally {
      await key.close()
    }
  })
}

/**
 * Completes an authority with the certificate that was asked for: it must be for the key of the request, lead to a
 * self-signed root among `certificates`, be valid, and leave room in its path lengths for what the authority signs.
 *
 * @param certificates The CA's and its issuers', in any order.
 * @throws `CA_REQUEST_MISSING`, `CA_CERTIFICATE_REFUSED`, `AUTHORITY_DAMAGED`, `AUTHORITY_PASSPHRASE_WRONG`,
 * `AUTHORITY_PASSPHRASE_MISSING`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator), and what a PKCS#11
 * module says
 */
export async function acceptCertificate(options: {
  readonly folder: string
  readonly passphrase?: string
  readonly certificates: readonly Certificate[]
  readonly clock: Clock
  readonly log: Log
}): Promise<CreatedAuthority> {
  const { folder, passphrase, certificates, clock } = options
  const { publicKey } = readRequest(folder)
  const path = judge(publicKey, certificates, readSettings(folder), clock)
  const key = await openKey(folder, 'issuing', passphrase)
  await key.close()
  if (!equalBytes(key.signer.publicKey, publicKey)) {
    throw authorityFault('AUTHORITY_DAMAGED', { why: 'the key in the folder is not that of the request' })
  }
  await complete(folder, path, options)
  return { root: path.root, issuing: path.issuing }
}

/**
 * Makes an authority from a CA that exists: its key from another program or behind a PKCS#11 module, its certificate
 * and its issuers. Serial numbers that are known to exist are never given again, and can be revoked.
 *
 * @throws `AUTHORITY_EXISTS`, `CA_CERTIFICATE_REFUSED`, `AUTHORITY_PASSPHRASE_MISSING`, `KEY_PASSPHRASE_EMPTY`,
 * `KEY_URI_INVALID`, `KEY_ALGORITHM_NOT_ALLOWED`, `ORDER_MAKER_KEY_UNFIT`, `FILE_NOT_PERMITTED`, `DISK_FULL`,
 * `FILE_UNUSABLE` (operator), and what a PKCS#11 module says
 */
export async function importAuthority(
  options: ForeignAuthority & {
    readonly key: KeyChoice
    readonly certificates: readonly Certificate[]
    readonly known?: readonly KnownSerial[]
    readonly clock: Clock
    readonly log: Log
  },
): Promise<CreatedAuthority> {
  return makeWhole(options.folder, async (draft) => {
    const settings = writeRules(draft, options)
    const key = await placeKey(draft, 'issuing', options.key, { passphrase: options.passphrase, mlDsa: settings.mlDsa })
    try {
      const path = judge(key.signer.publicKey, options.certificates, settings, options.clock)
      await complete(draft, path, options)
      return { root: path.root, issuing: path.issuing }
    } finally {
      await key.close()
    }
  })
}

function writeRules(folder: string, { settings, makerKey }: ForeignAuthority): AuthoritySettings {
  const whole = { ...DEFAULT_SETTINGS, ...settings }
  writeSettings(folder, whole)
  if (makerKey === undefined) return whole
  parseMakerKey(makerKey)
  writeAuthorityFile(folder, 'makerKey', makerKey)
  return whole
}

function readRequest(folder: string): VerifiedCsr {
  const pem = readTextFile(pathOf(folder, 'request'))
  const [der] = pem === undefined ? [] : fromPem(pem, 'CERTIFICATE REQUEST')
  if (der === undefined || existsSync(pathOf(folder, 'issuingCertificate'))) {
    throw setupFault('CA_REQUEST_MISSING', { folder })
  }
  try {
    return verifyCsr(der, { mlDsa: true })
  } catch (error) {
    if (!isFault(error)) throw error
    throw authorityFault('AUTHORITY_DAMAGED', { why: `${AUTHORITY_FILES.request}: ${error.message}` }, error)
  }
}

/** Finds the certificate of a key and the path above it, and refuses what could not issue anything that verifies. */
function judge(
  publicKey: Uint8Array,
  certificates: readonly Certificate[],
  { signs }: AuthoritySettings,
  clock: Clock,
): IssuerPath {
  const own = certificates.find((candidate) => equalBytes(candidate.publicKey, publicKey))
  if (own === undefined) throw refused('none of the certificates is for the key of this CA')
  const path = pathAbove(own, certificates)
  if (path === undefined) throw refused('its issuers up to a self-signed root are not all there')
  const broken = brokenPath(path) ?? expiredIn(path, clock.now())
  if (broken !== undefined) throw refused(broken)
  if (signs === 'cas' && own.pathLength === 0) throw refused('its path length of 0 allows no CA below it')
  return path
}

/** The issuing certificate comes last: with it the authority is complete, and without it this can be done again. */
async function complete(
  folder: string,
  { root, chain, issuing }: IssuerPath,
  ports: { readonly clock: Clock; readonly log: Log; readonly known?: readonly KnownSerial[] },
): Promise<void> {
  removeFile(pathOf(folder, 'journal'))
  writeAuthorityFile(folder, 'rootCertificate', root.toPem())
  if (chain.length > 0) writeAuthorityFile(folder, 'chain', chain.map((certificate) => certificate.toPem()).join(''))
  await beginJournal(folder, root, issuing, ports)
  writeAuthorityFile(folder, 'issuingCertificate', issuing.toPem())
  removeFile(pathOf(folder, 'request'))
}

function removeFile(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch (error) {
    throw asFileFault(error, path)
  }
}

function refused(why: string): Error {
  return setupFault('CA_CERTIFICATE_REFUSED', { why })
}
