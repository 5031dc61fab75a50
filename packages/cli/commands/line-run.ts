import { join } from 'node:path'
import { memoryBus } from '@birthmark/chip/i2c'
import { connectBus, openLinuxBus } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { Ledger } from '@birthmark/factory/ledger'
import { DeskClient, type ElementSource, type LineSummary, runLine } from '@birthmark/factory/line'
import type { IssuingAuthority, WorkOrder } from '@birthmark/factory/order'
import { faults, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { makeFolder, systemClock, systemEntropy } from '@birthmark/foundation/system'
import type { Signer } from '@birthmark/foundation/x509'
import { type Output, processOutput } from '../output.ts'
import { listenForStop, type StopRequest } from '../signals.ts'
import { readInput } from './ca-folder.ts'
import { type DeskFlags, withDesk } from './line/desk-link.ts'
import { lineDisplay } from './line/display.ts'
import { openOffline } from './line/offline.ts'
import { beginRunFile } from './line/run-file.ts'
import { type LineStation, openStation, type StationFlags } from './line/station.ts'
import { moduleElements, type PlacedElements } from './line-modules.ts'
import { openKey } from './manifest-flags.ts'
import { openOrder } from './order-file.ts'

export const LINE_COMMAND_FAULTS = {
  LINE_ELEMENTS_NOT_NAMED: {
    blame: 'caller',
    message: 'no elements are named, or two kinds',
    remedy:
      'Name one: --sockets PATH... (served chips), --i2c DEVICE..., --module PATH (tokens), --virtual N (fresh chips).',
  },
  LINE_DESK_KEY_NOT_NAMED: {
    blame: 'caller',
    message: 'a station that works offline needs the key that allotments are signed with',
    remedy: "Add --desk-key FILE; 'birthmark line desk-key' writes it at the authority.",
  },
  LINE_DEVICES_FAILED: {
    blame: 'operator',
    message:
      'not every element became a device: {failed} failed, {scrapped} scrapped; {finished} of {count} are finished',
    remedy: 'Look at the reasons above, mend their cause, and run the command again: it goes on where it stopped.',
  },
} as const
const lineFault: Raise<typeof LINE_COMMAND_FAULTS> = faults(LINE_COMMAND_FAULTS)

/** What `birthmark line run` was told. */
export interface LineRunFlags extends DeskFlags, StationFlags {
  readonly workOrder: string
  readonly data: string
  readonly sockets?: readonly string[]
  readonly i2c?: readonly string[]
  readonly virtual?: number
  readonly module?: string
  readonly tokens?: readonly string[]
  readonly pinFile?: string
  readonly parallel: number
  readonly makerKey?: string
  readonly offline?: boolean
  readonly allotment?: string
  readonly deskKey?: string
  readonly manifestKey?: string
  readonly manifestPassphraseFile?: string
  readonly steps?: boolean
  readonly json?: boolean
}

/**
 * Runs a line under a work order until the order is complete, no element comes any more, or a signal stops it.
 *
 * @throws `LINE_ELEMENTS_NOT_NAMED`, `LINE_DEVICES_FAILED`, and the faults of order, authority, ledger and files
 */
export async function runLineCommand(flags: LineRunFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const elements = await elementsOf(flags)
  const sockets = elementsIn(elements.sources, stop)
  const { places } = elements
  const text = readInput(flags.workOrder)
  const station = await openStation(flags)
  const order = openOrder(text, flags, station.id)
  const summary = await withIssuer(flags, station, { id: order.id, text }, (authority) =>
    runOrder({ order, sockets, places, authority, station, flags, output }),
  )
  report(summary, output)
  const { failed, scrapped } = summary.outcomes
  const { finished, count } = summary
  if (failed + scrapped > 0) throw lineFault('LINE_DEVICES_FAILED', { failed, scrapped, finished, count })
}

/** Gives the authority, or in its place what waits for it. */
async function withIssuer<Value>(
  flags: LineRunFlags,
  station: LineStation,
  order: { readonly id: string; readonly text: string },
  work: (authority: IssuingAuthority) => Promise<Value>,
): Promise<Value> {
  const { deskKey } = flags
  if (flags.offline !== true) {
    // The authority judges the order by itself: what a station says of it is not enough.
    return withDesk(flags, async (send) => work(await DeskClient.open({ send, ...station, order })))
  }
  if (deskKey === undefined) throw lineFault('LINE_DESK_KEY_NOT_NAMED')
  const offline = await openOffline({ ...flags, deskKey })
  try {
    return await work(offline)
  } finally {
    await offline.close()
  }
}

interface Run {
  readonly order: WorkOrder
  readonly sockets: AsyncIterable<ElementSource>
  readonly places: readonly string[]
  readonly authority: IssuingAuthority
  readonly station: LineStation
  readonly flags: LineRunFlags
  readonly output: Output
}

async function runOrder({ order, sockets, places, authority, station, flags, output }: Run): Promise<LineSummary> {
  const folder = makeFolder(flags.data)
  const manifestSigner = manifestSignerOf(flags)
  const ledger = await Ledger.open({
    path: join(folder, 'ledger.jsonl'),
    writer: { name: station.name, signer: station.signer },
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  const { made, locked } = ledger.count(order.id)
  const { parallel } = flags
  const total = order.count - made - locked
  const shown = lineDisplay({ output, clock: systemClock, total, parallel, steps: flags.steps === true, places })
  const file = beginRunFile(flags.data, order, station)
  try {
    return await runLine({
      order,
      sockets,
      parallel,
      authority,
      ledger,
      clock: systemClock,
      entropy: systemEntropy,
      log: silentLog,
      manifestPath: join(folder, 'manifest.jsonl'),
      ...(manifestSigner !== undefined && { manifestSigner }),
      bundlePath: join(folder, 'certificates.pem'),
      onProgress: (event) => {
        shown.take(event)
        file.take(event)
      },
    })
  } finally {
    shown.done()
    file.save()
    await ledger.close()
  }
}

/** Opens the key that signs the manifest, before anything is made. */
function manifestSignerOf(flags: LineRunFlags): Signer | undefined {
  const { manifestKey, manifestPassphraseFile, stationPassphraseFile, passphraseFile } = flags
  if (manifestKey === undefined) return undefined
  // The station was opened with one of the last two.
  return openKey(manifestKey, manifestPassphraseFile ?? stationPassphraseFile ?? passphraseFile ?? '')
}

/** Gives the elements one by one, and none after the request to stop. */
async function* elementsIn(sources: Iterable<ElementSource>, stop: StopRequest): AsyncGenerator<ElementSource> {
  for (const source of sources) {
    if (stop.isTold) return
    yield source
  }
}

async function elementsOf(flags: LineRunFlags): Promise<PlacedElements> {
  const { sockets, i2c, virtual, module } = flags
  if ([sockets, i2c, virtual, module].filter((named) => named !== undefined).length !== 1) {
    throw lineFault('LINE_ELEMENTS_NOT_NAMED')
  }
  if (module !== undefined) return moduleElements({ ...flags, module })
  const served = sockets?.map((path) => async () => TrustX.open(await connectBus(path)))
  const wired = i2c?.map((device) => async () => TrustX.open(await openLinuxBus(device)))
  return { sources: served ?? wired ?? virtualElements(virtual ?? 0), places: sockets ?? i2c ?? [] }
}

/** Fresh chips, each made when its turn comes, so that a long run stays flat in memory. */
function* virtualElements(count: number): Generator<ElementSource> {
  for (let n = 0; n < count; n += 1) {
    yield async () => TrustX.open(memoryBus((await openVirtualChip()).slave))
  }
}

function report(summary: LineSummary, output: Output): void {
  const { finished, count, outcomes, elapsed, cycle, ended } = summary
  const perSecond = Math.round((outcomes.made * 1000) / Math.max(elapsed, 1))
  output.json({ event: 'summary', ...summary, perSecond })
  if (output.jsonWanted) return
  output.say(`${finished} of ${count} devices are finished (${ended}).`)
  output.say(`  made now ${outcomes.made}, made before ${outcomes['made-before']}, ${perSecond} a second`)
  if (outcomes.waiting > 0) output.say(`  ${outcomes.waiting} wait for their certificate: run 'birthmark line sync'`)
  if (cycle !== undefined) output.say(`  a device took ${Math.round(cycle.mean)} ms, ${cycle.longest} ms at most`)
}
