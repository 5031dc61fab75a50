import type { ConflictReason } from '../changes.ts'
import { count } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'
import type { Row } from './statements.ts'

/** Makes a billing group. */
export function createBillingGroup(
  { sql, scope }: ScopedTables,
  { billingGroup }: ChangeOf<'create-billing-group'>,
): ConflictReason | undefined {
  const added = sql.run(
    `INSERT INTO billing_group (scope, name, uuid, description, version, created_at)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    billingGroup.name,
    billingGroup.id,
    billingGroup.description ?? null,
    billingGroup.version,
    billingGroup.createdAt,
  )
  return added === 0 ? 'exists' : undefined
}

/** Replaces the description of a billing group. */
export function updateBillingGroup(
  tables: ScopedTables,
  change: ChangeOf<'update-billing-group'>,
): ConflictReason | undefined {
  const row = groupRow(tables, change.name)
  if (row === undefined) return 'absent'
  if (isOther(row, change.expectedVersion)) return 'version'
  tables.sql.run(
    'UPDATE billing_group SET description = ?, version = version + 1 WHERE id = ?',
    change.description ?? null,
    count(row['id']),
  )
  return undefined
}

/** Removes a billing group; its things name a row that is gone, which counts as none. */
export function deleteBillingGroup(
  tables: ScopedTables,
  change: ChangeOf<'delete-billing-group'>,
): ConflictReason | undefined {
  const row = groupRow(tables, change.name)
  if (row === undefined) return undefined
  if (isOther(row, change.expectedVersion)) return 'version'
  tables.sql.run('DELETE FROM billing_group WHERE id = ?', count(row['id']))
  return undefined
}

/** Puts a thing into a billing group, or into none. */
export function setBillingGroup(
  tables: ScopedTables,
  change: ChangeOf<'set-billing-group'>,
): ConflictReason | undefined {
  const { sql, scope } = tables
  const thing = sql.one('SELECT id FROM thing WHERE name = ? AND scope = ?', change.thingName, scope)
  if (thing === undefined) return 'absent'
  const group = change.groupName === undefined ? undefined : groupRow(tables, change.groupName)
  if (change.groupName !== undefined && group === undefined) return 'target-absent'
  const id = group === undefined ? null : count(group['id'])
  sql.run('UPDATE thing SET billing_group = ? WHERE id = ?', id, count(thing['id']))
  return undefined
}

function groupRow({ sql, scope }: ScopedTables, name: string): Row | undefined {
  return sql.one('SELECT id, version FROM billing_group WHERE scope = ? AND name = ?', scope, name)
}

function isOther(row: Row, expectedVersion: number | undefined): boolean {
  return expectedVersion !== undefined && expectedVersion !== row['version']
}
