import { ACCESS_KEYS_MAX, AUDIT_ENTRIES_MAX } from '../access-changes.ts'
import type { ConflictReason } from '../changes.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Adds an access key; its id is free in every scope or in none. */
export function createAccessKey(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-access-key'>,
): ConflictReason | undefined {
  const { key } = change
  sql.run('DELETE FROM access_key WHERE scope = ? AND expires_at <= ?', scope, key.createdAt)
  const held = sql.one('SELECT count(*) AS n FROM access_key WHERE scope = ?', scope)
  if (Number(held?.['n']) >= ACCESS_KEYS_MAX) return 'limit'
  const added = sql.run(
    `INSERT INTO access_key (scope, key_id, secret, name, role, permissions, session_token, expires_at, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    key.id,
    key.secret,
    key.name,
    key.role,
    key.permissions,
    key.session?.token ?? null,
    key.session?.expiresAt ?? null,
    key.createdAt,
  )
  return added === 0 ? 'exists' : undefined
}

/** Removes an access key. */
export function revokeAccessKey(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'revoke-access-key'>,
): ConflictReason | undefined {
  return sql.run('DELETE FROM access_key WHERE scope = ? AND key_id = ?', scope, change.id) === 0 ? 'absent' : undefined
}

/** Adds an entry to the audit log of the scope's account, and lets go of what is beyond its length. */
export function recordAudit({ sql, scope }: ScopedTables, change: ChangeOf<'record-audit'>): undefined {
  const { entry } = change
  sql.run(
    `INSERT INTO audit_entry (account, sequence, access_key, action, outcome, body)
     SELECT s.account, coalesce((SELECT max(sequence) FROM audit_entry a WHERE a.account = s.account), 0) + 1,
       ?, ?, ?, ?
     FROM scope s WHERE s.id = ?`,
    entry.accessKeyId,
    entry.action,
    entry.outcome,
    JSON.stringify(entry),
    scope,
  )
  sql.run(
    `DELETE FROM audit_entry WHERE account = (SELECT account FROM scope WHERE id = ?1)
     AND sequence <= (
       SELECT max(a.sequence) FROM audit_entry a JOIN scope s ON a.account = s.account WHERE s.id = ?1
     ) - ?2`,
    scope,
    AUDIT_ENTRIES_MAX,
  )
}
