import { openForReading } from './chain-file.ts'
import { walkChain } from './chain-reader.ts'
import { readLedgerRecord } from './records.ts'

/** What a check of a ledger found. Lines count from 1. */
export type LedgerVerdict =
  | {
      readonly ok: true
      readonly entries: number
      /** The hash of the last entry. */
      readonly hash: string
      /** Bytes after the last line: a write that a crash cut short. Opening the ledger removes them. */
      readonly tornBytes: number
    }
  | { readonly ok: false; readonly line: number; readonly why: string }

/**
 * Checks a ledger from its first line, beside the process that may be appending to it. Finds every line that was
 * edited, removed, added or moved, and names the first bad one. That lines are missing at the end only shows when
 * `head` is given: what a manifest, or an earlier check, says about the ledger.
 *
 * @throws `FILE_NOT_PERMITTED`, `FILE_UNUSABLE`
 */
export async function verifyLedger(
  path: string,
  head?: { readonly entries: number; readonly hash: string },
): Promise<LedgerVerdict> {
  const file = await openForReading(path)
  try {
    for await (const step of walkChain(file, file.sizeAtOpen, readLedgerRecord)) {
      if (step.kind === 'damage') return { ok: false, line: step.line, why: step.why }
      if (step.kind === 'entry') {
        const { seq, hash } = step.entry
        if (head !== undefined && seq === head.entries - 1 && hash !== head.hash) {
          return { ok: false, line: seq + 1, why: 'it is not the entry that the given head names' }
        }
      } else {
        const { seq: entries, previous: hash } = step.position
        if (head !== undefined && entries < head.entries) {
          return { ok: false, line: entries + 1, why: `it is missing: ${head.entries} entries were there before` }
        }
        return { ok: true, entries, hash, tornBytes: step.tornBytes }
      }
    }
    return { ok: false, line: 1, why: 'the file could not be read to its end' }
  } finally {
    await file.close()
  }
}
