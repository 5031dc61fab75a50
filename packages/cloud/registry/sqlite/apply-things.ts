import type { ConflictReason } from '../changes.ts'
import { bytesOf, count, jsonOf } from './rows.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'
import type { Statements } from './statements.ts'

/** Makes a thing, in its billing group. */
export function createThing(
  { sql, scope }: ScopedTables,
  change: ChangeOf<'create-thing'>,
): ConflictReason | undefined {
  const { thing } = change
  if (sql.one('SELECT 1 FROM thing WHERE name = ? AND scope = ?', thing.name, scope) !== undefined) return 'exists'
  const billingGroup =
    thing.billingGroupName === undefined
      ? undefined
      : sql.one('SELECT id FROM billing_group WHERE scope = ? AND name = ?', scope, thing.billingGroupName)
  if (thing.billingGroupName !== undefined && billingGroup === undefined) return 'target-absent'
  const id = sql.insert(
    `INSERT INTO thing (scope, name, uuid, type_name, billing_group, attributes, version, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    scope,
    thing.name,
    thing.id,
    thing.typeName ?? null,
    billingGroup === undefined ? null : count(billingGroup['id']),
    JSON.stringify(thing.attributes),
    thing.version,
    thing.createdAt,
  )
  indexAttributes(sql, scope, id, thing.attributes)
  return undefined
}

/** Replaces the attributes and the type of a thing. */
export function updateThing(tables: ScopedTables, change: ChangeOf<'update-thing'>): ConflictReason | undefined {
  const { sql, scope } = tables
  const found = thingRow(tables, change.name)
  if (found === undefined) return 'absent'
  if (change.expectedVersion !== undefined && change.expectedVersion !== found.version) return 'version'
  forgetAttributes(sql, scope, found)
  sql.run(
    'UPDATE thing SET attributes = ?, type_name = ?, version = version + 1 WHERE id = ?',
    JSON.stringify(change.attributes),
    change.typeName ?? null,
    found.id,
  )
  indexAttributes(sql, scope, found.id, change.attributes)
  return undefined
}

/** Removes a thing; one that is not there is removed already. */
export function deleteThing(tables: ScopedTables, change: ChangeOf<'delete-thing'>): ConflictReason | undefined {
  const { sql, scope } = tables
  const found = thingRow(tables, change.name)
  if (found === undefined) return undefined
  if (change.expectedVersion !== undefined && change.expectedVersion !== found.version) return 'version'
  if (sql.one('SELECT 1 FROM thing_principal WHERE thing = ?', found.id) !== undefined) return 'attached'
  forgetAttributes(sql, scope, found)
  sql.run('DELETE FROM thing_group_member WHERE thing = ?', found.id)
  sql.run('DELETE FROM thing WHERE id = ?', found.id)
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

interface ThingRow {
  readonly id: number
  readonly version: number
  readonly attributes: Readonly<Record<string, unknown>>
}

function thingRow({ sql, scope }: ScopedTables, name: string): ThingRow | undefined {
  const row = sql.one('SELECT id, version, attributes FROM thing WHERE name = ? AND scope = ?', name, scope)
  if (row === undefined) return undefined
  return { id: count(row['id']), version: count(row['version']), attributes: jsonOf(row['attributes']) }
}

function indexAttributes(
  sql: Statements,
  scope: number,
  thing: number,
  attributes: Readonly<Record<string, string>>,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    sql.run('INSERT INTO thing_attribute (scope, name, value, thing) VALUES (?, ?, ?, ?)', scope, name, value, thing)
  }
}

function forgetAttributes(sql: Statements, scope: number, { id, attributes }: ThingRow): void {
  const forget = 'DELETE FROM thing_attribute WHERE scope = ? AND name = ? AND value = ? AND thing = ?'
  for (const [name, value] of Object.entries(attributes)) sql.run(forget, scope, name, String(value), id)
}

const THING_ID = 'SELECT id FROM thing WHERE name = ? AND scope = ?'
const CERTIFICATE_ID = 'SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?'
