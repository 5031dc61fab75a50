import type { LedgerView } from '@birthmark/factory/ledger'
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
  readonly begun: number
  readonly made: number
  readonly locked: number
  readonly scrapped: number
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
  const seen = connected === undefined ? undefined : await countConnected(view, connected)
  const orders = [...new Set([...view.orders, ...runs.map(({ order }) => order)])].toSorted()
  return {
    lots: orders.map((order) => lotOf(order, view, runs, seen)),
    stations: await stationsOf(view),
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
  // An order without locks ends with the certificate: then nothing of it is ever locked.
  const built = done > 0 || counts.made === 0 ? done : counts.made
  const lost = counts.begun + (built === counts.made && done === 0 ? 0 : counts.made)
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

/** Who signed what: each seal names the writer of the lines before it. */
async function stationsOf(view: LedgerView): Promise<readonly StationReport[]> {
  const reports = new Map<string, { begun: number; made: number; locked: number; scrapped: number }>()
  let batch: { readonly order: string; readonly kind: (typeof COUNTED)[number] }[] = []
  for await (const line of view.outline()) {
    if (line.kind !== 'sealed') {
      const kind = COUNTED.find((word) => word === line.kind)
      if (kind !== undefined) batch.push({ order: line.about, kind })
      continue
    }
    for (const { order, kind } of batch) {
      const key = `${order} ${line.about}`
      const report = reports.get(key) ?? { begun: 0, made: 0, locked: 0, scrapped: 0 }
      report[kind] += 1
      reports.set(key, report)
    }
    batch = []
  }
  return [...reports].map(([key, report]) => {
    const [order = '', station = ''] = key.split(' ')
    return { order, station, name: view.writers.get(station)?.name ?? station, ...report }
  })
}

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

/** Counts, by order, the devices whose certificate is among those that connected. */
async function countConnected(
  view: LedgerView,
  connected: AsyncIterable<string>,
): Promise<ReadonlyMap<string, number>> {
  const fingerprints = new Set<string>()
  for await (const fingerprint of connected) fingerprints.add(fingerprint.toLowerCase())
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
