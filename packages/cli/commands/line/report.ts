import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { viewLedger } from '@birthmark/factory/ledger'
import { type LineReport, parseRun, type RunRecord, reportLine } from '@birthmark/factory/line'
import { replaceFile, systemClock } from '@birthmark/foundation/system'
import { type Output, processOutput } from '../../output.ts'
import { tableLines } from '../../table.ts'
import { caFault, parseInput } from '../ca-folder.ts'
import { reportCsv } from './report-csv.ts'
import { reportPage } from './report-page.ts'
import { RUNS_FOLDER } from './run-file.ts'

/** `birthmark line report`. @throws the faults of ledgers, run files and files */
export async function reportCommand(flags: {
  readonly data: string
  readonly connected?: string
  readonly csv?: string
  readonly html?: string
  readonly json?: boolean
}): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { data, connected, csv, html } = flags
  const runs = readRuns(join(data, RUNS_FOLDER))
  const { view, close } = await viewLedger(join(data, 'ledger.jsonl'))
  try {
    const report = await reportLine({
      view,
      runs,
      ...(connected !== undefined && { connected: fingerprintsIn(connected) }),
    })
    if (csv !== undefined) replaceFile(csv, reportCsv(report), { mode: 0o644 })
    if (html !== undefined) replaceFile(html, reportPage(report, systemClock.now()), { mode: 0o644 })
    output.json(report)
    if (!output.jsonWanted) say(report, output)
  } finally {
    await close()
  }
}

function readRuns(folder: string): readonly RunRecord[] {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return files.toSorted().map((name) => parseInput(join(folder, name), parseRun))
}

/** Takes every SHA-256 in hex, wherever it stands in a line: lists, CSV, JSON lines, certificate ids of a cloud. */
async function* fingerprintsIn(path: string): AsyncGenerator<string> {
  if (!existsSync(path)) throw caFault('CA_INPUT_MISSING', { path })
  for await (const line of createInterface({ input: createReadStream(path) })) {
    for (const [found] of line.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi)) yield found
  }
}

function say(report: LineReport, output: Output): void {
  const lots = report.lots.map((lot) => ({ ...lot, lot: lot.order }))
  show(output, LOT_COLUMNS, lots)
  const stations = report.stations.map((station) => ({
    ...station,
    lot: station.order,
    key: station.station.slice(0, 16),
  }))
  show(output, STATION_COLUMNS, stations)
  const steps = report.steps.filter(({ entered }) => entered > 0)
  show(
    output,
    STEP_COLUMNS,
    steps.map((step) => ({
      ...step,
      lot: step.order,
      yield: `${(100 * step.yield).toFixed(1)} %`,
      mean: step.mean.toFixed(1),
    })),
  )
  const reasons = Object.entries(report.reasons).map(([code, count]) => ({ code, count }))
  show(output, REASON_COLUMNS, reasons)
}

/** A table with its heading and an empty line after it; nothing of a table without rows. */
function show(
  output: Output,
  columns: Readonly<Record<string, string>>,
  rows: readonly Readonly<Record<string, unknown>>[],
): void {
  if (rows.length === 0) return
  for (const line of tableLines(columns, rows)) output.say(line)
  output.say()
}

const LOT_COLUMNS = {
  lot: 'Lot',
  product: 'Product',
  ordered: 'Ordered',
  built: 'Built',
  scrapped: 'Scrapped',
  revoked: 'Revoked',
  lost: 'Lost',
  neverBuilt: 'Never built',
  shipped: 'Shipped',
  connected: 'Connected',
}
const STATION_COLUMNS = {
  name: 'Station',
  key: 'Key',
  lot: 'Lot',
  begun: 'Begun',
  made: 'Made',
  locked: 'Locked',
  scrapped: 'Scrapped',
  built: 'Built',
  lost: 'Lost',
  connected: 'Connected',
}
const STEP_COLUMNS = {
  step: 'Step',
  lot: 'Lot',
  entered: 'Entered',
  failed: 'Failed',
  yield: 'Yield',
  mean: 'Mean ms',
  longest: 'Longest ms',
}
const REASON_COLUMNS = { code: 'Reason', count: 'Elements' }
