import { instant } from '@birthmark/foundation/kernel'
import type { Page, PageRequest } from '../pages.ts'
import type { CertificateId, CertificateTransfer } from '../records.ts'
import type { TransferReads } from '../transfer-reads.ts'
import { readPage } from './page.ts'
import { bytesOf, count, idOf, optionalText, text } from './rows.ts'
import type { Row, Statements } from './statements.ts'

type Read = <Result>(query: (sql: Statements, scopeId: number) => Result) => Promise<Result>

/** Transfers, read from SQLite. */
export class SqliteTransferReads implements TransferReads {
  readonly #read: Read

  constructor(read: Read) {
    this.#read = read
  }

  of(id: CertificateId): Promise<CertificateTransfer | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one(
        `SELECT ${COLUMNS} FROM ${TABLES} WHERE c.fingerprint = ? AND c.scope = ?`,
        bytesOf(id),
        scope,
      )
      return row && transferOf(row)
    })
  }

  outgoing(page: PageRequest): Promise<Page<CertificateTransfer>> {
    const query = {
      list: 'outgoing-certificate',
      columns: COLUMNS,
      from: `${TABLES} WHERE t.scope = ? AND t.incoming = 0 AND c.status = 'PENDING_TRANSFER'`,
      position: 't.certificate',
    }
    return this.#read((sql, scope) => readPage(sql, { ...query, values: [scope] }, page, transferOf))
  }
}

function transferOf(row: Row): CertificateTransfer {
  const time = (name: string): CertificateTransfer['sentAt'] | undefined =>
    row[name] === null ? undefined : instant(count(row[name]))
  return {
    certificateId: idOf(row['fingerprint']),
    isIncoming: row['incoming'] === 1,
    account: text(row['account']),
    message: optionalText(row['message']),
    rejectReason: optionalText(row['reject_reason']),
    createdAt: instant(count(row['created_at'])),
    sentAt: instant(count(row['sent_at'])),
    acceptedAt: time('accepted_at'),
    rejectedAt: time('rejected_at'),
  }
}

const COLUMNS = 't.*, c.fingerprint, c.created_at'
const TABLES = 'certificate_transfer t JOIN certificate c ON c.id = t.certificate'
