import type {
  BillingGroupRecord,
  GroupQuery,
  PropagatingAttribute,
  ThingGroupRecord,
  ThingTypeRecord,
} from '../catalog-records.ts'
import { count, jsonOf, optionalText, text, time } from './rows.ts'
import type { Row } from './statements.ts'

/** Reads a row of `thing_type`. */
export function thingTypeOf(row: Row): ThingTypeRecord {
  const searchable = Object.values(jsonOf(row['searchable']))
  return {
    name: text(row['name']),
    id: text(row['uuid']),
    description: optionalText(row['description']),
    searchableAttributes: searchable.map(String),
    propagatingAttributes: Object.values(jsonOf(row['propagating'])).map(propagatingOf),
    createdAt: time(row['created_at']),
    deprecatedAt: row['deprecated_at'] === null ? undefined : time(row['deprecated_at']),
  }
}

/** Reads a row of `thing_group` with `parent_name`. */
export function thingGroupOf(row: Row): ThingGroupRecord {
  const attributes = Object.entries(jsonOf(row['attributes']))
  return {
    name: text(row['name']),
    id: text(row['uuid']),
    parentName: optionalText(row['parent_name']),
    description: optionalText(row['description']),
    attributes: Object.fromEntries(attributes.map(([name, value]) => [name, String(value)])),
    query: row['query'] === null ? undefined : queryOf(jsonOf(row['query'])),
    version: count(row['version']),
    createdAt: time(row['created_at']),
  }
}

/** Reads a row of `billing_group`. */
export function billingGroupOf(row: Row): BillingGroupRecord {
  return {
    name: text(row['name']),
    id: text(row['uuid']),
    description: optionalText(row['description']),
    version: count(row['version']),
    createdAt: time(row['created_at']),
  }
}

function propagatingOf(kept: unknown): PropagatingAttribute {
  const members = new Map(typeof kept === 'object' && kept !== null ? Object.entries(kept) : [])
  const member = <Name extends string>(name: Name): { readonly [Key in Name]?: string } => {
    const value: unknown = members.get(name)
    const named: { [Key in Name]?: string } = {}
    if (typeof value === 'string') named[name] = value
    return named
  }
  const userPropertyKey = String(members.get('userPropertyKey'))
  return { userPropertyKey, ...member('thingAttribute'), ...member('connectionAttribute') }
}

function queryOf(kept: Readonly<Record<string, unknown>>): GroupQuery {
  return { text: String(kept['text']), index: String(kept['index']), version: String(kept['version']) }
}
