import type { ChainFile } from './chain-file.ts'
import { type ChainPosition, decodeChainLine } from './chain-line.ts'
import { type ChainedEntry, type Place, readLines } from './chain-reader.ts'
import { ledgerFault } from './faults.ts'
import { TILE_LEAVES } from './index-file.ts'
import type { LedgerDevice, LedgerIndex, StageCounts } from './ledger-index.ts'
import { leafHash, nodeHash, type RangeHash, rangeHash, splitOf } from './merkle.ts'
import { type DeviceStage, type LedgerRecord, readLedgerRecord } from './records.ts'
import type { SealedState } from './sealed-reader.ts'
import type { LedgerWriter } from './tree-head.ts'

/** What a view of a ledger looks at. */
export interface LedgerParts {
  readonly path: string
  readonly file: Pick<ChainFile, 'read'>
  readonly index: LedgerIndex
  /** Behind the last seal. */
  readonly state: SealedState
}

/** What can be asked of a ledger without writing into it. */
export class LedgerView {
  readonly #parts: LedgerParts

  constructor(parts: LedgerParts) {
    this.#parts = parts
  }

  /** The number of durable entries and the hash of the last; a manifest names both. */
  get head(): { readonly entries: number; readonly hash: string } {
    const { seq, previous } = this.#parts.state.position
    return { entries: seq, hash: previous }
  }

  /** The ledger's own number. */
  get id(): string {
    return this.#parts.state.ledger
  }

  /** Who may write, by key id. */
  get writers(): ReadonlyMap<string, LedgerWriter> {
    return this.#parts.state.writers
  }

  /** Gives what is known of a device; `undefined` for one that was never begun. */
  device(uid: string): LedgerDevice | undefined {
    return this.#parts.index.get(uid)
  }

  /** Gives the stages of many devices, up to some thousands; those that were never begun are absent. */
  stages(uids: readonly string[]): ReadonlyMap<string, DeviceStage> {
    return this.#parts.index.stages(uids)
  }

  /** Counts the devices of an order by stage. */
  count(order: string): StageCounts {
    return this.#parts.index.count(order)
  }

  /** The orders that devices were begun under. */
  get orders(): readonly string[] {
    return this.#parts.index.orders
  }

  /** Gives up to `limit` devices in the order of their numbers, after the number `after`. */
  list(filter: {
    readonly after: string
    readonly limit: number
    readonly order?: string
    readonly stage?: DeviceStage
  }): LedgerDevice[] {
    return this.#parts.index.list(filter)
  }

