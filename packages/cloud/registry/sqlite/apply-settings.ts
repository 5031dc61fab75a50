import type { ConflictReason } from '../changes.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Replaces or removes the registration code of the scope. */
export function setRegistrationCode(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'set-registration-code'>,
): ConflictReason | undefined {
  if (change.code === undefined) {
    sql.run('UPDATE scope SET registration_code = NULL WHERE id = ?', scope)
    return undefined
  }
  const set = 'UPDATE scope SET registration_code = ? WHERE id = ? AND registration_code IS NULL'
  return sql.run(set, change.code, scope) === 0 ? 'exists' : undefined
}

/** Makes the scope one that is served. */
export function openScope({ sql, scope }: ScopedTables, change: ChangeOf<'open-scope'>): ConflictReason | undefined {
  const opened = sql.run(
    'UPDATE OR IGNORE scope SET endpoint_prefix = ?, opened_at = ? WHERE id = ? AND endpoint_prefix IS NULL',
    change.endpointPrefix,
    change.at,
    scope,
  )
  return opened === 0 ? 'exists' : undefined
}
