import type { ConflictReason } from '../changes.ts'
import { TEMPLATE_VERSIONS_MAX } from '../template-changes.ts'
import { count, hookText } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'
import type { Row } from './statements.ts'

/** Adds a provisioning template with its version 1. */
export function createTemplate(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-template'>,
): ConflictReason | undefined {
  const { template } = change
  if (sql.one(TEMPLATE, scope, template.name) !== undefined) return 'exists'
  const id = sql.insert(
    `INSERT INTO template (scope, name, type, description, enabled, role_arn, hook, default_version, last_version,
       created_at, modified_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1, ?, ?)`,
    scope,
    template.name,
    template.type,
    template.description,
    template.enabled ? 1 : 0,
    template.roleArn,
    hookText(template.preProvisioningHook),
    template.createdAt,
    template.modifiedAt,
  )
  sql.run(ADD_VERSION, id, 1, template.body, template.createdAt)
  return undefined
}

/** Changes the members of a template that the change names. */
export function updateTemplate(tables: ScopedTables, change: ChangeOf<'update-template'>): ConflictReason | undefined {
  const row = templateRow(tables, change.name)
  if (row === undefined) return 'absent'
  const { defaultVersionId, preProvisioningHook: hook } = change
  const id = count(row['id'])
  if (defaultVersionId !== undefined && !hasVersion(tables, id, defaultVersionId)) return 'version-absent'
  tables.sql.run(
    `UPDATE template SET description = ?, enabled = ?, role_arn = ?, hook = ?, default_version = ?, modified_at = ?
     WHERE id = ?`,
    change.description ?? row['description'] ?? null,
    change.enabled === undefined ? (row['enabled'] ?? null) : Number(change.enabled),
    change.roleArn ?? row['role_arn'] ?? null,
    hook === undefined ? (row['hook'] ?? null) : hookText(hook),
    defaultVersionId ?? row['default_version'] ?? null,
    change.at,
    id,
  )
  return undefined
}

/** Adds a version to a template; numbers are never given twice. */
export function createTemplateVersion(
  tables: ScopedTables,
  change: ChangeOf<'create-template-version'>,
): ConflictReason | undefined {
  const row = templateRow(tables, change.templateName)
  if (row === undefined) return 'absent'
  const id = count(row['id'])
  const versions = tables.sql.one('SELECT count(*) AS n FROM template_version WHERE template = ?', id)
  if (count(versions?.['n']) >= TEMPLATE_VERSIONS_MAX) return 'limit'
  const version = count(row['last_version']) + 1
  if (version !== change.expectedVersionId) return 'version'
  tables.sql.run(ADD_VERSION, id, version, change.body, change.at)
  tables.sql.run(
    'UPDATE template SET last_version = ?, default_version = ?, modified_at = ? WHERE id = ?',
    version,
    change.setAsDefault ? version : count(row['default_version']),
    change.at,
    id,
  )
  return undefined
}

/** Removes a version that is not in force. */
export function deleteTemplateVersion(
  tables: ScopedTables,
  change: ChangeOf<'delete-template-version'>,
): ConflictReason | undefined {
  const row = templateRow(tables, change.templateName)
  if (row === undefined) return 'absent'
  const id = count(row['id'])
  if (!hasVersion(tables, id, change.versionId)) return 'version-absent'
  if (change.versionId === row['default_version']) return 'default'
  tables.sql.run('DELETE FROM template_version WHERE template = ? AND version = ?', id, change.versionId)
  return undefined
}

/** Removes a template that no CA provisions its devices by. */
export function deleteTemplate(
  tables: ScopedTables,
  { name }: ChangeOf<'delete-template'>,
): ConflictReason | undefined {
  const row = templateRow(tables, name)
  if (row === undefined) return 'absent'
  const { sql, scope } = tables
  const user = sql.one(
    "SELECT 1 FROM ca WHERE scope = ? AND json_extract(registration_config, '$.templateName') = ?",
    scope,
    name,
  )
  if (user !== undefined) return 'attached'
  sql.run('DELETE FROM template_version WHERE template = ?', count(row['id']))
  sql.run('DELETE FROM template WHERE id = ?', count(row['id']))
  return undefined
}

function templateRow({ sql, scope }: ScopedTables, name: string): Row | undefined {
  return sql.one(TEMPLATE, scope, name)
}

function hasVersion({ sql }: ScopedTables, template: number, version: number): boolean {
  return sql.one('SELECT 1 FROM template_version WHERE template = ? AND version = ?', template, version) !== undefined
}

const TEMPLATE = 'SELECT * FROM template WHERE scope = ? AND name = ?'
const ADD_VERSION = 'INSERT INTO template_version (template, version, body, created_at) VALUES (?, ?, ?, ?)'
