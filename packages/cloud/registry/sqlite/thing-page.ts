import type { SQLInputValue } from 'node:sqlite'
import type { Page, PageRequest } from '../pages.ts'
import type { ThingRecord } from '../records.ts'
import type { ThingFilter } from '../registry.ts'
import { registryFault } from './faults.ts'
import { THING_COLUMNS } from './indexed-page.ts'
import { type PagedQuery, readPage, requirePageLimit } from './page.ts'
import { count, text, thingOf } from './rows.ts'
import type { Statements } from './statements.ts'

/**
 * Reads one page of things. Types and attributes are indexed, so a page costs what its rows cost, wherever it begins;
 * values that differ from the wanted one in upper and lower case only are looked at too.
 *
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function thingPage(sql: Statements, scope: number, request: PageRequest & ThingFilter): Page<ThingRecord> {
  const { attributeName, attributeValue, valueIsPrefix = false } = request
  if (attributeName === undefined) return readPage(sql, thingsOfType(scope, request), request, thingOf)
  if (attributeValue === undefined || valueIsPrefix) {
    return pageByValue(sql, scope, request, attributeName, attributeValue ?? '')
  }
  const query = {
    list: 'thing-by-attribute',
    columns: THING_COLUMNS,
    from: `thing_attribute a JOIN thing t ON t.id = a.thing
           WHERE a.scope = ? AND a.name = ? AND a.value = ? AND a.value = ? COLLATE BINARY ${withType(request)}`,
    position: 'a.thing',
    values: [scope, attributeName, attributeValue, attributeValue, ...typeValues(request)],
  }
  return readPage(sql, query, request, thingOf)
}

function thingsOfType(scope: number, filter: ThingFilter): PagedQuery {
  const type = filter.typeName === undefined ? '' : 'AND t.type_name = ? COLLATE NOCASE'
  return {
    list: 'thing',
    columns: THING_COLUMNS,
    from: `thing t WHERE t.scope = ? ${type} ${withType(filter)}`,
    position: 't.id',
    values: [scope, ...typeValues(filter), ...typeValues(filter)],
  }
}

/** Things whose attribute begins with `prefix`, in the order of its values. */
function pageByValue(
  sql: Statements,
  scope: number,
  request: PageRequest & ThingFilter,
  name: string,
  prefix: string,
): Page<ThingRecord> {
  const { limit, after } = request
  requirePageLimit(limit)
  const start = after === undefined ? { value: prefix, thing: 0 } : parseToken(after)
  const rows = sql.all(
    `SELECT ${THING_COLUMNS}, a.value AS position FROM thing_attribute a JOIN thing t ON t.id = a.thing
     WHERE a.scope = ? AND a.name = ? AND (a.value, a.thing) > (?, ?) AND a.value < ?
       AND substr(a.value, 1, ?) = ? COLLATE BINARY ${withType(request)}
     ORDER BY a.value, a.thing LIMIT ?`,
    scope,
    name,
    start.value,
    start.thing,
    `${prefix}\u{10ffff}`,
    prefix.length,
    prefix,
    ...typeValues(request),
    limit + 1,
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    rows: shown.map(thingOf),
    next: more ? tokenOf({ value: text(last['position']), thing: count(last['id']) }) : undefined,
  }
}

function withType({ typeName }: ThingFilter): string {
  return typeName === undefined ? '' : 'AND t.type_name = ?'
}

function typeValues({ typeName }: ThingFilter): readonly SQLInputValue[] {
  return typeName === undefined ? [] : [typeName]
}

interface Place {
  readonly value: string
  readonly thing: number
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
