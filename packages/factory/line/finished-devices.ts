import type { Ledger } from '@birthmark/factory/ledger'
import type { WorkOrder } from '@birthmark/factory/order'
import { isFinished } from './station.ts'

/**
 * Gives every device of an order that is finished, in the order in which they were made, from the ledger alone: the
 * elements may be on their way already.
 *
 * @throws `LEDGER_DAMAGED`, `LEDGER_CLOSED`, `FILE_UNUSABLE`
 */
export async function* finishedDevices(
  ledger: Ledger,
  order: WorkOrder,
): AsyncGenerator<{ readonly uid: string; readonly certificate: Uint8Array }, void, undefined> {
  for await (const { content } of ledger.entries('made')) {
    if (content.kind !== 'made' || content.order !== order.id) continue
    if (isFinished(ledger.device(content.uid), order)) yield { uid: content.uid, certificate: content.certificate }
  }
}
