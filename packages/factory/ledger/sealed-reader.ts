import type { ChainFile } from './chain-file.ts'
import { CHAIN_START, type ChainPosition } from './chain-line.ts'
import { type ChainedEntry, walkChain } from './chain-reader.ts'
import { Frontier, leafHash } from './merkle.ts'
import { type AnyLedgerRecord, readLedgerRecord, type SealRecord } from './records.ts'
import { isTreeHeadSigned, keyIdOf, type LedgerWriter } from './tree-head.ts'

/** Where a ledger stands after its last seal. The walk moves it on. */
export interface SealedState {
  /** The number of the ledger; empty before its heading. */
  ledger: string
  /** Who may write, by key id. */
  readonly writers: Map<string, LedgerWriter>
  position: ChainPosition
  /** Bytes of the file up to here. */
  size: number
  frontier: Frontier
}

/** One line of a ledger, and its leaf in the tree. */
export interface SealedEntry extends ChainedEntry<AnyLedgerRecord> {
  readonly leaf: Uint8Array
}

/** What the walk through a ledger meets next. */
export type SealedStep =
  /** Entries that one writer signed together; the last one is the seal. */
  | { readonly kind: 'batch'; readonly entries: readonly SealedEntry[] }
  /** The last step of an undamaged file. What no seal covers was never acknowledged to anybody. */
  | { readonly kind: 'end'; readonly unsealedBytes: number }
  /** The last step of a damaged one. Lines count from 1. */
  | { readonly kind: 'damage'; readonly line: number; readonly why: string }

/** Gives the state before the first line. */
export function emptyState(): SealedState {
  return { ledger: '', writers: new Map(), position: CHAIN_START, size: 0, frontier: new Frontier() }
}

/**
 * Walks through a ledger from `state` on: checks the chain line by line, and each signature over the root of the tree.
 * `state` stands behind a batch when that is given out.
 */
export async function* walkSealed(
  file: Pick<ChainFile, 'read'>,
  size: number,
  state: SealedState,
): AsyncGenerator<SealedStep, void, undefined> {
  let batch: SealedEntry[] = []
  for await (const step of walkChain(file, size, readLedgerRecord, { position: state.position, at: state.size })) {
    if (step.kind === 'damage') return yield step
    if (step.kind === 'end') break
    const { entry } = step
    const isFirst = entry.seq === 0
    if ((entry.content.kind === 'ledger') !== isFirst) {
      return yield damage(entry.seq, 'a ledger has one heading, and it comes first')
    }
    batch.push({ ...entry, leaf: leafHash(step.bytes) })
    if (entry.content.kind === 'sealed') {
      const why = confirm(batch, entry.content, state)
      if (why !== undefined) return yield damage(state.position.seq, why)
      yield { kind: 'batch', entries: batch }
      batch = []
    } else if (batch.length > BATCH_COUNT_MAX) {
      return yield damage(entry.seq, `more than ${BATCH_COUNT_MAX} entries stand without a seal`)
    }
  }
  yield { kind: 'end', unsealedBytes: size - state.size }
}

/** Checks a seal and moves the state behind it. @returns What is wrong; then the state is where it was. */
function confirm(batch: readonly SealedEntry[], seal: SealRecord, state: SealedState): string | undefined {
  const first = batch[0]?.seq ?? 0
  const last = batch.at(-1)
  if (last === undefined || seal.from !== first) return 'its seal begins at another line'
  const { ledger, writers } = admitted(batch, state)
  const writer = writers.get(seal.writer)
  if (writer === undefined) return 'it is sealed by a key that may not write here'
  const after = state.frontier.copy()
  for (const { leaf } of batch.slice(0, -1)) after.append(leaf)
  const head = { size: last.seq, root: after.root() }
  if (!isTreeHeadSigned(ledger, head, writer.publicKey, seal.signature)) {
    return `lines ${first + 1} to ${last.seq} are not what ${writer.name} signed in line ${last.seq + 1}`
  }
  after.append(last.leaf)
  state.frontier = after
  state.ledger = ledger
  for (const { content } of batch) if (content.kind === 'writer') state.writers.set(keyIdOf(content.publicKey), content)
  const [founder] = batch
  if (founder?.content.kind === 'ledger') state.writers.set(keyIdOf(founder.content.publicKey), founder.content)
  state.position = { seq: last.seq + 1, previous: last.hash }
  state.size = last.place.at + last.place.bytes + 1
  return undefined
}

/** Who may seal this batch: whoever could before, and for the first one whoever its heading names. */
function admitted(
  [first]: readonly SealedEntry[],
  state: SealedState,
): { readonly ledger: string; readonly writers: ReadonlyMap<string, LedgerWriter> } {
  if (first?.content.kind !== 'ledger') return state
  const { id, name, publicKey } = first.content
  return { ledger: id, writers: new Map([[keyIdOf(publicKey), { name, publicKey }]]) }
}

function damage(seq: number, why: string): { readonly kind: 'damage'; readonly line: number; readonly why: string } {
  return { kind: 'damage', line: seq + 1, why }
}

/** Entries under one seal. More would only make the first of them wait longer for their signature. */
export const BATCH_COUNT_MAX = 1024
