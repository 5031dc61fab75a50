import { existsSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { ChainFile } from '@birthmark/factory/ledger'
import { type Clock, type Entropy, equalBytes, isFault, type Log } from '@birthmark/foundation/kernel'
import type { Signer } from '@birthmark/foundation/x509'
import { Authority } from './authority.ts'
import { absentSigner, externalCa } from './external-ca.ts'
import { authorityFault } from './faults.ts'
import { AUTHORITY_FILES, pathOf, readAuthorityCertificate, readAuthorityChain, readMakerKey } from './folder.ts'
import { brokenPath, type IssuerPath } from './issuer-path.ts'
import { Journal } from './journal.ts'
import { type OpenedKey, openKey } from './keys.ts'
import { readProfiles } from './profile-store.ts'
import { type AuthoritySettings, readSettings } from './settings.ts'
import { setupFault } from './setup-faults.ts'

/** What opening an authority needs. */
export interface AuthorityOptions {
  readonly folder: string
  /** Opens the key in the folder; needless where the key is behind a PKCS#11 module. */
  readonly passphrase?: string
  /** DNS names and IP addresses that endpoint certificates may have; none unless given. */
  readonly endpointNames?: readonly string[]
  readonly clock: Clock
  readonly entropy: Entropy
  readonly log: Log
  /** Opens the journal's file; for tests that make the disk fail. */
  readonly openJournalFile?: (path: string) => Promise<ChainFile>
}

/**
 * Opens an authority: loads the issuing key, replays the journal, and keeps other processes out until it is closed.
 * The root's key is not touched, unless the root itself is what signs here.
 *
 * @throws `AUTHORITY_MISSING`, `AUTHORITY_DAMAGED`, `AUTHORITY_PASSPHRASE_WRONG`, `AUTHORITY_PASSPHRASE_MISSING`,
 * `AUTHORITY_IN_USE`, `CA_CERTIFICATE_AWAITED`, `SETTINGS_INVALID`, `KEY_URI_INVALID`, `LEDGER_DAMAGED`,
 * `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (all operator), and what a PKCS#11 module says
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { folder, passphrase } = options
  const settings = readSettings(folder)
  const path = readPath(folder, settings)
  const owner = path.issuing === path.root ? 'root' : 'issuing'
  const key = settings.external === undefined ? await openKey(folder, owner, passphrase) : absentKey(path)
  try {
    assertBelongTogether(path, key.signer, owner)
    return await assemble(options, path, key, settings)
  } catch (error) {
    await key.close()
    throw error
  }
}

async function assemble(
  options: AuthorityOptions,
  path: IssuerPath,
  key: OpenedKey,
  settings: AuthoritySettings,
): Promise<Authority> {
  const { folder, endpointNames = [], clock, entropy, log } = options
  const makerKey = readMakerKey(folder)
  const profiles = readProfiles(folder)
  const journal = await openJournal(options)
  const { heading, unresolved } = journal
  if (heading?.root !== path.root.fingerprint || heading.issuing !== path.issuing.fingerprint) {
    await journal.close()
    throw authorityFault('AUTHORITY_DAMAGED', { why: 'the journal is not that of these certificates' })
  }
  for (const { serial, profile, order } of unresolved) {
    log.write('warn', 'authority.unresolved', { serial, profile, order })
  }
  return new Authority({
    ...path,
    signer: key.signer,
    ...(settings.external !== undefined && { external: externalCa(settings.external, path.issuing, clock) }),
    releaseKey: () => key.close(),
    settings,
    profiles,
    journal,
    endpointNames: new Set(endpointNames.map(canonicalName)),
    ...(makerKey !== undefined && { makerKey }),
    clock,
    entropy,
    log,
  })
}

function absentKey({ issuing }: IssuerPath): OpenedKey {
  return { signer: absentSigner(issuing), close: () => Promise.resolve() }
}

/** A root that signs CAs has no certificate but its own. */
function readPath(folder: string, { signs }: AuthoritySettings): IssuerPath {
  if (isAwaited(folder)) throw setupFault('CA_CERTIFICATE_AWAITED', { folder })
  const root = readAuthorityCertificate(folder, 'rootCertificate')
  const isRoot = signs === 'cas' && !existsSync(pathOf(folder, 'issuingCertificate'))
  const issuing = isRoot ? root : readAuthorityCertificate(folder, 'issuingCertificate')
  return { root, issuing, chain: readAuthorityChain(folder) }
}

/** The request is there until the certificate is, which comes last. */
function isAwaited(folder: string): boolean {
  return existsSync(pathOf(folder, 'request')) && !existsSync(pathOf(folder, 'issuingCertificate'))
}

/** Spells a name as it is read from a CSR: IPv6 addresses as RFC 5952 does, which a URL does as well. */
function canonicalName(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase()
}

function assertBelongTogether(path: IssuerPath, signer: Signer, owner: 'root' | 'issuing'): void {
  const broken = brokenPath(path)
  if (broken !== undefined) throw authorityFault('AUTHORITY_DAMAGED', { why: broken })
  if (equalBytes(signer.publicKey, path.issuing.publicKey)) return
  throw authorityFault('AUTHORITY_DAMAGED', { why: `the key is not the key of ${owner}.pem` })
}

async function openJournal(options: AuthorityOptions): Promise<Journal> {
  const { folder, clock, log, openJournalFile: openFile } = options
  const path = pathOf(folder, 'journal')
  // Opening would make one; but an authority without its journal has forgotten what it signed.
  if (!existsSync(path)) throw authorityFault('AUTHORITY_MISSING', { folder, file: AUTHORITY_FILES.journal })
  try {
    return await Journal.open({ path, clock, log, ...(openFile !== undefined && { openFile }) })
  } catch (error) {
    throw isFault(error, 'LEDGER_IN_USE') ? authorityFault('AUTHORITY_IN_USE', { folder }, error) : error
  }
}
