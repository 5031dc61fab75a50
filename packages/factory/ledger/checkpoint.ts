import { readJsonObject } from '@birthmark/factory/json'
import type { Signer } from '@birthmark/foundation/x509'
import { ledgerFault } from './faults.ts'
import type { LedgerView } from './ledger-view.ts'
import { consistencyPath, isConsistent } from './merkle.ts'
import { WRITER_NAME } from './records.ts'
import {
  type Checkpoint,
  isCheckpointSigned,
  noteSignature,
  parseCheckpoint,
  signTreeHead,
  WRITER_ALGORITHM,
} from './tree-head.ts'

/**
 * Gives the checkpoint of a ledger: its size and root as its last writer signed them.
 *
 * @throws `LEDGER_DAMAGED`, `FILE_UNUSABLE`
 */
export async function checkpointOf(view: LedgerView): Promise<Checkpoint> {
  const { size, writer, signature } = await view.lastSeal()
  const root = await view.treeHashes()(0, size)
  const known = view.writers.get(writer)
  const signatures = known === undefined ? [] : [noteSignature(known, signature)]
  return { ledger: view.id, size, root, signatures }
}

/** Reads a checkpoint from its file. @throws `CHECKPOINT_INVALID` (peer) */
export function readCheckpoint(text: string): Checkpoint {
  const checkpoint = parseCheckpoint(text)
  if (checkpoint !== undefined) return checkpoint
  throw ledgerFault('CHECKPOINT_INVALID', { why: 'it does not have the form of one' })
}

/**
 * Writes what shows that an earlier checkpoint is the beginning of a later one (RFC 9162 §2.1.4), for a witness that
 * has not the ledger.
 *
 * @throws `CHECKPOINT_INVALID` (peer)
 */
export async function proveConsistency(view: LedgerView, earlier: Checkpoint, later: Checkpoint): Promise<string> {
  if (earlier.ledger !== view.id || earlier.size > later.size) {
    throw ledgerFault('CHECKPOINT_INVALID', { why: 'it is of another ledger, or later' })
  }
  const path = await consistencyPath(earlier.size, later.size, view.treeHashes())
  const nodes = path.map((node) => Buffer.from(node).toString('base64'))
  return `${JSON.stringify({ format: CONSISTENCY_FORMAT, first: earlier.size, second: later.size, path: nodes })}\n`
}

/** What a witness goes by. */
export interface WitnessRequest {
  readonly checkpoint: Checkpoint
  /** The key of the ledger's writer, DER SubjectPublicKeyInfo. */
  readonly writerKey: Uint8Array
  /** The checkpoint that it signed last, and what {@link proveConsistency} wrote; without them this is the first. */
  readonly previous?: { readonly checkpoint: Checkpoint; readonly consistency: string }
  readonly witness: { readonly name: string; readonly signer: Signer }
}

/**
 * Signs a checkpoint as a third party: from then on nobody can show another history up to there.
 *
 * @returns The checkpoint with one signature more.
 * @throws `CHECKPOINT_INVALID` (peer), `LEDGER_WRITER_UNFIT` (operator)
 */
export async function witnessCheckpoint(request: WitnessRequest): Promise<Checkpoint> {
  const { checkpoint, writerKey, previous, witness } = request
  const { name, signer } = witness
  if (signer.algorithm !== WRITER_ALGORITHM) throw ledgerFault('LEDGER_WRITER_UNFIT', { why: 'its key is not P-256' })
  if (!WRITER_NAME.test(name)) throw ledgerFault('LEDGER_WRITER_UNFIT', { why: 'its name is not of that form' })
  const refuse = (why: string): Error => ledgerFault('CHECKPOINT_INVALID', { why })
  if (!isCheckpointSigned(checkpoint, writerKey)) throw refuse('the given writer did not sign it')
  if (previous !== undefined) {
    const { checkpoint: first, consistency } = previous
    if (!isCheckpointSigned(first, signer.publicKey)) throw refuse('the previous one was not witnessed with this key')
    const isLater = first.ledger === checkpoint.ledger && isConsistent(first, checkpoint, readPath(consistency))
    if (!isLater) throw refuse('it is not what the previous one grew into')
  }
  const signature = await signTreeHead(checkpoint.ledger, checkpoint, signer)
  const added = noteSignature({ name, publicKey: signer.publicKey }, signature)
  return { ...checkpoint, signatures: [...checkpoint.signatures, added] }
}

function readPath(text: string): readonly Uint8Array[] {
  const parsed = readJsonObject(text, (members) => {
    members.word('format', [CONSISTENCY_FORMAT])
    members.integer('first', 1, Number.MAX_SAFE_INTEGER)
    members.integer('second', 1, Number.MAX_SAFE_INTEGER)
    return members.texts('path', /^[A-Za-z0-9+/]{43}=$/, 'hashes in base64', { least: 0 })
  })
  if (!parsed.ok) throw ledgerFault('CHECKPOINT_INVALID', { why: parsed.problems.join('; ') })
  return parsed.value.map((node) => new Uint8Array(Buffer.from(node, 'base64')))
}

const CONSISTENCY_FORMAT = 'birthmark-ledger-consistency/1'
