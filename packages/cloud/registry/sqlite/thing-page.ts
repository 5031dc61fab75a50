import type { SQLInputValue } from 'node:sqlite'
import type { Page, PageRequest } from '../pages.ts'
import type { ThingRecord } from '../records.ts'
import type { ThingFilter } from '../registry.ts'
import { registryFault } from './faults.ts'
import { THING_COLUMNS, THINGS_OF_TYPE } from './indexed-page.ts'
import { type PagedQuery, readPage, requirePageLimit } from './page.ts'
import { count, text, thingOf } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/**
 * Reads one page of things. Types and attributes are indexed, so a page costs what its rows cost, wherever it begins.
 * Of those that an attribute finds, a page looks at {@link LOOKED_AT_MAX}: when few have the type, it is short.
 *
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function thingPage(sql: Statements, scope: number, request: PageRequest & ThingFilter): Page<ThingRecord> {
  const { attributeName, attributeValue, valueIsPrefix = false } = request
  if (attributeName === undefined) return readPage(sql, thingsOfType(scope, request), request, thingOf)
  const isPrefix = attributeValue === undefined || valueIsPrefix
  return pageByValue(sql, scope, request, { name: attributeName, value: attributeValue ?? '', isPrefix })
}

function thingsOfType(scope: number, filter: ThingFilter): PagedQuery {
  return {
    list: 'thing',
    columns: THING_COLUMNS,
    from: filter.typeName === undefined ? 'thing t WHERE t.scope = ?' : THINGS_OF_TYPE,
    position: 't.id',
    values: [scope, ...typeValues(filter), ...typeValues(filter)],
  }
}

/** Which attribute, and what its value is or begins with. */
interface Wanted {
  readonly name: string
  readonly value: string
  readonly isPrefix: boolean
}

/** Things by an attribute, in the order of its values. */
function pageByValue(
  sql: Statements,
  scope: number,
  request: PageRequest & ThingFilter,
  wanted: Wanted,
): Page<ThingRecord> {
  const { limit, ascending = true } = request
  requirePageLimit(limit)
  const { looked, values } = lookedAt(scope, wanted, request)
  const way = ascending ? 'ASC' : 'DESC'
  const type = request.typeName === undefined ? '' : 'AND t.type_name = ?'
  const rows = sql.all(
    `SELECT ${THING_COLUMNS}, a.value AS position FROM (${looked}) a JOIN thing t ON t.id = a.thing
     WHERE substr(a.value, 1, ?) = ? COLLATE BINARY ${type} ORDER BY a.value ${way}, a.thing ${way} LIMIT ?`,
    ...values,
    LOOKED_AT_MAX,
    0,
    wanted.isPrefix ? wanted.value.length : VALUE_CHARACTERS_MAX,
    wanted.value,
    ...typeValues(request),
    limit + 1,
  )
  if (rows.length > limit) return { rows: rows.slice(0, limit).map(thingOf), next: tokenOf(placeOf(rows[limit - 1])) }
  const last = sql.one(looked, ...values, 1, LOOKED_AT_MAX - 1)
  const next = last && tokenOf({ value: text(last['value']), thing: count(last['thing']) })
  return { rows: rows.map(thingOf), next }
}

/** The query for what a page looks at, still without the number of rows and of those to leave out. */
function lookedAt(
  scope: number,
  { name, value, isPrefix }: Wanted,
  { after, ascending = true }: PageRequest,
): { readonly looked: string; readonly values: readonly SQLInputValue[] } {
  const [than, way] = ascending ? ['>', 'ASC'] : ['<', 'DESC']
  const from = 'SELECT value, thing FROM thing_attribute WHERE scope = ? AND name = ?'
  const rest = `ORDER BY value ${way}, thing ${way} LIMIT ? OFFSET ?`
  const end = `${value}\u{10ffff}`
  const first = ascending ? { value, thing: 0 } : { value: end, thing: Number.MAX_SAFE_INTEGER }
  const start = after === undefined ? first : parseToken(after)
  if (!isPrefix)
    return { looked: `${from} AND value = ? AND thing ${than} ? ${rest}`, values: [scope, name, value, start.thing] }
  return {
    looked: `${from} AND (value, thing) ${than} (?, ?) AND value ${ascending ? '<' : '>='} ? ${rest}`,
    values: [scope, name, start.value, start.thing, ascending ? end : value],
  }
}

function typeValues({ typeName }: ThingFilter): readonly SQLInputValue[] {
  return typeName === undefined ? [] : [typeName]
}

interface Place {
  readonly value: string
  readonly thing: number
}

function placeOf(row: Row | undefined): Place {
  return { value: text(row?.['position']), thing: count(row?.['id']) }
}

function tokenOf({ value, thing }: Place): string {
  return Buffer.from(`thing-by-value:${thing}:${value}`).toString('base64')
}

function parseToken(token: string): Place {
  const [, thing, value] = TOKEN.exec(Buffer.from(token, 'base64').toString('utf8')) ?? []
  if (thing === undefined || value === undefined) throw registryFault('PAGE_TOKEN_INVALID')
  return { value, thing: Number(thing) }
}

const TOKEN = /^thing-by-value:([1-9][0-9]{0,14}):(.*)$/su

/** Things that one page of those with an attribute looks at: some milliseconds. At the limit the page is short. */
const LOOKED_AT_MAX = 1000
/** More than any value of an attribute has (AWS IoT API, AttributeValue: 800): `substr` then gives the whole. */
const VALUE_CHARACTERS_MAX = 1024
