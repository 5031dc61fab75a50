import { readJsonObject } from '@birthmark/factory/json'
import type { Place } from './chain-reader.ts'
import { type DeviceRow, IndexFile, TILE_LEAVES, type TileRow } from './index-file.ts'
import { Frontier } from './merkle.ts'
import { DEVICE_STAGES, type DeviceStage, LEDGER_STEPS, type LedgerRecord, WRITER_NAME } from './records.ts'
import type { SealedEntry, SealedState } from './sealed-reader.ts'
import { keyIdOf } from './tree-head.ts'

/** One device as the ledger knows it. */
export type LedgerDevice = Omit<DeviceRow, 'places'>

/** How many devices of an order stand at each stage. */
export type StageCounts = Readonly<Record<DeviceStage, number>>

/**
 * Where every device of a ledger stands, and where its entries are in the file. On disk, beside the ledger; in memory
 * are the devices of the last few seconds, so that a million devices take no more room than a thousand.
 */
export class LedgerIndex {
  readonly #file: IndexFile
  readonly #mode: 'read-only' | 'writable'
  /** Devices as their durable entries left them, where the tables do not know yet. */
  readonly #changed = new Map<string, DeviceRow>()
  /** Devices with entries on their way to the disk, as these will leave them. */
  readonly #underWay = new Map<string, { row: DeviceRow; entries: number }>()
  /** Devices that the tables were asked for and did not know: each is asked for several times before it is. */
  readonly #absent = new Set<string>()
  readonly #counts = new Map<string, Record<DeviceStage, number>>()
  #tiles: TileRow[] = []
  /** The tile that grows. */
  #tile: { readonly number: number; readonly at: number; readonly frontier: Frontier } | undefined

  private constructor(file: IndexFile, mode: 'read-only' | 'writable' = 'writable') {
    this.#file = file
    this.#mode = mode
    for (const [order, stage, count] of file.counts()) this.#countsOf(order)[stage] = count
  }

