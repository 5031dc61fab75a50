import type { ConflictReason } from '../changes.ts'
import type { ProvisioningChange } from '../provisioning-changes.ts'
import type { CertificateId } from '../records.ts'
import { bytesOf, count } from './rows.ts'
import type { ScopedTables } from './scoped-tables.ts'
import type { Row } from './statements.ts'

type Of<Name extends ProvisioningChange['do']> = Extract<ProvisioningChange, { readonly do: Name }>

/** Makes one change of provisioning's own tables. */
export function applyProvisioningChange(tables: ScopedTables, change: ProvisioningChange): ConflictReason | undefined {
  switch (change.do) {
    case 'offer-certificate':
      return offerCertificate(tables, change)
    case 'use-offer':
      return useOffer(tables, change)
    case 'end-offer':
      return endOffer(tables, change)
    case 'create-claim':
      return createClaim(tables, change)
    case 'end-claim':
      return endClaim(tables, change)
    case 'create-allow-list':
      return createAllowList(tables, change)
    case 'delete-allow-list':
      return deleteAllowList(tables, change)
    case 'allow-values':
      return allowValues(tables, change)
    case 'disallow-value':
      return disallowValue(tables, change)
    case 'use-allowed-value':
      return useAllowedValue(tables, change)
    case 'create-document':
      return createDocument(tables, change)
    case 'replace-document':
      return replaceDocument(tables, change)
    case 'delete-document':
      return deleteDocument(tables, change)
  }
}

function offerCertificate(tables: ScopedTables, { offer }: Of<'offer-certificate'>): ConflictReason | undefined {
  const row = certificateRow(tables, offer.certificateId)
  if (row === undefined) return 'absent'
  const added = tables.sql.run(
    `INSERT INTO certificate_offer (certificate, scope, token_hash, principal, expires_at, used_for)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    count(row['id']),
    tables.scope,
    Buffer.from(offer.tokenHash, 'hex'),
    offer.principal,
    offer.expiresAt,
    offer.usedFor ?? null,
  )
  return added === 0 ? 'exists' : undefined
}

function useOffer(tables: ScopedTables, { certificateId, usedFor }: Of<'use-offer'>): ConflictReason | undefined {
  const row = tables.sql.one(
    `SELECT o.certificate, o.used_for FROM certificate_offer o JOIN certificate c ON c.id = o.certificate
     WHERE c.fingerprint = ? AND c.scope = ?`,
    bytesOf(certificateId),
    tables.scope,
  )
  if (row === undefined) return 'absent'
  if (row['used_for'] !== null && row['used_for'] !== usedFor) return 'state'
  tables.sql.run('UPDATE certificate_offer SET used_for = ? WHERE certificate = ?', usedFor, count(row['certificate']))
  return undefined
}

function endOffer(tables: ScopedTables, { certificateId }: Of<'end-offer'>): undefined {
  const { sql } = tables
  const row = certificateRow(tables, certificateId)
  if (row === undefined) return
  const id = count(row['id'])
  if (sql.run('DELETE FROM certificate_offer WHERE certificate = ?', id) === 0) return
  sql.run(
    `DELETE FROM certificate WHERE id = ? AND status = 'PENDING_ACTIVATION'
     AND NOT EXISTS (SELECT 1 FROM policy_attachment WHERE certificate = id)
     AND NOT EXISTS (SELECT 1 FROM thing_principal WHERE certificate = id)`,
    id,
  )
}

function createClaim(tables: ScopedTables, { claim }: Of<'create-claim'>): ConflictReason | undefined {
  const row = certificateRow(tables, claim.certificateId)
  if (row === undefined) return 'absent'
  const added = tables.sql.run(
    `INSERT INTO provisioning_claim (certificate, scope, template_name, policy_document, expires_at)
     VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    count(row['id']),
    tables.scope,
    claim.templateName,
    claim.policyDocument,
    claim.expiresAt,
  )
  return added === 0 ? 'exists' : undefined
}

function endClaim(tables: ScopedTables, { certificateId }: Of<'end-claim'>): undefined {
  const row = certificateRow(tables, certificateId)
  if (row === undefined) return
  const id = count(row['id'])
  if (tables.sql.run('DELETE FROM provisioning_claim WHERE certificate = ?', id) === 0) return
  tables.sql.run('DELETE FROM policy_attachment WHERE certificate = ?', id)
  tables.sql.run('DELETE FROM thing_principal WHERE certificate = ?', id)
  tables.sql.run('DELETE FROM certificate WHERE id = ?', id)
}

