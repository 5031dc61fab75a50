import { closeSync, openSync } from 'node:fs'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { asFileFault, readTextFile, writeAll } from '@birthmark/foundation/system'
import type { CloudAccess } from '../cloud-client.ts'

export const IMPORT_JOURNAL_FAULTS = {
  MANIFEST_JOURNAL_UNFIT: {
    blame: 'caller',
    message: 'the journal {path} cannot be used: {why}',
    remedy: 'Name another file: a journal belongs to one cloud and one key, and is made by the first import.',
  },
} as const
const journalFault: Raise<typeof IMPORT_JOURNAL_FAULTS> = faults(IMPORT_JOURNAL_FAULTS)

/**
 * What a cloud has already taken, so that an import that was interrupted need not ask again. The cloud's own answer
 * decides: what is missing here is asked once more, and answered that it is there.
 */
export class ImportJournal {
  readonly #done: Set<string>
  readonly #descriptor: number | undefined

  private constructor(done: Set<string>, descriptor: number | undefined) {
    this.#done = done
    this.#descriptor = descriptor
  }

  /**
   * Opens a journal, made when absent; without a path, one that remembers nothing.
   *
   * @throws `MANIFEST_JOURNAL_UNFIT`, and the faults of files
   */
  static open(path: string | undefined, access: CloudAccess): ImportJournal {
    if (path === undefined) return new ImportJournal(new Set(), undefined)
    const { endpoint, region, accessKeyId } = access
    const heading = JSON.stringify({ format: FORMAT, endpoint, region, accessKeyId })
    const [first = '', ...lines] = (readTextFile(path) ?? '').split('\n')
    if (first !== '' && first !== heading) {
      throw journalFault('MANIFEST_JOURNAL_UNFIT', { path, why: 'it is no journal, or of another cloud or key' })
    }
    try {
      const descriptor = openSync(path, 'a', 0o600)
      // A first line, or the end of a line that was cut short.
      writeAll(descriptor, Buffer.from(first === '' ? `${heading}\n` : '\n'))
      return new ImportJournal(new Set(lines.filter((line) => FINGERPRINT.test(line)).map(shortened)), descriptor)
    } catch (error) {
      throw asFileFault(error, path)
    }
  }

  has(fingerprint: string): boolean {
    return this.#done.has(shortened(fingerprint))
  }

  /** Remembers a certificate that the cloud has. */
  add(fingerprint: string): void {
    if (this.#descriptor !== undefined) writeAll(this.#descriptor, Buffer.from(`${fingerprint}\n`))
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
  }
}

/** 128 bits tell certificates apart, and a million of them take half the memory. */
function shortened(fingerprint: string): string {
  return fingerprint.slice(0, 32)
}

const FORMAT = 'birthmark-import-journal/1'
const FINGERPRINT = /^[0-9a-f]{64}$/