  /** Opens the tables at `path`. @returns Them, and the state of the ledger up to which they know it, if they do. */
  static open(path: string): { readonly index: LedgerIndex; readonly state: SealedState | undefined } {
    const index = new LedgerIndex(IndexFile.open(path))
    const mark = index.#file.mark
    return { index, state: mark === undefined ? undefined : index.#readMark(mark) }
  }

  /** Does the same beside who writes, and changes nothing; `undefined` when there is nothing to read. */
  static openSnapshot(path: string): { readonly index: LedgerIndex; readonly state: SealedState } | undefined {
    const file = IndexFile.openSnapshot(path)
    if (file === undefined) return undefined
    const index = new LedgerIndex(file, 'read-only')
    const state = index.#readMark(file.mark ?? '')
    if (state !== undefined) return { index, state }
    index.close()
    return undefined
  }

  /** Opens empty tables, for a ledger that is read from its first line. @param path `TEMPORARY` for a reader. */
  static openAnew(path: string): LedgerIndex {
    return new LedgerIndex(IndexFile.openAnew(path))
  }

  get(uid: string): LedgerDevice | undefined {
    const row = this.#underWay.get(uid)?.row ?? this.#durable(uid)
    if (row === undefined) return undefined
    return deviceOf(row)
  }

  /** The stages of these devices, without those that were never begun. */
  stages(uids: readonly string[]): ReadonlyMap<string, DeviceStage> {
    const stages = this.#file.stages(uids)
    for (const uid of uids) {
      const row = this.#underWay.get(uid)?.row ?? this.#changed.get(uid)
      if (row !== undefined) stages.set(uid, row.stage)
    }
    return stages
  }

  /** Where the durable entries of a device stand, in their order. */
  places(uid: string): (Place & { readonly seq: number })[] {
    return (this.#durable(uid)?.places ?? '')
      .split(' ')
      .filter((text) => text !== '')
      .map((text) => text.split(':').map(Number))
      .map(([seq = 0, at = 0, bytes = 0]) => ({ seq, at, bytes }))
  }

  count(order: string): StageCounts {
    return { ...NONE, ...this.#counts.get(order) }
  }

  get orders(): readonly string[] {
    return [...this.#counts.keys()]
  }

  /** Gives up to `limit` devices in the order of their numbers. What is under way is not among them. */
  list(filter: {
    readonly after: string
    readonly limit: number
    readonly order?: string
    readonly stage?: DeviceStage
  }): LedgerDevice[] {
    const { after, limit, order, stage } = filter
    const saved = this.#file.devices(filter).filter(({ uid }) => !this.#changed.has(uid))
    const fresh = [...this.#changed.values()].filter((row) => {
      return row.uid > after && (order ?? row.order) === row.order && (stage ?? row.stage) === row.stage
    })
    const rows = [...saved, ...fresh].sort((left, right) => (left.uid < right.uid ? -1 : 1))
    return rows.slice(0, limit).map(deviceOf)
  }

  /** The tiles of the tree, the growing one included. */
  tiles(): readonly TileRow[] {
    const growing = this.#tile === undefined ? [] : [{ number: this.#tile.number, at: this.#tile.at }]
    const fresh = new Set([...this.#tiles, ...growing].map(({ number }) => number))
    const known = this.#file.tiles().filter(({ number }) => !fresh.has(number))
    return [...known, ...this.#tiles, ...growing]
  }

  /** Tells whether `record` may follow on what its device is now. */
  follows({ uid, order, kind }: LedgerRecord): boolean {
    const device = this.get(uid)
    if (device === undefined) return LEDGER_STEPS.unknown.includes(kind)
    return device.order === order && LEDGER_STEPS[device.stage].includes(kind)
  }

  /** Takes note of an entry that is on its way to the disk. @returns What takes it back. */
  begin(record: LedgerRecord): () => void {
    const { uid } = record
    const pending = this.#underWay.get(uid)
    const before = pending?.row ?? this.#durable(uid)
    const row = rowAfter(before, record)
    this.#underWay.set(uid, { row, entries: (pending?.entries ?? 0) + 1 })
    this.#recount(before, row)
    return () => {
      const current = this.#underWay.get(uid)?.row
      this.#underWay.delete(uid)
      this.#recount(current, this.#durable(uid))
    }
  }

  /** Takes note of entries that are on the disk, where {@link begin} saw them before or not. */
  apply(entries: readonly SealedEntry[]): void {
    for (const { seq, content, place, leaf } of entries) {
      this.#grow(seq, place.at, leaf)
      if (content.kind === 'ledger' || content.kind === 'writer' || content.kind === 'sealed') continue
      const { uid } = content
      const before = this.#durable(uid)
      const row = rowAfter(before, content)
      const at = `${seq}:${place.at}:${place.bytes}`
      this.#changed.set(uid, { ...row, places: before === undefined ? at : `${before.places} ${at}` })
      this.#absent.delete(uid)
      const pending = this.#underWay.get(uid)
      if (pending === undefined) this.#recount(before, row)
      else if (pending.entries === 1) this.#underWay.delete(uid)
      else pending.entries -= 1
    }
  }

  /** Writes what the tables do not know yet, when there is enough of it, or at once. */
  save(state: SealedState, when: 'enough' | 'now'): void {
    if (this.#mode === 'read-only') return
    if (when === 'enough' && this.#changed.size < CHANGED_COUNT_MAX) return
    const counts = [...this.#durableCounts()]
    this.#file.change({ mark: this.#writeMark(state), devices: this.#changed.values(), counts, tiles: this.#tiles })
    this.#changed.clear()
    this.#tiles = []
  }

  close(): void {
    this.#file.close()
  }

  #durable(uid: string): DeviceRow | undefined {
    const changed = this.#changed.get(uid)
    if (changed !== undefined || this.#absent.has(uid)) return changed
    const row = this.#file.device(uid)
    if (row !== undefined) return row
    if (this.#absent.size >= ABSENT_COUNT_MAX) this.#absent.clear()
    this.#absent.add(uid)
    return undefined
  }

  #grow(seq: number, at: number, leaf: Uint8Array): void {
    if (seq % TILE_LEAVES === 0) this.#tile = { number: seq / TILE_LEAVES, at, frontier: new Frontier() }
    const tile = this.#tile
    if (tile === undefined) return
    tile.frontier.append(leaf)
    if (tile.frontier.size < TILE_LEAVES) return
    this.#tiles.push({ number: tile.number, at: tile.at, root: tile.frontier.root() })
    this.#tile = undefined
  }

  #recount(before: LedgerDevice | undefined, after: LedgerDevice | undefined): void {
    if (before !== undefined) this.#countsOf(before.order)[before.stage] -= 1
    if (after !== undefined) this.#countsOf(after.order)[after.stage] += 1
  }

  /** The counts without what is under way. */
  *#durableCounts(): Generator<readonly [string, DeviceStage, number]> {
    const extra = new Map<string, number>()
    const add = (row: LedgerDevice | undefined, by: number): void => {
      if (row === undefined) return
      const key = `${row.order} ${row.stage}`
      extra.set(key, (extra.get(key) ?? 0) + by)
    }
    for (const [uid, { row }] of this.#underWay) {
      add(row, 1)
      add(this.#durable(uid), -1)
    }
    for (const [order, counts] of this.#counts) {
      for (const stage of DEVICE_STAGES) yield [order, stage, counts[stage] - (extra.get(`${order} ${stage}`) ?? 0)]
    }
  }

  #countsOf(order: string): Record<DeviceStage, number> {
    const known = this.#counts.get(order)
    if (known !== undefined) return known
    const counts = { ...NONE }
    this.#counts.set(order, counts)
    return counts
  }

  #writeMark({ ledger, writers, position, size, frontier }: SealedState): string {
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
    return JSON.stringify({
      ledger,
      writers: [...writers.values()].map(({ name, publicKey }) => `${name} ${base64(publicKey)}`),
      seq: position.seq,
      previous: position.previous,
      size,
      frontier: base64(frontier.toBytes()),
      ...(this.#tile !== undefined && { tileAt: this.#tile.at, tile: base64(this.#tile.frontier.toBytes()) }),
    })
  }

  #readMark(text: string): SealedState | undefined {
    const mark = readJsonObject(text, (members) => ({
      ledger: members.text('ledger', /^[0-9a-f]{32}$/, 'a number'),
      writers: members.texts('writers', /^[^ ]+ [^ ]+$/, 'writers'),
      seq: members.integer('seq', 1, Number.MAX_SAFE_INTEGER),
      previous: members.text('previous', /^[0-9a-f]{64}$/, 'a hash'),
      size: members.integer('size', 1, Number.MAX_SAFE_INTEGER),
      frontier: members.base64('frontier', 4096),
      tileAt: members.has('tileAt') ? members.integer('tileAt', 0, Number.MAX_SAFE_INTEGER) : 0,
      tile: members.has('tile') ? members.base64('tile', 4096) : undefined,
    }))
    if (!mark.ok) return undefined
    const { ledger, writers, seq, previous, size, frontier, tileAt, tile } = mark.value
    if (tile !== undefined) {
      const grown = Frontier.restore(seq % TILE_LEAVES, tile)
      this.#tile = { number: Math.floor(seq / TILE_LEAVES), at: tileAt, frontier: grown }
    }
    return {
      ledger,
      writers: new Map(writers.map(readWriter).map((writer) => [keyIdOf(writer.publicKey), writer])),
      position: { seq, previous },
      size,
      frontier: Frontier.restore(seq, frontier),
    }
  }
}

function readWriter(text: string): { readonly name: string; readonly publicKey: Uint8Array } {
  const [name = '', key = ''] = text.split(' ')
  return { name: WRITER_NAME.test(name) ? name : 'unknown', publicKey: new Uint8Array(Buffer.from(key, 'base64')) }
}

function deviceOf({ uid, order, stage, publicKey, fingerprint }: DeviceRow): LedgerDevice {
  return {
    uid,
    order,
    stage,
    ...(publicKey !== undefined && { publicKey }),
    ...(fingerprint !== undefined && { fingerprint }),
  }
}

function rowAfter(before: DeviceRow | undefined, record: LedgerRecord): DeviceRow {
  const { uid, order, kind: stage } = record
  const places = before?.places ?? ''
  switch (record.kind) {
    case 'begun':
      return { uid, order, stage, publicKey: record.publicKey, places }
    case 'made':
    case 'locked':
      return { uid, order, stage, fingerprint: record.fingerprint, places }
    case 'scrapped':
    case 'revoked':
    case 'shipped':
    case 'owner-changed': {
      const fingerprint = ('fingerprint' in record ? record.fingerprint : undefined) ?? before?.fingerprint
      return { uid, order, stage, ...(fingerprint !== undefined && { fingerprint }), places }
    }
  }
}

const NONE: StageCounts = {
  begun: 0,
  made: 0,
  locked: 0,
  shipped: 0,
  'owner-changed': 0,
  scrapped: 0,
  revoked: 0,
}

/** Numbers that are remembered as unknown: more than a line has sockets. */
const ABSENT_COUNT_MAX = 1_024

/** Devices that are kept back for the next transaction: a few hundred bytes each. One every second or two. */
const CHANGED_COUNT_MAX = 2_000
