import { createReadStream } from 'node:fs'
import { readJsonObject } from '@birthmark/factory/json'
import { CHAIN_START, type ChainedEntry, type ChainFile, openForReading, walkChain } from '@birthmark/factory/ledger'
import { decodeUtf8, encodeUtf8, isFault } from '@birthmark/foundation/kernel'
import { replaceFileInParts } from '@birthmark/foundation/system'
import { type Certificate, parseCertificate, signatureAlgorithmOf, verifySignature } from '@birthmark/foundation/x509'
import type { Authority } from '../authority.ts'
import { pathOf } from '../folder.ts'
import { type JournalRecord, readJournalRecord } from '../journal-records.ts'
import { sealedFault } from './faults.ts'

/** Where a journal stands, as the key of its CA signed it. */
export interface AccountHead {
  readonly entries: number
  readonly hash: string
}

/** Gives the bytes under the signature of a head: no certificate and no list begins like them. */
function accountMessage(fingerprint: string, { entries, hash }: AccountHead): Uint8Array {
  return encodeUtf8(`${ACCOUNT_FORMAT}\n${fingerprint}\n${entries}\n${hash}\n`)
}

/**
 * Writes what a CA did, for who granted it: its whole journal, below a line in which its key signs where that stands.
 *
 * @param folder That of the authority, which is open and idle.
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`, and what the signer throws
 */
export async function writeAccount(path: string, authority: Authority, folder: string): Promise<AccountHead> {
  const { entries, hash, signature } = await authority.signHead(accountMessage)
  const head = {
    format: ACCOUNT_FORMAT,
    ca: Buffer.from(authority.issuing.der).toString('base64'),
    entries,
    hash,
    signature: Buffer.from(signature).toString('base64'),
  }
  await replaceFileInParts(path, account(JSON.stringify(head), pathOf(folder, 'journal')))
  return { entries, hash }
}

async function* account(head: string, journal: string): AsyncGenerator<string, void, undefined> {
  yield `${head}\n`
  for await (const text of createReadStream(journal, 'utf8')) yield String(text)
}

/** An account whose first line was signed by the CA that it names. Whether that CA is known is not looked at. */
export interface OpenedAccount {
  readonly ca: Certificate
  readonly head: AccountHead
  /** Gives the records of the journal in their order, each checked. @throws `SEALED_ACCOUNT_INVALID` */
  records(): AsyncGenerator<ChainedEntry<JournalRecord>, void, undefined>
  close(): Promise<void>
}

/** Opens an account. @throws `SEALED_ACCOUNT_INVALID` (peer), `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator) */
export async function openAccount(path: string): Promise<OpenedAccount> {
  const file = await openForReading(path)
  try {
    const { ca, head, at } = await readHead(file)
    return { ca, head, records: () => records(file, head, at), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

type AccountFile = Pick<ChainFile, 'read' | 'sizeAtOpen'>

async function readHead(
  file: AccountFile,
): Promise<{ readonly ca: Certificate; readonly head: AccountHead; readonly at: number }> {
  const start = await file.read(0, HEAD_BYTES_MAX)
  const at = start.indexOf(LINE_FEED) + 1
  const line = at === 0 ? undefined : decodeUtf8(start.subarray(0, at - 1))
  if (line === undefined) throw invalid('its first line cannot be read')
  const parsed = readJsonObject(line, (members) => ({
    format: members.word('format', [ACCOUNT_FORMAT]),
    ca: members.base64('ca', 4096),
    entries: members.integer('entries', 1, Number.MAX_SAFE_INTEGER),
    hash: members.text('hash', /^[0-9a-f]{64}$/, 'a SHA-256 in hex'),
    signature: members.base64('signature', 4096),
  }))
  if (!parsed.ok) throw invalid(parsed.problems.join('; '))
  const { entries, hash, signature } = parsed.value
  const ca = readCertificate(parsed.value.ca)
  const algorithm = signatureAlgorithmOf(ca.publicKey)
  const message = accountMessage(ca.fingerprint, { entries, hash })
  if (algorithm === undefined || !verifySignature({ publicKey: ca.publicKey, algorithm, message, signature })) {
    throw invalid('the key of its CA did not sign it')
  }
  return { ca, head: { entries, hash }, at }
}

function readCertificate(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (!isFault(error)) throw error
    throw invalid(error.message)
  }
}

async function* records(
  file: AccountFile,
  { entries, hash }: AccountHead,
  at: number,
): AsyncGenerator<ChainedEntry<JournalRecord>, void, undefined> {
  for await (const step of walkChain(file, file.sizeAtOpen, readJournalRecord, { position: CHAIN_START, at })) {
    if (step.kind === 'entry') yield step.entry
    else if (step.kind === 'damage') throw invalid(`line ${step.line} of the journal: ${step.why}`)
    else if (step.tornBytes > 0 || step.position.seq !== entries || step.position.previous !== hash) {
      throw invalid('the journal does not end where its CA says')
    }
  }
}

function invalid(why: string): Error {
  return sealedFault('SEALED_ACCOUNT_INVALID', { why })
}

/** The form of the file; another one is refused. */
const ACCOUNT_FORMAT = 'birthmark-account/1'

/** Room for the first line. */
const HEAD_BYTES_MAX = 16_384
const LINE_FEED = 0x0a
