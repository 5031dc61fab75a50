import {
  DYNAMIC_GROUPS_MAX,
  GROUP_CHILDREN_MAX,
  GROUP_DEPTH_MAX,
  GROUPS_PER_THING_MAX,
  POLICIES_PER_GROUP_MAX,
} from '../catalog-changes.ts'
import type { GroupQuery } from '../catalog-records.ts'
import type { ConflictReason } from '../changes.ts'
import { count } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'
import type { Row } from './statements.ts'

/** Makes a thing group below its parent. */
export function createThingGroup(
  tables: ScopedTables,
  { group }: ChangeOf<'create-thing-group'>,
): ConflictReason | undefined {
  const { sql, scope } = tables
  if (groupRow(tables, group.name) !== undefined) return 'exists'
  const parent = group.parentName === undefined ? undefined : groupRow(tables, group.parentName)
  if (group.parentName !== undefined && parent === undefined) return 'target-absent'
  const refusal = parent === undefined ? rootRefusal(tables, group.query) : childRefusal(tables, parent)
  if (refusal !== undefined) return refusal
  sql.run(
    `INSERT INTO thing_group (scope, name, uuid, parent, depth, description, attributes, query, version, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    scope,
    group.name,
    group.id,
    parent === undefined ? null : count(parent['id']),
    parent === undefined ? 1 : count(parent['depth']) + 1,
    group.description ?? null,
    JSON.stringify(group.attributes),
    queryText(group.query),
    group.version,
    group.createdAt,
  )
  return undefined
}

/** Replaces what a thing group says of itself. */
export function updateThingGroup(
  tables: ScopedTables,
  change: ChangeOf<'update-thing-group'>,
): ConflictReason | undefined {
  const row = groupRow(tables, change.name)
  if (row === undefined || (row['query'] === null) !== (change.query === undefined)) return 'absent'
  if (isOther(row, change.expectedVersion)) return 'version'
  tables.sql.run(
    'UPDATE thing_group SET description = ?, attributes = ?, query = ?, version = version + 1 WHERE id = ?',
    change.description ?? null,
    JSON.stringify(change.attributes),
    queryText(change.query),
    count(row['id']),
  )
  return undefined
}

/** Removes a thing group; the rows of its members stay and count as none. */
export function deleteThingGroup(
  tables: ScopedTables,
  change: ChangeOf<'delete-thing-group'>,
): ConflictReason | undefined {
  const row = groupRow(tables, change.name)
  if (row === undefined) return undefined
  if ((row['query'] !== null) !== change.dynamic) return 'state'
  if (isOther(row, change.expectedVersion)) return 'version'
  const id = count(row['id'])
  if (tables.sql.one('SELECT 1 FROM thing_group WHERE parent = ?', id) !== undefined) return 'attached'
  tables.sql.run('DELETE FROM thing_group_policy WHERE thing_group = ?', id)
  tables.sql.run('DELETE FROM thing_group WHERE id = ?', id)
  return undefined
}

/** Puts a thing into a static group, once. */
export function addToThingGroup(
  tables: ScopedTables,
  change: ChangeOf<'add-to-thing-group'>,
): ConflictReason | undefined {
  const found = thingAndGroup(tables, change)
  if (typeof found === 'string') return found
  const { sql } = tables
  const gone = 'thing = ? AND NOT EXISTS (SELECT 1 FROM thing_group g WHERE g.id = thing_group_member.thing_group)'
  sql.run(`DELETE FROM thing_group_member WHERE ${gone}`, found.thing)
  const members = sql.all('SELECT thing_group AS id FROM thing_group_member WHERE thing = ?', found.thing)
  const ids = members.map((row) => count(row['id']))
  if (ids.includes(found.group)) return undefined
  const root = rootOf(tables, found.group)
  if (ids.some((id) => rootOf(tables, id) === root)) return 'exclusive'
  if (ids.length >= GROUPS_PER_THING_MAX) return 'limit'
  sql.run('INSERT INTO thing_group_member (thing, thing_group) VALUES (?, ?)', found.thing, found.group)
  return undefined
}

/** Takes a thing out of a static group. */
export function removeFromThingGroup(
  tables: ScopedTables,
  change: ChangeOf<'remove-from-thing-group'>,
): ConflictReason | undefined {
  const found = thingAndGroup(tables, change)
  if (typeof found === 'string') return found
  tables.sql.run('DELETE FROM thing_group_member WHERE thing = ? AND thing_group = ?', found.thing, found.group)
  return undefined
}

/** Puts a policy on a static group, once. */
export function attachGroupPolicy(
  tables: ScopedTables,
  change: ChangeOf<'attach-group-policy'>,
): ConflictReason | undefined {
  const { sql, scope } = tables
  const policy = sql.one('SELECT id FROM policy WHERE scope = ? AND name = ?', scope, change.policyName)
  if (policy === undefined) return 'absent'
  const group = groupRow(tables, change.groupName)
  if (group === undefined) return 'target-absent'
  if (group['query'] !== null) return 'state'
  const id = count(group['id'])
  const attached = sql.all('SELECT policy FROM thing_group_policy WHERE thing_group = ?', id)
  if (attached.some((other) => other['policy'] === policy['id'])) return undefined
  if (attached.length >= POLICIES_PER_GROUP_MAX) return 'limit'
  sql.run('INSERT INTO thing_group_policy (thing_group, policy) VALUES (?, ?)', id, count(policy['id']))
  return undefined
}

/** Takes a policy off a group. */
export function detachGroupPolicy(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'detach-group-policy'>,
): ConflictReason | undefined {
  sql.run(
    `DELETE FROM thing_group_policy
     WHERE policy = (SELECT id FROM policy WHERE scope = ? AND name = ?)
       AND thing_group = (SELECT id FROM thing_group WHERE scope = ? AND name = ?)`,
    scope,
    change.policyName,
    scope,
    change.groupName,
  )
  return undefined
}

function thingAndGroup(
  tables: ScopedTables,
  { thingName, groupName }: { readonly thingName: string; readonly groupName: string },
): { readonly thing: number; readonly group: number } | ConflictReason {
  const thing = tables.sql.one('SELECT id FROM thing WHERE name = ? AND scope = ?', thingName, tables.scope)
  if (thing === undefined) return 'absent'
  const group = groupRow(tables, groupName)
  if (group === undefined) return 'target-absent'
  return group['query'] === null ? { thing: count(thing['id']), group: count(group['id']) } : 'state'
}

function rootRefusal({ sql, scope }: ScopedTables, query: GroupQuery | undefined): ConflictReason | undefined {
  if (query === undefined) return undefined
  const dynamic = sql.one('SELECT count(*) AS n FROM thing_group WHERE scope = ? AND query IS NOT NULL', scope)
  return count(dynamic?.['n']) >= DYNAMIC_GROUPS_MAX ? 'limit' : undefined
}

function childRefusal({ sql }: ScopedTables, parent: Row): ConflictReason | undefined {
  if (parent['query'] !== null) return 'state'
  if (count(parent['depth']) >= GROUP_DEPTH_MAX) return 'depth'
  const children = sql.one('SELECT count(*) AS n FROM thing_group WHERE parent = ?', count(parent['id']))
  return count(children?.['n']) >= GROUP_CHILDREN_MAX ? 'limit' : undefined
}

function rootOf({ sql }: ScopedTables, id: number): number {
  let root = id
  for (let level = 0; level < GROUP_DEPTH_MAX; level += 1) {
    const parent = sql.one('SELECT parent FROM thing_group WHERE id = ?', root)?.['parent']
    if (typeof parent !== 'number') break
    root = parent
  }
  return root
}

function groupRow({ sql, scope }: ScopedTables, name: string): Row | undefined {
  return sql.one('SELECT * FROM thing_group WHERE scope = ? AND name = ?', scope, name)
}

function isOther(row: Row, expectedVersion: number | undefined): boolean {
  return expectedVersion !== undefined && expectedVersion !== row['version']
}

function queryText(query: GroupQuery | undefined): string | null {
  return query === undefined ? null : JSON.stringify(query)
}
