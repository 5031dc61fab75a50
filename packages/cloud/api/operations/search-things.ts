import { setImmediate } from 'node:timers/promises'
import type { IndexedThing, IndexKey, Page, PageRequest } from '@birthmark/cloud/registry'
import { bestTerm, type IndexDocument, matchesQuery, parseQuery, type Query } from '@birthmark/cloud/search'
import { isFault, messageOf } from '@birthmark/foundation/kernel'
import { AwsException } from '../exceptions.ts'
import type { Call } from '../operation-types.ts'

/** @throws `InvalidQueryException` with the place in the query and what is wrong there */
export function parseIndexQuery(text: string): Query {
  try {
    return parseQuery(text)
  } catch (error) {
    if (!isFault(error, 'QUERY_INVALID')) throw error
    throw new AwsException('InvalidQueryException', `Invalid query: ${messageOf(error)}`)
  }
}

/**
 * Gives a page of the things that a query finds. A term that every found thing must have (of name, attribute, group or
 * type) is looked up in an index, and only what has it is matched; a query without one matches thing after thing. One
 * page looks at {@link LOOKED_AT_MAX} things at most: it may be short, even empty, and still have a `next`.
 */
export async function searchThings(query: Query, request: PageRequest, call: Call): Promise<Page<IndexedThing>> {
  const rows: IndexedThing[] = []
  let after = request.after
  for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX; lookedAt += BATCH_ROWS) {
    const batch = await call.registry.catalog.indexed(keyOf(query), batchFrom(BATCH_ROWS, after))
    for (const [index, row] of batch.rows.entries()) {
      if (!matchesQuery(query, documentOf(row, call))) continue
      rows.push(row)
      if (rows.length < request.limit) continue
      const end = await call.registry.catalog.indexed(keyOf(query), batchFrom(index + 1, after))
      return { rows, next: end.next }
    }
    if (batch.next === undefined) return { rows, next: undefined }
    after = batch.next
    await setImmediate()
  }
  return { rows, next: after }
}

/**
 * Calls `visit` for every thing that a query finds. @throws `InvalidAggregationException` for more than it may visit
 */
export async function visitThings(query: Query, call: Call, visit: (document: IndexDocument) => void): Promise<void> {
  let after: string | undefined
  let visited = 0
  do {
    const batch = await call.registry.catalog.indexed(keyOf(query), batchFrom(BATCH_ROWS, after))
    visited += batch.rows.length
    if (visited > AGGREGATED_MAX) {
      const why = `more than ${AGGREGATED_MAX} things must be looked at; name an attribute, a type or a group`
      throw new AwsException('InvalidAggregationException', `Invalid aggregation: ${why}.`)
    }
    for (const row of batch.rows) {
      const document = documentOf(row, call)
      if (matchesQuery(query, document)) visit(document)
    }
    after = batch.next
    await setImmediate()
  } while (after !== undefined)
}

/** Gives what the index knows of a thing. */
export function documentOf({ thing, groupNames }: IndexedThing, call: Call): IndexDocument {
  const document = new Map<string, readonly string[]>([
    ['thingName', [thing.name]],
    ['thingId', [thing.id]],
    ['thingGroupNames', groupNames],
  ])
  if (thing.typeName !== undefined) document.set('thingTypeName', [thing.typeName])
  for (const [name, value] of Object.entries(thing.attributes)) document.set(`attributes.${name}`, [value])
  const connectivity = call.connectivityOf?.(call.registry.scope, thing.name)
  document.set('connectivity.connected', [String(connectivity?.connected ?? false)])
  if (connectivity === undefined) return document
  document.set('connectivity.timestamp', [String(connectivity.at)])
  if (connectivity.disconnectReason !== undefined) {
    document.set('connectivity.disconnectReason', [connectivity.disconnectReason])
  }
  return document
}

/** Chooses the index; the first of these fields is in the fewest things. */
function keyOf(query: Query): IndexKey {
  const term = bestTerm(query, ['thingName', 'attributes.', 'thingGroupNames', 'thingTypeName'])
  if (term === undefined) return { by: 'everything' }
  const { field, value } = term
  if (field === 'thingName') return { by: 'name', value }
  if (field === 'thingGroupNames') return { by: 'group', value }
  if (field === 'thingTypeName') return { by: 'type', value }
  return { by: 'attribute', name: field.slice('attributes.'.length), value }
}

function batchFrom(limit: number, after: string | undefined): PageRequest {
  return after === undefined ? { limit } : { limit, after }
}

/** Things that are read at once: up to 6 ms during which the process does nothing else. */
const BATCH_ROWS = 250
/**
 * Things that one page of a search looks at, at most: about a second of work, with the event loop free in between. At
 * the limit the page ends, with a `next`.
 */
const LOOKED_AT_MAX = 50_000
/** Things that one aggregation looks at, at most: some 25 s of work. At the limit: InvalidAggregationException. */
const AGGREGATED_MAX = 1_000_000
