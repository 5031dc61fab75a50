import type { ConflictReason } from '../changes.ts'
import { bytesOf, count } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/** Makes a thing. */
export function createThing(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-thing'>,
): ConflictReason | undefined {
  const { thing } = change
  const added = sql.run(
    `INSERT INTO thing (scope, name, uuid, type_name, attributes, version, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    scope,
    thing.name,
    thing.id,
    thing.typeName ?? null,
    JSON.stringify(thing.attributes),
    thing.version,
    thing.createdAt,
  )
  return added === 0 ? 'exists' : undefined
}

/** Replaces the attributes and the type of a thing. */
export function updateThing(tables: ScopedTables, change: ChangeOf<'update-thing'>): ConflictReason | undefined {
  const found = thingVersion(tables, change.name)
  if (found === undefined) return 'absent'
  if (change.expectedVersion !== undefined && change.expectedVersion !== found.version) return 'version'
  tables.sql.run(
    'UPDATE thing SET attributes = ?, type_name = ?, version = version + 1 WHERE id = ?',
    JSON.stringify(change.attributes),
    change.typeName ?? null,
    found.id,
  )
  return undefined
}

/** Removes a thing; one that is not there is removed already. */
export function deleteThing(tables: ScopedTables, change: ChangeOf<'delete-thing'>): ConflictReason | undefined {
  const found = thingVersion(tables, change.name)
  if (found === undefined) return undefined
  if (change.expectedVersion !== undefined && change.expectedVersion !== found.version) return 'version'
  if (tables.sql.one('SELECT 1 FROM thing_principal WHERE thing = ?', found.id) !== undefined) return 'attached'
  tables.sql.run('DELETE FROM thing WHERE id = ?', found.id)
  return undefined
}

/** Attaches a certificate to a thing, once. */
export function attachThingPrincipal(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'attach-thing-principal'>,
): ConflictReason | undefined {
  const thing = sql.one(THING_ID, change.thingName, scope)
  if (thing === undefined) return 'absent'
  const certificate = sql.one(CERTIFICATE_ID, bytesOf(change.certificateId), scope)
  if (certificate === undefined) return 'target-absent'
  const attached = sql.all(
    'SELECT thing, exclusive FROM thing_principal WHERE certificate = ?',
    count(certificate['id']),
  )
  if (attached.some((other) => other['thing'] === thing['id'])) return undefined
  if (attached.some((other) => change.exclusive || other['exclusive'] === 1)) return 'exclusive'
  sql.run(
    'INSERT INTO thing_principal (certificate, thing, exclusive) VALUES (?, ?, ?)',
    count(certificate['id']),
    count(thing['id']),
    change.exclusive ? 1 : 0,
  )
  return undefined
}

/** Takes a certificate off a thing. */
export function detachThingPrincipal(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'detach-thing-principal'>,
): ConflictReason | undefined {
  const removed = sql.run(
    `DELETE FROM thing_principal
     WHERE thing = (SELECT id FROM thing WHERE name = ? AND scope = ?)
       AND certificate = (SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?)`,
    change.thingName,
    scope,
    bytesOf(change.certificateId),
    scope,
  )
  return removed === 0 ? 'absent' : undefined
}

function thingVersion({ sql, scope }: ScopedTables, name: string): { id: number; version: number } | undefined {
  const row = sql.one('SELECT id, version FROM thing WHERE name = ? AND scope = ?', name, scope)
  return row === undefined ? undefined : { id: count(row['id']), version: count(row['version']) }
}

const THING_ID = 'SELECT id FROM thing WHERE name = ? AND scope = ?'
const CERTIFICATE_ID = 'SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?'
