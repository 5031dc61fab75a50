import type { Members } from '@birthmark/factory/json'
import { equalBytes } from '@birthmark/foundation/kernel'
import { type ChainFile, openForReading } from './chain-file.ts'
import { walkChain } from './chain-reader.ts'
import { ledgerFault } from './faults.ts'
import { type AnyLedgerRecord, readLedgerRecord } from './records.ts'
import { emptyState, type SealedState, walkSealed } from './sealed-reader.ts'
import { type Checkpoint, isCheckpointSigned, keyIdOf } from './tree-head.ts'

/** What a check of a ledger found. Lines count from 1. */
export type LedgerVerdict =
  | {
      readonly ok: true
      /** `birthmark-ledger/1` has no signatures: only its chain was checked. */
      readonly format: 'birthmark-ledger/1' | 'birthmark-ledger/2'
      readonly entries: number
      /** The hash of the last entry. */
      readonly hash: string
      /** Bytes after the last line, or seal: a write that a crash cut short. Opening the ledger removes them. */
      readonly tornBytes: number
      /** The key id and name of each key that may write here, the founder first. */
      readonly writers: readonly { readonly name: string; readonly keyId: string }[]
    }
  | { readonly ok: false; readonly line: number; readonly why: string }

/** What the ledger must also agree with. */
export interface LedgerExpectations {
  /** How long it was and what its last hash was: what a manifest, or an earlier check, says. */
  readonly head?: { readonly entries: number; readonly hash: string }
  /** The key, DER SubjectPublicKeyInfo, of whoever founded it. */
  readonly founder?: Uint8Array
  /** What was given out, maybe witnessed, before. */
  readonly checkpoint?: Checkpoint
  /** The keys of witnesses that must have signed the checkpoint. */
  readonly witnesses?: readonly Uint8Array[]
}

/**
 * Checks a ledger from its first line, beside the process that may be appending to it: the chain and every signature.
 * Finds every line that was edited, removed, added or moved, and names the first bad one; where somebody computed all
 * hashes anew, the first line of those that one signature covers. That lines are missing at the end only shows when
 * there is a head or a checkpoint, and that everything is another history only against a founder or a witness.
 *
 * @throws `LEDGER_FOUNDER_OTHER`, `CHECKPOINT_INVALID`, and `LEDGER_UNSIGNED` where a founder or a checkpoint is
 * expected of a ledger without signatures, because these are no damage; `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`
 * (operator)
 */
export async function verifyLedger(path: string, expected: LedgerExpectations = {}): Promise<LedgerVerdict> {
  const file = await openForReading(path)
  try {
    const state = emptyState()
    const check = new Expectations(path, expected)
    for await (const step of walkSealed(file, file.sizeAtOpen, state)) {
      if (step.kind === 'damage') {
        if (step.line !== 1 || !(await isOld(file))) return { ok: false, ...bad(step) }
        refuseUnsigned(path, expected)
        return await verifyOld(file, expected)
      }
      if (step.kind === 'end') return check.end(state, step.unsealedBytes)
      for (const entry of step.entries) {
        const why = check.entry(entry, state)
        if (why !== undefined) return { ok: false, line: entry.seq + 1, why }
      }
    }
    return { ok: false, line: 1, why: 'the file could not be read to its end' }
  } finally {
    await file.close()
  }
}

/** Compares a ledger, line by line, with what was known of it before. */
class Expectations {
  readonly #path: string
  readonly #expected: LedgerExpectations
  readonly #tree = emptyState().frontier

  constructor(path: string, expected: LedgerExpectations) {
    this.#path = path
    this.#expected = expected
  }

