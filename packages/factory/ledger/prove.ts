import { readJsonObject } from '@birthmark/factory/json'
import { encodeUtf8, equalBytes } from '@birthmark/foundation/kernel'
import { decodeChainLine } from './chain-line.ts'
import type { ChainedEntry } from './chain-reader.ts'
import { ledgerFault } from './faults.ts'
import type { LedgerView } from './ledger-view.ts'
import { HASH_BYTES, inclusionPath, leafHash, type RangeHash, rootOfInclusion } from './merkle.ts'
import { ELEMENT_UID, type LedgerRecord, readLedgerRecord } from './records.ts'
import {
  type Checkpoint,
  formatCheckpoint,
  isCheckpointSigned,
  isTreeHeadSigned,
  keyIdOf,
  parseCheckpoint,
} from './tree-head.ts'

/** Largest proof of one device, in bytes. */
export const PROOF_BYTES_MAX = 10_000

/** What a proof shows: these entries stand in this ledger. That nothing was added later no proof can show. */
export interface ProvedDevice {
  readonly ledger: string
  readonly uid: string
  readonly entries: readonly ChainedEntry<LedgerRecord>[]
}

/** Whose signatures a proof needs. Keys are DER SubjectPublicKeyInfo. */
export interface ProofKeys {
  /** Each entry must be signed by one of them, or the checkpoint must. */
  readonly writers: readonly Uint8Array[]
  /** Each must have signed the checkpoint. */
  readonly witnesses?: readonly Uint8Array[]
}

/**
 * Writes a file that shows that a device is in a ledger, to anybody who has the writer's key and not the ledger: the
 * entries themselves, each with its path through the tree to a root that its writer signed, or to that of a checkpoint.
 * Of a device with more entries than fit, the certificate and the latest ones are in it.
 *
 * @throws `LEDGER_DEVICE_UNKNOWN`, `CHECKPOINT_INVALID` when it is of another ledger, or earlier than the device
 */
export async function proveDevice(view: LedgerView, uid: string, checkpoint?: Checkpoint): Promise<string> {
  const entries = await view.entriesOf(uid)
  if (entries.length === 0) throw ledgerFault('LEDGER_DEVICE_UNKNOWN', { uid })
  if (checkpoint !== undefined && checkpoint.ledger !== view.id) {
    throw ledgerFault('CHECKPOINT_INVALID', { why: 'it is of another ledger' })
  }
  const hashOf = view.treeHashes()
  const proved: ProvedJson[] = []
  for (const entry of entries) proved.push(await proveEntry(view, entry, checkpoint, hashOf))
  const heading = {
    format: PROOF_FORMAT,
    ledger: view.id,
    uid,
    ...(checkpoint !== undefined && { checkpoint: formatCheckpoint(checkpoint) }),
  }
  const isNeeded = (index: number): boolean => entries[index]?.content.kind === 'made' || index === proved.length - 1
  const write = (): string =>
    `${JSON.stringify({ ...heading, entries: proved.filter((one) => one.isKept).map(plain) })}\n`
  for (const [index, one] of proved.entries())
    if (write().length > PROOF_BYTES_MAX && !isNeeded(index)) one.isKept = false
  return write()
}

/**
 * Checks a proof.
 *
 * @throws `PROOF_INVALID` (peer)
 */
export function checkProof(text: string, { writers, witnesses = [] }: ProofKeys): ProvedDevice {
  const parsed = readJsonObject(text, (members) => {
    members.word('format', [PROOF_FORMAT])
    return {
      ledger: members.text('ledger', /^[0-9a-f]{32}$/, 'the number of a ledger'),
      uid: members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case'),
      note: members.has('checkpoint') ? members.text('checkpoint', /^[^]{1,20000}$/, 'a checkpoint') : undefined,
      entries: members.objects('entries', (entry) => ({
        line: entry.text('line', /^.{1,65536}$/, 'a line of a ledger'),
        size: entry.integer('size', 1, Number.MAX_SAFE_INTEGER),
        path: entry.texts('path', /^[A-Za-z0-9+/]{43}=$/, 'hashes in base64', { least: 0 }).map(bytesOf),
        signature: entry.has('signature') ? entry.base64('signature', 80) : undefined,
      })),
    }
  })
  if (!parsed.ok) throw invalid(parsed.problems.join('; '))
  const { ledger, uid, note, entries } = parsed.value
  const checkpoint = note === undefined ? undefined : readCheckpoint(note, ledger, writers)
  for (const key of witnesses) {
    if (checkpoint === undefined || !isCheckpointSigned(checkpoint, key)) {
      throw invalid(`the witness ${keyIdOf(key)} signed no checkpoint in it`)
    }
  }
  if (entries.length === 0) throw invalid('it holds no entry')
  return { ledger, uid, entries: entries.map((entry) => checkEntry(entry, uid, ledger, checkpoint, writers)) }
}

