import { openWorkOrder, parseMakerKey, type WorkOrder } from '@birthmark/factory/order'
import { inFile } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { parseInput } from './ca-folder.ts'

/**
 * Judges the work order that a command's flags name; what is wrong with it, or with the maker's key, names the file.
 *
 * @param text What stands in the file of the order.
 * @param station The id of the key of the station that asks.
 * @throws What `openWorkOrder` refuses, `ORDER_MAKER_KEY_UNFIT`, `CA_INPUT_MISSING`
 */
export function openOrder(
  text: string,
  { workOrder, makerKey }: { readonly workOrder: string; readonly makerKey?: string },
  station?: string,
): WorkOrder {
  const maker = makerKey === undefined ? {} : { makerKey: parseInput(makerKey, parseMakerKey) }
  try {
    return openWorkOrder(text, { ...maker, ...(station !== undefined && { station }), now: systemClock.now() })
  } catch (error) {
    throw inFile(workOrder, error)
  }
}
