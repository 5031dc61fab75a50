import type { SQLInputValue } from 'node:sqlite'
import type { Page, PageRequest } from '../pages.ts'
import { registryFault } from './faults.ts'
import { count } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/** A list that is read in pages, in the order in which its rows were made. */
export interface PagedQuery {
  /** Names the list in its tokens, so that one list's token is refused by another. */
  readonly list: string
  readonly columns: string
  /** What follows FROM, up to and including the last condition. */
  readonly from: string
  /** The column with the row ids that order the list; selected as `position`. */
  readonly position: string
  readonly values: readonly SQLInputValue[]
}

/** The list of everything of one table in a scope. */
export function listOf(table: 'certificate' | 'ca' | 'thing_type' | 'billing_group', scope: number): PagedQuery {
  return { list: table, columns: '*', from: `${table} WHERE scope = ?`, position: 'id', values: [scope] }
}

/**
 * Reads one page. A page begins behind a row id, so rows that come and go never shift what follows, and a token is as
 * good after a restart as before.
 *
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function readPage<Found>(
  sql: Statements,
  query: PagedQuery,
  request: PageRequest,
  recordOf: (row: Row) => Found,
): Page<Found> {
  return readMergedPage(sql, query.list, [query], request, recordOf)
}

/**
 * Reads one page of what any of the queries finds, each row once: a page costs what so many pages cost.
 *
 * @throws as {@link readPage}
 */
export function readMergedPage<Found>(
  sql: Statements,
  list: string,
  queries: readonly Omit<PagedQuery, 'list'>[],
  request: PageRequest,
  recordOf: (row: Row) => Found,
): Page<Found> {
  const { limit, ascending = true } = request
  requirePageLimit(limit)
  const start = startOf(list, request)
  const rows = merged(
    queries.map(({ columns, from, position, values }) =>
      sql.all(
        `SELECT ${columns}, ${position} AS position FROM ${from}
         AND ${position} ${ascending ? '>' : '<'} ? ORDER BY ${position} ${ascending ? 'ASC' : 'DESC'} LIMIT ?`,
        ...values,
        start,
        limit + 1,
      ),
    ),
    ascending,
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const next = rows.length > limit && last !== undefined ? tokenOf(list, positionOf(last)) : undefined
  return { rows: shown.map(recordOf), next }
}

function merged(found: readonly (readonly Row[])[], ascending: boolean): readonly Row[] {
  const [only = []] = found
  if (found.length <= 1) return only
  const once = new Map(found.flat().map((row) => [positionOf(row), row] as const))
  const way = ascending ? 1 : -1
  return [...once.values()].toSorted((left, right) => way * (positionOf(left) - positionOf(right)))
}

function positionOf(row: Row): number {
  return count(row['position'])
}

/** @throws `PAGE_LIMIT_INVALID` */
export function requirePageLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= PAGE_ROWS_MAX) return
  throw registryFault('PAGE_LIMIT_INVALID', { limit, max: PAGE_ROWS_MAX })
}

/** Gives the row id behind which a page begins. */
function startOf(list: string, { after, ascending = true }: PageRequest): number {
  if (after === undefined) return ascending ? 0 : Number.MAX_SAFE_INTEGER
  const [name, position] = Buffer.from(after, 'base64').toString('latin1').split(':')
  if (name !== list || position === undefined || !/^[1-9][0-9]{0,14}$/.test(position)) {
    throw registryFault('PAGE_TOKEN_INVALID')
  }
  return Number(position)
}

/** Writes the token for the page behind `position`; base64, as AWS IoT's `nextMarker` is. */
function tokenOf(list: string, position: number): string {
  return Buffer.from(`${list}:${position}`).toString('base64')
}

/** Largest page, in rows (AWS IoT API, PageSize). At the limit: `PAGE_LIMIT_INVALID`. */
export const PAGE_ROWS_MAX = 250
