import type { LedgerView, StageCounts } from '@birthmark/factory/ledger'
import type { PersonalisationResult, PersonalisationStep } from './personalise.ts'
import type { RunRecord } from './statistics.ts'

/** What became of the devices of one order: ordered is the sum of built, scrapped, revoked, lost and never built. */
export interface LotReport {
  readonly order: string
  /** Unknown when no run of the order is on file. */
  readonly product?: string
  readonly ordered?: number
  /** Finished, and neither scrapped nor revoked since. */
  readonly built: number
  /** Of the built ones, those that are on record as shipped. */
  readonly shipped: number
  readonly scrapped: number
  readonly revoked: number
  /** Begun, so that a certificate may exist, and neither finished nor scrapped. */
  readonly lost: number
  /** Of the built ones, those that a cloud has seen; unknown when nobody said. */
  readonly connected?: number
  readonly neverBuilt?: number
}

/** What one station did for one work order, as its signatures in the ledger say. */
export interface StationReport {
  readonly order: string
  /** The id of the key, and its name. */
  readonly station: string
  readonly name: string
  /** Steps that it signed. */
  readonly begun: number
  readonly made: number
  readonly locked: number
  readonly scrapped: number
  /** What became, anywhere, of the devices that it began; these three as {@link LotReport} has them. */
  readonly built: number
  readonly lost: number
  readonly connected?: number
}

/** How one step went, over all runs of an order. */
export interface StepReport {
  readonly order: string
  readonly step: PersonalisationStep
  readonly entered: number
  readonly failed: number
  /** The share that came through, 0 to 1. */
  readonly yield: number
  /** Milliseconds. */
  readonly mean: number
  readonly longest: number
  /** Elements by time, see {@link RunRecord}. */
  readonly byTime: readonly number[]
}

/** The reconciliation of a line. */
export interface LineReport {
  readonly lots: readonly LotReport[]
  readonly stations: readonly StationReport[]
  readonly steps: readonly StepReport[]
  readonly outcomes: Readonly<Record<PersonalisationResult['outcome'], number>>
  readonly reasons: Readonly<Record<string, number>>
}

/** What a report is made from. */
export interface ReportSource {
  readonly view: LedgerView
  readonly runs: readonly RunRecord[]
  /** Fingerprints (hex) of certificates that connected, one by one; absent when nobody said. */
  readonly connected?: AsyncIterable<string>
}

/**
 * Reconciles what was ordered with what the ledger says. Reads the whole ledger once, in constant memory.
 *
 * @throws `LEDGER_DAMAGED`, `FILE_UNUSABLE`
 */
export async function reportLine({ view, runs, connected }: ReportSource): Promise<LineReport> {
  const fingerprints = connected === undefined ? undefined : await setOf(connected)
  const seen = fingerprints === undefined ? undefined : await countConnected(view, fingerprints)
  const orders = [...new Set([...view.orders, ...runs.map(({ order }) => order)])].toSorted()
  const lots = orders.map((order) => lotOf(order, view, runs, seen))
  return {
    lots,
    stations: await stationsOf(view, lots, fingerprints),
    steps: orders.flatMap((order) => stepsOf(order, runs)),
    outcomes: sum(
      runs.map(({ outcomes }) => outcomes),
      {
        made: 0,
        'made-before': 0,
        failed: 0,
        scrapped: 0,
        waiting: 0,
      },
    ),
    reasons: sum(
      runs.map(({ reasons }) => reasons),
      {},
    ),
  }
}

function lotOf(
  order: string,
  view: LedgerView,
  runs: readonly RunRecord[],
  seen: ReadonlyMap<string, number> | undefined,
): LotReport {
  const counts = view.count(order)
  const run = runs.find((one) => one.order === order)
  const done = counts.locked + counts.shipped + counts['owner-changed']
  const endsUnlocked = isWithoutLocks(counts)
  const built = endsUnlocked ? counts.made : done
  const lost = counts.begun + (endsUnlocked ? 0 : counts.made)
  const all = built + lost + counts.scrapped + counts.revoked
  return {
    order,
    ...(run !== undefined && { product: run.product, ordered: run.count }),
    built,
    shipped: counts.shipped + counts['owner-changed'],
    scrapped: counts.scrapped,
    revoked: counts.revoked,
    lost,
    ...(seen !== undefined && { connected: seen.get(order) ?? 0 }),
    ...(run !== undefined && { neverBuilt: Math.max(run.count - all, 0) }),
  }
}

/** An order without locks ends with the certificate: then nothing of it is ever locked. */
function isWithoutLocks(counts: StageCounts): boolean {
  return counts.made > 0 && counts.locked + counts.shipped + counts['owner-changed'] === 0
}