  /** Gives the durable entries of one device, in their order, each as it stands in the file. */
  async entriesOf(uid: string): Promise<(ChainedEntry<LedgerRecord> & { readonly bytes: Uint8Array })[]> {
    const entries: (ChainedEntry<LedgerRecord> & { readonly bytes: Uint8Array })[] = []
    for (const { seq, ...place } of this.#parts.index.places(uid)) {
      const bytes = await this.#parts.file.read(place.at, place.bytes)
      entries.push({ ...this.#decode(bytes, { seq }, place), bytes })
    }
    return entries
  }

  /**
   * Gives every durable record about a device, in order and in constant memory; each line is checked by itself.
   *
   * @param kind Only those of this kind.
   * @throws `LEDGER_DAMAGED`, `FILE_UNUSABLE`
   */
  async *entries(kind?: DeviceStage): AsyncGenerator<ChainedEntry<LedgerRecord>, void, undefined> {
    const { file, path, state } = this.#parts
    const size = state.size
    let seq = 0
    for await (const line of readLines(file, size, 0)) {
      if (line === 'too-long') throw ledgerFault('LEDGER_DAMAGED', { path, line: seq + 1, why: 'it is too long' })
      const bytes = Buffer.from(line.bytes.buffer, line.bytes.byteOffset, line.bytes.length)
      const isAbout = kind === undefined ? !NOT_A_DEVICE.some((words) => bytes.includes(words)) : isOf(bytes, kind)
      if (isAbout) yield this.#decode(bytes, { seq }, { at: line.at, bytes: bytes.length })
      seq += 1
    }
  }

  /**
   * Gives the kind of every line and what it is about: the order of a device's line, the writer of a seal. Quick, and
   * nothing is checked: for counting in a ledger that was verified.
   */
  async *outline(): AsyncGenerator<{ readonly kind: string; readonly about: string }, void, undefined> {
    const { file, state } = this.#parts
    for await (const line of readLines(file, state.size, 0)) {
      if (line === 'too-long') return
      const start = Buffer.from(line.bytes.buffer, line.bytes.byteOffset, Math.min(line.bytes.length, OUTLINE_BYTES))
      const [, kind, order, writer] = OUTLINE.exec(start.toString('latin1')) ?? []
      if (kind !== undefined) yield { kind, about: order ?? writer ?? '' }
    }
  }

  /** The first seal at or after entry `seq`: the line, and what it signed. @throws `LEDGER_DAMAGED` */
  async sealAfter(
    seq: number,
    place: Place,
  ): Promise<{ readonly size: number; readonly writer: string; readonly signature: Uint8Array }> {
    const { file, path, state } = this.#parts
    let at = seq
    for await (const line of readLines(file, state.size, place.at)) {
      if (line === 'too-long') break
      const parsed = decodeChainLine(line.bytes, { seq: at }, readLedgerRecord)
      if (!parsed.ok) break
      const { content } = parsed.value
      if (content.kind === 'sealed') return { size: at, writer: content.writer, signature: content.signature }
      at += 1
    }
    throw ledgerFault('LEDGER_DAMAGED', { path, line: at + 1, why: 'no seal can be read there' })
  }

  /** The last seal: what it signed are all lines before it. @throws `LEDGER_DAMAGED`, `FILE_UNUSABLE` */
  async lastSeal(): Promise<{ readonly size: number; readonly writer: string; readonly signature: Uint8Array }> {
    const { file, state } = this.#parts
    const from = Math.max(state.size - SEAL_BYTES_MAX, 0)
    const end = Buffer.from(await file.read(from, state.size - from))
    const at = from + end.lastIndexOf(0x0a, end.length - 2) + 1
    return this.sealAfter(state.position.seq - 1, { at, bytes: state.size - at - 1 })
  }

  /** Gives what computes the hashes of the tree: from tiles where they are complete, from the file elsewhere. */
  treeHashes(): RangeHash {
    const tiles = this.#parts.index.tiles()
    const roots = tiles.map(({ root }) => root)
    const leavesOf = new Map<number, Promise<readonly Uint8Array[]>>()
    const leaves = (tile: number): Promise<readonly Uint8Array[]> => {
      const known = leavesOf.get(tile) ?? this.#readLeaves(tiles[tile]?.at ?? 0, tiles[tile + 1]?.at)
      leavesOf.set(tile, known)
      return known
    }
    const hashOf: RangeHash = async (from, to) => {
      const tile = Math.floor(from / TILE_LEAVES)
      const root = from % TILE_LEAVES === 0 && to - from === TILE_LEAVES ? roots[tile] : undefined
      if (root !== undefined) return root
      const offset = from - tile * TILE_LEAVES
      if (to - from <= TILE_LEAVES && offset + to - from <= TILE_LEAVES) {
        return rangeHash((await leaves(tile)).slice(offset, offset + to - from))
      }
      const middle = from + splitOf(to - from)
      return nodeHash(await hashOf(from, middle), await hashOf(middle, to))
    }
    return hashOf
  }

  async #readLeaves(from: number, to = this.#parts.state.size): Promise<readonly Uint8Array[]> {
    const leaves: Uint8Array[] = []
    for await (const line of readLines(this.#parts.file, to, from)) {
      if (line !== 'too-long') leaves.push(leafHash(line.bytes))
    }
    return leaves
  }

  #decode(bytes: Uint8Array, position: Pick<ChainPosition, 'seq'>, place: Place): ChainedEntry<LedgerRecord> {
    const { path } = this.#parts
    const line = decodeChainLine(bytes, position, readLedgerRecord)
    const why = line.ok ? 'it is not about a device' : line.problems.join('; ')
    if (line.ok) {
      const { content } = line.value
      if (content.kind !== 'ledger' && content.kind !== 'writer' && content.kind !== 'sealed') {
        return { ...line.value, content, place }
      }
    }
    throw ledgerFault('LEDGER_DAMAGED', { path, line: position.seq + 1, why })
  }
}

/** Looks for the words with which such a record begins; only a writer of the ledger could put them elsewhere. */
function isOf(line: Buffer, kind: string): boolean {
  return line.includes(`"record":{"kind":"${kind}"`)
}

/** More than the line of a seal has. */
const SEAL_BYTES_MAX = 1024

/** The beginning of a line up to the order, or the writer. */
const OUTLINE = /"record":\{"kind":"([a-z-]+)",(?:"order":"([^"]+)"|"from":\d+,"writer":"([0-9a-f]{64})")/
const OUTLINE_BYTES = 300

const NOT_A_DEVICE = ['ledger', 'writer', 'sealed'].map((kind) => `"record":{"kind":"${kind}"`)
