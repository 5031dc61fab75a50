import type { Ledger } from '@birthmark/factory/ledger'
import type { WorkOrder } from '@birthmark/factory/order'
import { isFinished } from './station.ts'

/**
 * Gives every device of an order that is finished, in the order in which they were made, from the ledger alone: the
 * elements may be on their way already.
 *
 * @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE`
 */
export async function* finishedDevices(ledger: Ledger, order: WorkOrder): AsyncGenerator<MadeDevice, void, undefined> {
  let made: MadeDevice[] = []
  for await (const { content } of ledger.entries('made')) {
    if (content.kind !== 'made' || content.order !== order.id) continue
    made.push({ uid: content.uid, certificate: content.certificate })
    if (made.length < TOGETHER_COUNT) continue
    yield* finishedOf(made, ledger, order)
    made = []
  }
  yield* finishedOf(made, ledger, order)
}

interface MadeDevice {
  readonly uid: string
  readonly certificate: Uint8Array
}

function* finishedOf(made: readonly MadeDevice[], ledger: Ledger, order: WorkOrder): Generator<MadeDevice> {
  const stages = ledger.stages(made.map(({ uid }) => uid))
  for (const device of made) if (isFinished(stages.get(device.uid), order)) yield device
}

/** Devices that the ledger is asked for at once: each question costs a transaction. At 1 KB each this is 256 KB. */
const TOGETHER_COUNT = 256