/** Who signed what: each seal names the writer of the lines before it. */
async function stationsOf(
  view: LedgerView,
  lots: readonly LotReport[],
  seen: ReadonlySet<string> | undefined,
): Promise<readonly StationReport[]> {
  const signed = new Map<string, { begun: number; made: number; locked: number; scrapped: number }>()
  const beginners: Beginners = []
  let batch: { readonly order: string; readonly kind: (typeof COUNTED)[number] }[] = []
  for await (const line of view.outline()) {
    if (line.kind !== 'sealed') {
      const kind = COUNTED.find((word) => word === line.kind)
      if (kind !== undefined) batch.push({ order: line.about, kind })
      continue
    }
    for (const { order, kind } of batch) {
      const key = `${order} ${line.about}`
      const report = signed.get(key) ?? { begun: 0, made: 0, locked: 0, scrapped: 0 }
      report[kind] += 1
      signed.set(key, report)
      if (kind === 'begun') noteBeginner(beginners, line.about)
    }
    batch = []
  }
  const fates = view.writers.size === 1 ? fatesOfLots(view, lots) : await fatesOfDevices(view, lots, beginners, seen)
  return [...signed].map(([key, report]) => {
    const [order = '', station = ''] = key.split(' ')
    const { built, lost, connected } = fates.get(key) ?? NO_FATES
    const name = view.writers.get(station)?.name ?? station
    return { order, station, name, ...report, built, lost, ...(seen !== undefined && { connected }) }
  })
}

/** Whose the devices are in the order in which they were begun: so many of one writer, then so many of another. */
type Beginners = { readonly writer: string; count: number }[]

function noteBeginner(beginners: Beginners, writer: string): void {
  const last = beginners.at(-1)
  if (last?.writer === writer) last.count += 1
  else beginners.push({ writer, count: 1 })
}

/** What became of devices, by order and writer. */
type Fates = ReadonlyMap<string, { built: number; lost: number; connected: number }>

/** Where one station began everything, its devices are those of the lot. */
function fatesOfLots({ writers }: LedgerView, lots: readonly LotReport[]): Fates {
  const [writer = ''] = writers.keys()
  return new Map(
    lots.map(({ order, built, lost, connected = 0 }) => [`${order} ${writer}`, { built, lost, connected }]),
  )
}

async function fatesOfDevices(
  view: LedgerView,
  lots: readonly LotReport[],
  beginners: Beginners,
  seen: ReadonlySet<string> | undefined,
): Promise<Fates> {
  const fates = new Map<string, { built: number; lost: number; connected: number }>()
  const endsUnlocked = new Set(lots.flatMap(({ order }) => (isWithoutLocks(view.count(order)) ? [order] : [])))
  const writers = namesOf(beginners)
  for await (const { content } of view.entries('begun')) {
    const key = `${content.order} ${writers.next().value ?? ''}`
    const fate = fates.get(key) ?? { ...NO_FATES }
    const { stage, fingerprint = '' } = view.device(content.uid) ?? { stage: 'begun' }
    const isOpen = stage === 'begun' || (stage === 'made' && !endsUnlocked.has(content.order))
    if (isOpen) fate.lost += 1
    else if (stage !== 'scrapped' && stage !== 'revoked') fate.built += 1
    if (seen?.has(fingerprint) === true) fate.connected += 1
    fates.set(key, fate)
  }
  return fates
}

function* namesOf(beginners: Beginners): Generator<string, undefined> {
  for (const { writer, count } of beginners) for (let n = 0; n < count; n += 1) yield writer
}

const NO_FATES = { built: 0, lost: 0, connected: 0 } as const

function stepsOf(order: string, runs: readonly RunRecord[]): StepReport[] {
  const steps = new Map<
    PersonalisationStep,
    { entered: number; failed: number; sum: number; longest: number; byTime: number[] }
  >()
  for (const run of runs.filter((one) => one.order === order)) {
    for (const { step, entered, failed, sum: ms, longest, byTime } of run.steps) {
      const total = steps.get(step) ?? { entered: 0, failed: 0, sum: 0, longest: 0, byTime: [] }
      total.entered += entered
      total.failed += failed
      total.sum += ms
      total.longest = Math.max(total.longest, longest)
      for (const [place, count] of byTime.entries()) total.byTime[place] = (total.byTime[place] ?? 0) + count
      steps.set(step, total)
    }
  }
  return [...steps].map(([step, { entered, failed, sum: ms, longest, byTime }]) => ({
    order,
    step,
    entered,
    failed,
    yield: entered === 0 ? 1 : (entered - failed) / entered,
    mean: entered === 0 ? 0 : ms / entered,
    longest,
    byTime,
  }))
}

async function setOf(connected: AsyncIterable<string>): Promise<ReadonlySet<string>> {
  const fingerprints = new Set<string>()
  for await (const fingerprint of connected) fingerprints.add(fingerprint.toLowerCase())
  return fingerprints
}

/** Counts, by order, the devices whose certificate is among those that connected. */
async function countConnected(
  view: LedgerView,
  fingerprints: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for await (const { content } of view.entries('made')) {
    if (content.kind !== 'made' || !fingerprints.has(content.fingerprint)) continue
    counts.set(content.order, (counts.get(content.order) ?? 0) + 1)
  }
  return counts
}

function sum<Key extends string>(
  all: readonly Readonly<Record<Key, number>>[],
  start: Record<Key, number>,
): Record<Key, number> {
  const total: Record<string, number> = { ...start }
  for (const one of all) {
    for (const [key, value] of Object.entries<number>(one)) total[key] = (total[key] ?? 0) + value
  }
  return { ...start, ...total }
}

const COUNTED = ['begun', 'made', 'locked', 'scrapped'] as const
