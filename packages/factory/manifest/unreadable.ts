import type { Fault } from '@birthmark/foundation/kernel'
import { manifestFault } from './faults.ts'

/** Says that a file cannot be read on: its own form is broken, not just one of its rows. */
export function unreadable(format: string, row: number, why: string, cause?: unknown): Fault {
  return manifestFault('MANIFEST_UNREADABLE', { format, row, why }, cause)
}
