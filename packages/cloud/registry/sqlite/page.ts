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
  const { limit, ascending = true } = request
  requirePageLimit(limit)
  const rows = sql.all(
    `SELECT ${query.columns}, ${query.position} AS position FROM ${query.from}
     AND ${query.position} ${ascending ? '>' : '<'} ? ORDER BY ${query.position} ${ascending ? 'ASC' : 'DESC'} LIMIT ?`,
    ...query.values,
    startOf(query.list, request),
    limit + 1,
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const next = rows.length > limit && last !== undefined ? tokenOf(query.list, count(last['position'])) : undefined
  return { rows: shown.map(recordOf), next }
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
