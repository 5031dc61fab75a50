import type { Clock, Log } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import { pathOf } from './folder.ts'
import { Journal } from './journal.ts'
import type { KnownSerial } from './journal-records.ts'

/**
 * Begins the journal of a new authority: it belongs to these two certificates and to no others.
 *
 * @throws `LEDGER_IN_USE`, `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE` (operator)
 */
export async function beginJournal(
  folder: string,
  root: Certificate,
  issuing: Certificate,
  { clock, log, known = [] }: { readonly clock: Clock; readonly log: Log; readonly known?: readonly KnownSerial[] },
): Promise<void> {
  const journal = await Journal.open({ path: pathOf(folder, 'journal'), clock, log })
  try {
    await journal.begin(root.fingerprint, issuing.fingerprint)
    for (let at = 0; at < known.length; at += BATCH_COUNT) {
      await Promise.all(known.slice(at, at + BATCH_COUNT).map((serial) => journal.know(serial)))
    }
  } finally {
    await journal.close()
  }
}

/** Records that are on their way to the disk at a time; the journal takes no more than 8192. */
const BATCH_COUNT = 1024
