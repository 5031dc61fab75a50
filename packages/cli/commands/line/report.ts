import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { viewLedger } from '@birthmark/factory/ledger'
import { type LineReport, parseRun, type RunRecord, reportLine } from '@birthmark/factory/line'
import { replaceFile } from '@birthmark/foundation/system'
import { type Output, processOutput } from '../../output.ts'
import { caFault, readInput } from '../ca-folder.ts'
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
    if (html !== undefined) replaceFile(html, reportPage(report), { mode: 0o644 })
    output.json(report)
    if (!output.jsonWanted) say(report, output)
  } finally {
    await close()
  }
}

function readRuns(folder: string): readonly RunRecord[] {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return files.toSorted().map((name) => parseRun(readInput(join(folder, name))))
}

/** Takes every SHA-256 in hex, wherever it stands in a line: lists, CSV, JSON lines, certificate ids of a cloud. */
async function* fingerprintsIn(path: string): AsyncGenerator<string> {
  if (!existsSync(path)) throw caFault('CA_INPUT_MISSING', { path })
  for await (const line of createInterface({ input: createReadStream(path) })) {
    for (const [found] of line.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi)) yield found
  }
}

function say({ lots, stations, steps, reasons }: LineReport, output: Output): void {
  const number = (value: number | undefined): string => String(value ?? '-').padStart(11)
  output.say(`lot                    ${LOT_COLUMNS.map((column) => column.padStart(11)).join('')}`)
  for (const lot of lots) {
    const { ordered, built, scrapped, lost, neverBuilt, shipped, revoked, connected } = lot
    const values = [ordered, built, scrapped, lost, neverBuilt, shipped, revoked, connected]
    output.say(`${lot.order.padEnd(23)}${values.map(number).join('')}`)
  }
  output.say()
  output.say(
    `station, lot           ${['begun', 'made', 'locked', 'scrapped'].map((column) => column.padStart(11)).join('')}`,
  )
  for (const { order, name, begun, made, locked, scrapped } of stations) {
    output.say(`${`${name}, ${order}`.padEnd(23)}${[begun, made, locked, scrapped].map(number).join('')}`)
  }
  output.say()
  output.say('step                       entered     failed      yield    mean ms longest ms')
  for (const { order, step, entered, failed, yield: share, mean, longest } of steps) {
    const values = [String(entered), String(failed), `${(100 * share).toFixed(1)} %`, mean.toFixed(1), String(longest)]
    output.say(`${`${step}, ${order}`.padEnd(23)}${values.map((value) => value.padStart(11)).join('')}`)
  }
  for (const [code, count] of Object.entries(reasons)) output.say(`  ${String(count).padStart(6)}  ${code}`)
}

const LOT_COLUMNS = ['ordered', 'built', 'scrapped', 'lost', 'never built', 'shipped', 'revoked', 'connected']
