import { join } from 'node:path'
import { memoryBus } from '@birthmark/chip/i2c'
import { connectBus } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import type { Authority } from '@birthmark/factory/authority'
import { Ledger } from '@birthmark/factory/ledger'
import { type ElementSource, type LineProgress, type LineSummary, runLine } from '@birthmark/factory/line'
import { openWorkOrder, parseMakerKey, type WorkOrder } from '@birthmark/factory/order'
import { faults, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { makeFolder, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type Progress, progress } from '../demo/progress.ts'
import { type Output, processOutput } from '../output.ts'
import { listenForStop, type StopRequest } from '../signals.ts'
import { readInput, withAuthority } from './ca-folder.ts'

export const LINE_COMMAND_FAULTS = {
  LINE_ELEMENTS_NOT_NAMED: {
    blame: 'caller',
    message: 'no elements are named, or two kinds',
    remedy: 'Name one kind: --sockets PATH... for chips that are served, --virtual N for fresh chips in memory.',
  },
  LINE_DEVICES_FAILED: {
    blame: 'operator',
    message: '{failed} devices failed and {scrapped} were scrapped; {finished} of {count} are finished',
    remedy: 'Look at the reasons above, mend their cause, and run the command again: it goes on where it stopped.',
  },
} as const
const lineFault: Raise<typeof LINE_COMMAND_FAULTS> = faults(LINE_COMMAND_FAULTS)

/** What `birthmark line run` was told. */
export interface LineRunFlags {
  readonly workOrder: string
  readonly authority: string
  readonly passphraseFile: string
  readonly data: string
  readonly sockets?: readonly string[]
  readonly virtual?: number
  readonly parallel: number
  readonly makerKey?: string
  readonly station?: string
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
  const sockets = elementsOf(flags, stop)
  const text = readInput(flags.workOrder)
  const order = openHere(text, flags)
  const summary = await withAuthority({ ...flags, data: flags.authority }, silentLog, async (authority) => {
    // The authority judges the order by itself: what a station says of it is not enough.
    await authority.admitSigned(text, flags.station)
    return runOrder({ order, sockets, authority, flags, output })
  })
  report(summary, output)
  const { failed, scrapped } = summary.outcomes
  const { finished, count } = summary
  if (failed + scrapped > 0) throw lineFault('LINE_DEVICES_FAILED', { failed, scrapped, finished, count })
}

function openHere(text: string, { makerKey, station }: LineRunFlags): WorkOrder {
  return openWorkOrder(text, {
    ...(makerKey !== undefined && { makerKey: parseMakerKey(readInput(makerKey)) }),
    ...(station !== undefined && { station }),
    now: systemClock.now(),
  })
}

interface Run {
  readonly order: WorkOrder
  readonly sockets: AsyncIterable<ElementSource>
  readonly authority: Authority
  readonly flags: LineRunFlags
  readonly output: Output
}

async function runOrder({ order, sockets, authority, flags, output }: Run): Promise<LineSummary> {
  const folder = makeFolder(flags.data)
  const ledger = await Ledger.open({ path: join(folder, 'ledger.jsonl'), clock: systemClock, log: silentLog })
  const { made, locked } = ledger.count(order.id)
  const shown = output.jsonWanted ? undefined : progress(output, 'made', order.count - made - locked)
  try {
    return await runLine({
      order,
      sockets,
      parallel: flags.parallel,
      authority: authority.station(order.id),
      ledger,
      clock: systemClock,
      entropy: systemEntropy,
      log: silentLog,
      manifestPath: join(folder, 'manifest.jsonl'),
      bundlePath: join(folder, 'certificates.pem'),
      onProgress: (event) => tell(event, output, shown),
    })
  } finally {
    shown?.done()
    await ledger.close()
  }
}

/** Gives the elements one by one, and none after the request to stop. */
async function* elementsIn(sources: Iterable<ElementSource>, stop: StopRequest): AsyncGenerator<ElementSource> {
  for (const source of sources) {
    if (stop.isTold) return
    yield source
  }
}

function elementsOf({ sockets, virtual }: LineRunFlags, stop: StopRequest): AsyncIterable<ElementSource> {
  if (sockets !== undefined && virtual === undefined) {
    return elementsIn(
      sockets.map((path) => async () => TrustX.open(await connectBus(path))),
      stop,
    )
  }
  if (virtual === undefined || sockets !== undefined) throw lineFault('LINE_ELEMENTS_NOT_NAMED')
  return elementsIn(virtualElements(virtual), stop)
}

/** Fresh chips, each made when its turn comes, so that a long run stays flat in memory. */
function* virtualElements(count: number): Generator<ElementSource> {
  for (let n = 0; n < count; n += 1) {
    yield async () => TrustX.open(memoryBus((await openVirtualChip()).slave))
  }
}

function tell(event: LineProgress, output: Output, shown: Progress | undefined): void {
  if (event.event !== 'device') return
  const { result, finished, count } = event
  output.json({ event: 'device', ...result, finished, count })
  if (result.outcome === 'made') shown?.advance()
  if (output.jsonWanted || !('reason' in result)) return
  const { uid = 'an element without a number', step, outcome, reason } = result
  output.say(`  ${uid} ${outcome} at ${step}: ${reason.message} (${reason.code}). ${reason.remedy}`)
}

function report(summary: LineSummary, output: Output): void {
  const { finished, count, outcomes, elapsed, cycle, ended } = summary
  const perSecond = Math.round((outcomes.made * 1000) / Math.max(elapsed, 1))
  output.json({ event: 'summary', ...summary, perSecond })
  if (output.jsonWanted) return
  output.say(`${finished} of ${count} devices are finished (${ended}).`)
  output.say(`  made now ${outcomes.made}, made before ${outcomes['made-before']}, ${perSecond} a second`)
  if (cycle !== undefined) output.say(`  a device took ${Math.round(cycle.mean)} ms, ${cycle.longest} ms at most`)
}
