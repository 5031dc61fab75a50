import type { CatalogChange } from '../catalog-changes.ts'
import { TAGS_MAX, THING_TYPE_DEPRECATED_MIN } from '../catalog-changes.ts'
import type { ConflictReason } from '../changes.ts'
import { createBillingGroup, deleteBillingGroup, setBillingGroup, updateBillingGroup } from './apply-billing-groups.ts'
import {
  addToThingGroup,
  attachGroupPolicy,
  createThingGroup,
  deleteThingGroup,
  detachGroupPolicy,
  removeFromThingGroup,
  updateThingGroup,
} from './apply-thing-groups.ts'
import { count } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Makes one change of thing types, groups and tags. */
export function applyCatalogChange(tables: ScopedTables, change: CatalogChange): ConflictReason | undefined {
  switch (change.do) {
    case 'create-thing-type':
      return createThingType(tables, change)
    case 'update-thing-type':
      return updateThingType(tables, change)
    case 'deprecate-thing-type':
      return deprecateThingType(tables, change)
    case 'delete-thing-type':
      return deleteThingType(tables, change)
    case 'create-thing-group':
      return createThingGroup(tables, change)
    case 'update-thing-group':
      return updateThingGroup(tables, change)
    case 'delete-thing-group':
      return deleteThingGroup(tables, change)
    case 'add-to-thing-group':
      return addToThingGroup(tables, change)
    case 'remove-from-thing-group':
      return removeFromThingGroup(tables, change)
    case 'attach-group-policy':
      return attachGroupPolicy(tables, change)
    case 'detach-group-policy':
      return detachGroupPolicy(tables, change)
    case 'create-billing-group':
      return createBillingGroup(tables, change)
    case 'update-billing-group':
      return updateBillingGroup(tables, change)
    case 'delete-billing-group':
      return deleteBillingGroup(tables, change)
    case 'set-billing-group':
      return setBillingGroup(tables, change)
    case 'tag':
      return addTags(tables, change)
    case 'untag':
      return removeTags(tables, change)
  }
}

function createThingType(
  { sql, scope }: ScopedTables,
  { type }: ChangeOf<'create-thing-type'>,
): ConflictReason | undefined {
  const added = sql.run(
    `INSERT INTO thing_type (scope, name, uuid, description, searchable, propagating, created_at, deprecated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    type.name,
    type.id,
    type.description ?? null,
    JSON.stringify(type.searchableAttributes),
    JSON.stringify(type.propagatingAttributes),
    type.createdAt,
    type.deprecatedAt ?? null,
  )
  return added === 0 ? 'exists' : undefined
}

function updateThingType(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'update-thing-type'>,
): ConflictReason | undefined {
  const { description, searchableAttributes, propagatingAttributes } = change
  const changed = sql.run(
    `UPDATE thing_type SET description = coalesce(?, description), searchable = coalesce(?, searchable),
       propagating = coalesce(?, propagating) WHERE scope = ? AND name = ?`,
    description ?? null,
    searchableAttributes === undefined ? null : JSON.stringify(searchableAttributes),
    propagatingAttributes === undefined ? null : JSON.stringify(propagatingAttributes),
    scope,
    change.name,
  )
  return changed === 0 ? 'absent' : undefined
}

function deprecateThingType(
  { sql, scope }: ScopedTables,
  { name, at }: ChangeOf<'deprecate-thing-type'>,
): ConflictReason | undefined {
  const deprecated = 'UPDATE thing_type SET deprecated_at = ? WHERE scope = ? AND name = ?'
  return sql.run(deprecated, at ?? null, scope, name) === 0 ? 'absent' : undefined
}

function deleteThingType(
  { sql, scope }: ScopedTables,
  { name, at }: ChangeOf<'delete-thing-type'>,
): ConflictReason | undefined {
  const row = sql.one('SELECT id, deprecated_at FROM thing_type WHERE scope = ? AND name = ?', scope, name)
  if (row === undefined) return 'absent'
  const since = row['deprecated_at']
  if (since === null || count(since) + THING_TYPE_DEPRECATED_MIN > at) return 'state'
  if (sql.one('SELECT 1 FROM thing WHERE scope = ? AND type_name = ?', scope, name) !== undefined) return 'attached'
  sql.run('DELETE FROM thing_type WHERE id = ?', count(row['id']))
  return undefined
}

function addTags({ sql, scope }: ScopedTables, { resource, tags }: ChangeOf<'tag'>): ConflictReason | undefined {
  for (const [key, value] of Object.entries(tags)) {
    sql.run(
      `INSERT INTO tag (scope, resource, key, value) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET value = excluded.value`,
      scope,
      resource,
      key,
      value,
    )
  }
  const kept = sql.one('SELECT count(*) AS n FROM tag WHERE scope = ? AND resource = ?', scope, resource)
  return count(kept?.['n']) > TAGS_MAX ? 'limit' : undefined
}

function removeTags({ sql, scope }: ScopedTables, { resource, keys }: ChangeOf<'untag'>): undefined {
  for (const key of keys) sql.run('DELETE FROM tag WHERE scope = ? AND resource = ? AND key = ?', scope, resource, key)
}
