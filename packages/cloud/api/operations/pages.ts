import type { Page, PageRequest } from '@birthmark/cloud/registry'
import { decodeUtf8, encodeUtf8 } from '@birthmark/foundation/kernel'
import { invalidRequest } from '../exceptions.ts'
import { PAGE_ROWS_DEFAULT } from '../limits.ts'

/** How older operations ask for a part of a list. */
interface MarkerInput {
  readonly marker?: string | undefined
  readonly pageSize?: number | undefined
  readonly ascendingOrder?: boolean | undefined
}

/** How newer operations ask for a part of a list. */
interface TokenInput {
  readonly nextToken?: string | undefined
  readonly maxResults?: number | undefined
}

/** Reads which part of a list is wanted. @throws `InvalidRequestException` when the token is none of ours */
export function pageRequest(input: MarkerInput & TokenInput): PageRequest {
  const token = input.marker ?? input.nextToken
  const page = {
    limit: input.pageSize ?? input.maxResults ?? PAGE_ROWS_DEFAULT,
    ascending: input.ascendingOrder ?? true,
  }
  return token === undefined ? page : { ...page, after: decodeToken(token) }
}

/** Writes where the next page begins as AWS does: base64, absent after the last page. */
export function nextToken(page: Page<unknown>): string | undefined {
  return page.next === undefined ? undefined : Buffer.from(encodeUtf8(page.next)).toString('base64')
}

/** Cuts a page out of a whole list that is short by nature; `keyOf` gives its order and its tokens. */
export function pageOf<Row>(rows: readonly Row[], keyOf: (row: Row) => string, request: PageRequest): Page<Row> {
  const ordered = rows.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))
  if (request.ascending === false) ordered.reverse()
  const { after } = request
  const isLater = (row: Row): boolean =>
    after === undefined || (request.ascending === false ? keyOf(row) < after : keyOf(row) > after)
  const rest = ordered.filter(isLater)
  const taken = rest.slice(0, request.limit)
  const last = taken.at(-1)
  return { rows: taken, next: rest.length > taken.length && last !== undefined ? keyOf(last) : undefined }
}

function decodeToken(token: string): string {
  const text = /^[A-Za-z0-9+/]+={0,2}$/.test(token) ? decodeUtf8(Buffer.from(token, 'base64')) : undefined
  if (text === undefined) throw invalidRequest('The token of the next page is not valid.')
  return text
}
