import { existsSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { ChainFile } from '@birthmark/factory/ledger'
import { type Clock, type Entropy, equalBytes, isFault, type Log } from '@birthmark/foundation/kernel'
import type { Certificate, Signer } from '@birthmark/foundation/x509'
import { Authority } from './authority.ts'
import { authorityFault } from './faults.ts'
import { AUTHORITY_FILES, pathOf, readAuthorityCertificate, readAuthorityKey, readMakerKey } from './folder.ts'
import { Journal } from './journal.ts'

/** What opening an authority needs. */
export interface AuthorityOptions {
  readonly folder: string
  readonly passphrase: string
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
 * The root's key is not touched.
 *
 * @throws `AUTHORITY_MISSING`, `AUTHORITY_DAMAGED`, `AUTHORITY_PASSPHRASE_WRONG`, `AUTHORITY_IN_USE`, `LEDGER_DAMAGED`,
 * `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (all operator)
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { folder, passphrase, endpointNames = [], clock, entropy, log } = options
  const root = readAuthorityCertificate(folder, 'rootCertificate')
  const issuing = readAuthorityCertificate(folder, 'issuingCertificate')
  const signer = readAuthorityKey(folder, 'issuingKey', passphrase)
  const makerKey = readMakerKey(folder)
  assertBelongTogether(root, issuing, signer)
  const journal = await openJournal(options)
  const { heading, unresolved } = journal
  if (heading?.root !== root.fingerprint || heading.issuing !== issuing.fingerprint) {
    await journal.close()
    throw authorityFault('AUTHORITY_DAMAGED', { why: 'the journal is not that of these certificates' })
  }
  for (const { serial, profile, order } of unresolved) {
    log.write('warn', 'authority.unresolved', { serial, profile, order })
  }
  const names = new Set(endpointNames.map(canonicalName))
  const ports = { root, issuing, signer, journal, endpointNames: names, clock, entropy, log }
  return new Authority({ ...ports, ...(makerKey !== undefined && { makerKey }) })
}

/** Spells a name as it is read from a CSR: IPv6 addresses as RFC 5952 does, which a URL does as well. */
function canonicalName(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase()
}

function assertBelongTogether(root: Certificate, issuing: Certificate, signer: Signer): void {
  const broken = [
    { why: 'root.pem is not self-signed', holds: root.isSignedBy(root) },
    { why: 'issuing.pem is not signed by the key of root.pem', holds: issuing.isCa && issuing.isSignedBy(root) },
    { why: 'issuing.key.pem is not the key of issuing.pem', holds: equalBytes(signer.publicKey, issuing.publicKey) },
  ].find(({ holds }) => !holds)
  if (broken !== undefined) throw authorityFault('AUTHORITY_DAMAGED', { why: broken.why })
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