interface ProvedJson {
  readonly line: string
  readonly size: number
  readonly signature?: string
  readonly path: readonly string[]
  isKept: boolean
}

interface ReadEntry {
  readonly line: string
  readonly size: number
  readonly path: readonly Uint8Array[]
  readonly signature: Uint8Array | undefined
}

async function proveEntry(
  view: LedgerView,
  { seq, place, bytes }: ChainedEntry<LedgerRecord> & { readonly bytes: Uint8Array },
  checkpoint: Checkpoint | undefined,
  hashOf: RangeHash,
): Promise<ProvedJson> {
  if (checkpoint !== undefined && seq >= checkpoint.size) {
    throw ledgerFault('CHECKPOINT_INVALID', {
      why: `it is of ${checkpoint.size} lines, and this is in line ${seq + 1}`,
    })
  }
  const seal = checkpoint === undefined ? await view.sealAfter(seq, place) : undefined
  const size = checkpoint?.size ?? seal?.size ?? 0
  const path = await inclusionPath(seq, size, hashOf)
  return {
    line: Buffer.from(bytes).toString('utf8'),
    size,
    ...(seal !== undefined && { signature: Buffer.from(seal.signature).toString('base64') }),
    path: path.map((node) => Buffer.from(node).toString('base64')),
    isKept: true,
  }
}

function plain({ line, size, signature, path }: ProvedJson): object {
  return { line, size, ...(signature !== undefined && { signature }), path }
}

function checkEntry(
  { line, size, path, signature }: ReadEntry,
  uid: string,
  ledger: string,
  checkpoint: Checkpoint | undefined,
  writers: readonly Uint8Array[],
): ChainedEntry<LedgerRecord> {
  const bytes = encodeUtf8(line)
  const seq = Number(/^\{"seq":(\d{1,16}),/.exec(line)?.[1] ?? Number.NaN)
  const decoded = decodeChainLine(bytes, { seq }, readLedgerRecord)
  if (!decoded.ok) throw invalid(decoded.problems.join('; '))
  const { content } = decoded.value
  if (content.kind === 'ledger' || content.kind === 'writer' || content.kind === 'sealed' || content.uid !== uid) {
    throw invalid('one of its entries is not about this device')
  }
  const root = rootOfInclusion(leafHash(bytes), seq, size, path)
  if (root === undefined) throw invalid(`the path of line ${seq + 1} leads nowhere`)
  if (checkpoint !== undefined) {
    const isIts = checkpoint.size === size && equalBytes(checkpoint.root, root)
    if (!isIts) throw invalid(`line ${seq + 1} is not in the tree of the checkpoint`)
  } else if (!writers.some((key) => signature && isTreeHeadSigned(ledger, { size, root }, key, signature))) {
    throw invalid(`no given key signed line ${seq + 1}`)
  }
  return { ...decoded.value, content, place: { at: 0, bytes: bytes.length } }
}

function readCheckpoint(note: string, ledger: string, writers: readonly Uint8Array[]): Checkpoint {
  const checkpoint = parseCheckpoint(note)
  if (checkpoint === undefined) throw invalid('its checkpoint cannot be read')
  if (checkpoint.ledger !== ledger) throw invalid('its checkpoint is of another ledger')
  if (!writers.some((key) => isCheckpointSigned(checkpoint, key))) throw invalid('no given key signed its checkpoint')
  return checkpoint
}

function bytesOf(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64')
  // One spelling each; what has another leads nowhere.
  return bytes.toString('base64') === base64 ? new Uint8Array(bytes) : new Uint8Array(HASH_BYTES)
}

function invalid(why: string): Error {
  return ledgerFault('PROOF_INVALID', { why })
}

const PROOF_FORMAT = 'birthmark-ledger-proof/1'