function createAllowList({ sql, scope }: ScopedTables, { list }: Of<'create-allow-list'>): ConflictReason | undefined {
  const added = sql.run(
    `INSERT INTO allow_list (scope, name, template_name, parameter, once, created_at)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    list.name,
    list.templateName,
    list.parameter,
    list.once ? 1 : 0,
    list.createdAt,
  )
  return added === 0 ? 'exists' : undefined
}

function deleteAllowList(tables: ScopedTables, { name }: Of<'delete-allow-list'>): ConflictReason | undefined {
  const list = allowListRow(tables, name)
  if (list === undefined) return 'absent'
  tables.sql.run('DELETE FROM allowed_value WHERE list = ?', count(list['id']))
  tables.sql.run('DELETE FROM allow_list WHERE id = ?', count(list['id']))
  return undefined
}

function allowValues(tables: ScopedTables, change: Of<'allow-values'>): ConflictReason | undefined {
  const list = allowListRow(tables, change.list)
  if (list === undefined) return 'absent'
  for (const value of change.values) {
    tables.sql.run(
      'INSERT INTO allowed_value (list, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET used_by = NULL',
      count(list['id']),
      value,
    )
  }
  return undefined
}

function disallowValue(tables: ScopedTables, { list, value }: Of<'disallow-value'>): ConflictReason | undefined {
  const row = allowListRow(tables, list)
  if (row === undefined) return 'absent'
  const removed = tables.sql.run('DELETE FROM allowed_value WHERE list = ? AND value = ?', count(row['id']), value)
  return removed === 0 ? 'absent' : undefined
}

function useAllowedValue(tables: ScopedTables, change: Of<'use-allowed-value'>): ConflictReason | undefined {
  const { list, value, certificateId } = change
  const row = allowListRow(tables, list)
  if (row === undefined) return 'absent'
  const id = count(row['id'])
  const allowed = tables.sql.one('SELECT used_by FROM allowed_value WHERE list = ? AND value = ?', id, value)
  if (allowed === undefined) return 'absent'
  const user = bytesOf(certificateId)
  const usedBy = allowed['used_by']
  const isOthers = usedBy instanceof Uint8Array && Buffer.compare(usedBy, user) !== 0
  if (row['once'] === 1 && isOthers) return 'state'
  tables.sql.run('UPDATE allowed_value SET used_by = ? WHERE list = ? AND value = ?', user, id, value)
  return undefined
}

function createDocument({ sql, scope }: ScopedTables, change: Of<'create-document'>): ConflictReason | undefined {
  const { kind, name, body, createdAt, uniqueKey = null } = change.document
  if (sql.one(DOCUMENT, scope, kind, name) !== undefined) return 'exists'
  if (uniqueKey !== null && sql.one(DOCUMENT_BY_KEY, kind, uniqueKey) !== undefined) return 'taken'
  const same = sql.one('SELECT count(*) AS n FROM stored_document WHERE scope = ? AND kind = ?', scope, kind)
  if (change.max !== undefined && count(same?.['n']) >= change.max) return 'limit'
  sql.run(
    'INSERT INTO stored_document (scope, kind, name, body, created_at, unique_key) VALUES (?, ?, ?, ?, ?, ?)',
    scope,
    kind,
    name,
    body,
    createdAt,
    uniqueKey,
  )
  return undefined
}

function replaceDocument({ sql, scope }: ScopedTables, change: Of<'replace-document'>): ConflictReason | undefined {
  const { kind, name, body, from } = change
  const row = sql.one(DOCUMENT, scope, kind, name)
  if (row === undefined) return 'absent'
  if (from !== undefined && row['body'] !== from) return 'version'
  sql.run('UPDATE stored_document SET body = ? WHERE scope = ? AND kind = ? AND name = ?', body, scope, kind, name)
  return undefined
}

function deleteDocument({ sql, scope }: ScopedTables, change: Of<'delete-document'>): ConflictReason | undefined {
  const { kind, name } = change
  const text = 'DELETE FROM stored_document WHERE scope = ? AND kind = ? AND name = ?'
  return sql.run(text, scope, kind, name) === 0 ? 'absent' : undefined
}

function certificateRow({ sql, scope }: ScopedTables, id: CertificateId): Row | undefined {
  return sql.one('SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?', bytesOf(id), scope)
}

function allowListRow({ sql, scope }: ScopedTables, name: string): Row | undefined {
  return sql.one('SELECT id, once FROM allow_list WHERE scope = ? AND name = ?', scope, name)
}

const DOCUMENT = 'SELECT body FROM stored_document WHERE scope = ? AND kind = ? AND name = ?'
const DOCUMENT_BY_KEY = 'SELECT 1 FROM stored_document WHERE kind = ? AND unique_key = ?'
