import type { ConflictReason } from '../changes.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Adds a provisioning template. */
export function createTemplate(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-template'>,
): ConflictReason | undefined {
  const { template } = change
  const added = sql.run(
    `INSERT INTO template (scope, name, type, description, enabled, role_arn, body, default_version, created_at,
       modified_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    template.name,
    template.type,
    template.description,
    template.enabled ? 1 : 0,
    template.roleArn,
    template.body,
    template.createdAt,
    template.modifiedAt,
  )
  return added === 0 ? 'exists' : undefined
}

/** Removes a provisioning template. */
export function deleteTemplate(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'delete-template'>,
): ConflictReason | undefined {
  return sql.run('DELETE FROM template WHERE scope = ? AND name = ?', scope, change.name) === 0 ? 'absent' : undefined
}

/** Replaces or removes the registration code of the scope. */
export function setRegistrationCode(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'set-registration-code'>,
): undefined {
  sql.run('UPDATE scope SET registration_code = ? WHERE id = ?', change.code ?? null, scope)
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

/** Adds an access key; its id is free in every scope or in none. */
export function createAccessKey(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-access-key'>,
): ConflictReason | undefined {
  const { key } = change
  const added = sql.run(
    'INSERT INTO access_key (scope, key_id, secret, name, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    scope,
    key.id,
    key.secret,
    key.name,
    key.createdAt,
  )
  return added === 0 ? 'exists' : undefined
}