  /** @returns What is wrong with the entry. @throws `LEDGER_FOUNDER_OTHER`, `CHECKPOINT_INVALID` */
  entry(
    entry: { seq: number; hash: string; content: AnyLedgerRecord; leaf: Uint8Array },
    state: SealedState,
  ): string | undefined {
    const { head, founder, checkpoint } = this.#expected
    const { seq, hash, content, leaf } = entry
    if (head !== undefined && seq === head.entries - 1 && hash !== head.hash) {
      return 'it is not the entry that the given head names'
    }
    if (content.kind === 'ledger') {
      if (founder !== undefined && !equalBytes(founder, content.publicKey)) {
        const keys = { founder: keyIdOf(content.publicKey), given: keyIdOf(founder) }
        throw ledgerFault('LEDGER_FOUNDER_OTHER', { path: this.#path, ...keys })
      }
      if (checkpoint !== undefined && checkpoint.ledger !== content.id) throw unfit('it is of another ledger')
    }
    if (checkpoint === undefined || this.#tree.size > checkpoint.size) return undefined
    if (seq === checkpoint.size) return this.#compare(checkpoint, state)
    this.#tree.append(leaf)
    return undefined
  }

  end(state: SealedState, tornBytes: number): LedgerVerdict {
    const { head, checkpoint } = this.#expected
    const { seq: entries, previous: hash } = state.position
    const before = Math.max(head?.entries ?? 0, checkpoint?.size ?? 0)
    if (entries < before) {
      return { ok: false, line: entries + 1, why: `it is missing: ${before} entries were there before` }
    }
    if (entries === 0) return { ok: false, line: 1, why: 'there is no heading' }
    const writers = [...state.writers.values()].map(({ name, publicKey }) => ({ name, keyId: keyIdOf(publicKey) }))
    return { ok: true, format: 'birthmark-ledger/2', entries, hash, tornBytes, writers }
  }

  #compare(checkpoint: Checkpoint, { writers }: SealedState): string | undefined {
    if (!equalBytes(this.#tree.root(), checkpoint.root)) return 'the lines before it are not those of the checkpoint'
    const isWritten = [...writers.values()].some(({ publicKey }) => isCheckpointSigned(checkpoint, publicKey))
    if (!isWritten) throw unfit('no writer of this ledger signed it')
    const missing = (this.#expected.witnesses ?? []).find((key) => !isCheckpointSigned(checkpoint, key))
    if (missing !== undefined) throw unfit(`the witness ${keyIdOf(missing)} did not sign it`)
    return undefined
  }
}

/** What is wrong with a checkpoint is no damage of the ledger. */
function unfit(why: string): Error {
  return ledgerFault('CHECKPOINT_INVALID', { why })
}

/** Without signatures nothing shows who wrote it: it may stand in the place of one that has them. */
function refuseUnsigned(path: string, { founder, checkpoint }: LedgerExpectations): void {
  if (founder !== undefined || checkpoint !== undefined) throw ledgerFault('LEDGER_UNSIGNED', { path })
}

async function isOld(file: Pick<ChainFile, 'read' | 'sizeAtOpen'>): Promise<boolean> {
  for await (const step of walkChain(file, file.sizeAtOpen, readOldRecord)) return step.kind === 'entry'
  return false
}

/** The form before signatures: the chain is all there is. */
async function verifyOld(
  file: Pick<ChainFile, 'read' | 'sizeAtOpen'>,
  { head }: LedgerExpectations,
): Promise<LedgerVerdict> {
  for await (const step of walkChain(file, file.sizeAtOpen, readOldRecord)) {
    if (step.kind === 'damage') return { ok: false, ...bad(step) }
    if (step.kind === 'entry') {
      const { seq, hash } = step.entry
      if (head !== undefined && seq === head.entries - 1 && hash !== head.hash) {
        return { ok: false, line: seq + 1, why: 'it is not the entry that the given head names' }
      }
      continue
    }
    const { seq: entries, previous: hash } = step.position
    if (head !== undefined && entries < head.entries) {
      return { ok: false, line: entries + 1, why: `it is missing: ${head.entries} entries were there before` }
    }
    return { ok: true, format: 'birthmark-ledger/1', entries, hash, tornBytes: step.tornBytes, writers: [] }
  }
  return { ok: false, line: 1, why: 'the file could not be read to its end' }
}

function readOldRecord(members: Members): AnyLedgerRecord | 'old heading' {
  if (members.word('kind', ['ledger', 'begun', 'made', 'locked', 'scrapped']) !== 'ledger') {
    return readLedgerRecord(members)
  }
  members.word('format', ['birthmark-ledger/1'])
  return 'old heading'
}

function bad({ line, why }: { readonly line: number; readonly why: string }): { line: number; why: string } {
  return { line, why }
}
