import type { SQLInputValue } from 'node:sqlite'
import type { ThingRecord } from '../records.ts'
import type { Page, PageRequest, ThingFilter } from '../registry.ts'
import { type PagedQuery, readPage, startOf, tokenOf } from './page.ts'
import { count, thingOf } from './rows.ts'
import type { Statements } from './statements.ts'

/**
 * Reads one page of things. The type is indexed; attributes are not, so a page that filters by them looks at
 * {@link SCANNED_ROWS_MAX} things at most: it may hold fewer things than asked for, even none, and still have a `next`.
 *
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function thingPage(sql: Statements, scope: number, request: PageRequest & ThingFilter): Page<ThingRecord> {
  const things = thingsOfType(scope, request.typeName)
  if (request.attributeName === undefined && request.attributeValue === undefined) {
    return readPage(sql, things, request, thingOf)
  }
  const end = endOfScan(sql, things, request)
  const scanned = end === undefined ? things : upTo(things, end, request.ascending)
  const page = readPage(sql, withAttribute(scanned, request), request, thingOf)
  if (page.next !== undefined || end === undefined) return page
  return { rows: page.rows, next: tokenOf(LIST, end) }
}

function thingsOfType(scope: number, typeName: string | undefined): PagedQuery {
  const query = { list: LIST, columns: '*', position: 'id' }
  return typeName === undefined
    ? { ...query, from: 'thing WHERE scope = ?', values: [scope] }
    : { ...query, from: 'thing WHERE scope = ? AND type_name = ?', values: [scope, typeName] }
}

/** Gives the row id of the last thing that this page may look at; `undefined` when the list ends before. */
function endOfScan(sql: Statements, things: PagedQuery, request: PageRequest): number | undefined {
  const ascending = request.ascending ?? true
  const row = sql.one(
    `SELECT id FROM ${things.from} AND id ${ascending ? '>' : '<'} ? ORDER BY id ${ascending ? 'ASC' : 'DESC'}
     LIMIT 1 OFFSET ?`,
    ...things.values,
    startOf(LIST, request),
    SCANNED_ROWS_MAX - 1,
  )
  return row === undefined ? undefined : count(row['id'])
}

function upTo(things: PagedQuery, end: number, ascending = true): PagedQuery {
  return { ...things, from: `${things.from} AND id ${ascending ? '<=' : '>='} ?`, values: [...things.values, end] }
}

function withAttribute(things: PagedQuery, { attributeName, attributeValue }: ThingFilter): PagedQuery {
  const conditions: string[] = []
  const values: SQLInputValue[] = []
  if (attributeName !== undefined) {
    conditions.push('key = ?')
    values.push(attributeName)
  }
  if (attributeValue !== undefined) {
    conditions.push('value = ?')
    values.push(attributeValue)
  }
  const having = `EXISTS (SELECT 1 FROM json_each(attributes) WHERE ${conditions.join(' AND ')})`
  return { ...things, from: `${things.from} AND ${having}`, values: [...things.values, ...values] }
}

const LIST = 'thing'

/**
 * Things that one page with an attribute filter looks at, at most: some 10 ms during which the process does nothing
 * else. At the limit the page ends there, with a `next`.
 */
export const SCANNED_ROWS_MAX = 10_000
