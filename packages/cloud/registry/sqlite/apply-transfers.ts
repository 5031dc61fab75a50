import type { ConflictReason } from '../changes.ts'
import { registerCertificate } from './apply-certificates.ts'
import { bytesOf, count } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Offers a certificate to another account. */
export function sendCertificate(
  tables: ScopedTables,
  change: ChangeOf<'send-certificate'>,
): ConflictReason | undefined {
  const { sql } = tables
  const row = sql.one(CERTIFICATE, bytesOf(change.id), tables.scope)
  if (row === undefined) return 'absent'
  if (row['status'] === 'ACTIVE' || row['status'] === 'PENDING_TRANSFER') return 'state'
  const id = count(row['id'])
  const policies = sql.one('SELECT 1 FROM policy_attachment WHERE certificate = ?', id)
  const things = sql.one('SELECT 1 FROM thing_principal WHERE certificate = ?', id)
  if (policies !== undefined || things !== undefined) return 'attached'
  sql.run(SET_STATUS, 'PENDING_TRANSFER', change.at, id)
  enterTransfer(tables, id, { incoming: 0, account: change.toAccount, message: change.message, at: change.at })
  return undefined
}

/** Shows a certificate that is offered to this account. */
export function receiveCertificate(
  tables: ScopedTables,
  change: ChangeOf<'receive-certificate'>,
): ConflictReason | undefined {
  const { certificate, fromAccount, message, at } = change
  const conflict = registerCertificate(tables, { do: 'register-certificate', certificate })
  if (conflict !== undefined) return conflict
  const row = tables.sql.one(CERTIFICATE, bytesOf(certificate.id), tables.scope)
  enterTransfer(tables, count(row?.['id']), { incoming: 1, account: fromAccount, message, at })
  return undefined
}

/** Takes a certificate that is offered to this account. */
export function acceptCertificate(
  tables: ScopedTables,
  change: ChangeOf<'accept-certificate'>,
): ConflictReason | undefined {
  const found = pending(tables, change.id, 1)
  if (typeof found === 'string') return found
  tables.sql.run(SET_STATUS, change.active ? 'ACTIVE' : 'INACTIVE', change.at, found)
  tables.sql.run('UPDATE certificate_transfer SET accepted_at = ? WHERE certificate = ?', change.at, found)
  return undefined
}

/** Gives an offered certificate back to its owner. */
export function returnCertificate(
  tables: ScopedTables,
  change: ChangeOf<'return-certificate'>,
): ConflictReason | undefined {
  const found = pending(tables, change.id, 0)
  if (typeof found === 'string') return found
  const { rejectReason, at } = change
  tables.sql.run(SET_STATUS, 'INACTIVE', at, found)
  if (rejectReason === undefined) tables.sql.run('DELETE FROM certificate_transfer WHERE certificate = ?', found)
  else
    tables.sql.run(
      'UPDATE certificate_transfer SET reject_reason = ?, rejected_at = ? WHERE certificate = ?',
      rejectReason,
      at,
      found,
    )
  return undefined
}

/** Removes a certificate from the account that it has left, or never came to. */
export function removeTransferred(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'remove-transferred'>,
): ConflictReason | undefined {
  const row = sql.one(CERTIFICATE, bytesOf(change.id), scope)
  if (row === undefined) return 'absent'
  if (row['status'] !== 'PENDING_TRANSFER') return 'state'
  const id = count(row['id'])
  sql.run('DELETE FROM policy_attachment WHERE certificate = ?', id)
  sql.run('DELETE FROM thing_principal WHERE certificate = ?', id)
  sql.run('DELETE FROM certificate_transfer WHERE certificate = ?', id)
  sql.run('DELETE FROM certificate_offer WHERE certificate = ?', id)
  sql.run('DELETE FROM provisioning_claim WHERE certificate = ?', id)
  sql.run('DELETE FROM certificate WHERE id = ?', id)
  return undefined
}

/** Finds the row id of a certificate whose transfer is under way in this direction. */
function pending(
  { sql, scope }: ScopedTables,
  id: ChangeOf<'accept-certificate'>['id'],
  incoming: 0 | 1,
): number | ConflictReason {
  const row = sql.one(
    `SELECT c.id, c.status, t.incoming FROM certificate c LEFT JOIN certificate_transfer t ON t.certificate = c.id
     WHERE c.fingerprint = ? AND c.scope = ?`,
    bytesOf(id),
    scope,
  )
  if (row === undefined) return 'absent'
  return row['status'] === 'PENDING_TRANSFER' && row['incoming'] === incoming ? count(row['id']) : 'state'
}

function enterTransfer(
  { sql, scope }: ScopedTables,
  certificate: number,
  transfer: { incoming: 0 | 1; account: string; message: string | undefined; at: number },
): void {
  sql.run(
    `INSERT OR REPLACE INTO certificate_transfer (certificate, scope, incoming, account, message, sent_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
    certificate,
    scope,
    transfer.incoming,
    transfer.account,
    transfer.message ?? null,
    transfer.at,
  )
}

const CERTIFICATE = 'SELECT id, status FROM certificate WHERE fingerprint = ? AND scope = ?'
const SET_STATUS =
  'UPDATE certificate SET status = ?, modified_at = ?, customer_version = customer_version + 1 WHERE id = ?'
