import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { messageOf } from '@birthmark/foundation/kernel'
import type { CertificateStatus } from '@birthmark/foundation/x509'
import { pathOf } from './folder.ts'
import { tablesPath } from './journal.ts'
import { readRow, SELECT_BY_SERIAL } from './journal-tables.ts'
import { statusFault } from './status-faults.ts'

/**
 * Tells the state of certificates from an authority's index, beside the process that writes it. It reads that one file
 * and opens no key.
 */
export class StatusIndex {
  readonly #path: string
  #opened: { readonly database: DatabaseSync; readonly bySerial: StatementSync; readonly inode: number } | undefined

  private constructor(path: string) {
    this.#path = path
  }

  /** Opens the index of the authority in `folder`. @throws `STATUS_INDEX_MISSING` (operator) */
  static open(folder: string): StatusIndex {
    const index = new StatusIndex(tablesPath(pathOf(folder, 'journal')))
    index.#current()
    return index
  }

  /**
   * Tells the state of a certificate by its serial number, hex. One that may exist and was given to nobody is unknown.
   *
   * @throws `STATUS_INDEX_MISSING` (operator)
   */
  status(serial: string): CertificateStatus {
    const row = this.#current().get(Buffer.from(serial, 'hex'))
    const known = row && readRow(row)
    if (known?.ended !== undefined) return { kind: 'revoked', ...known.ended }
    return known === undefined || known.state === 'open' ? { kind: 'unknown' } : { kind: 'good' }
  }

  close(): void {
    this.#opened?.database.close()
    this.#opened = undefined
  }

  /** The authority may have made its index anew; then the old file is another one. */
  #current(): StatementSync {
    try {
      const { ino: inode } = statSync(this.#path)
      if (this.#opened?.inode === inode) return this.#opened.bySerial
      this.close()
      const database = new DatabaseSync(this.#path, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
      this.#opened = { database, inode, bySerial: database.prepare(SELECT_BY_SERIAL) }
      return this.#opened.bySerial
    } catch (error) {
      throw statusFault('STATUS_INDEX_MISSING', { path: this.#path, why: messageOf(error) }, error)
    }
  }
}

const BUSY_TIMEOUT_MS = 1_000
