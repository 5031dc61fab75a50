import type { Query, QueryRange, QueryTerm } from './query.ts'

/** What an index knows of one thing or group: the values of each field, as they are written. */
export type IndexDocument = ReadonlyMap<string, readonly string[]>

/** Tells whether a query finds a document. Upper and lower case of values are one; the case of fields counts. */
export function matchesQuery(query: Query, document: IndexDocument): boolean {
  switch (query.kind) {
    case 'all':
      return query.of.every((part) => matchesQuery(part, document))
    case 'any':
      return query.of.some((part) => matchesQuery(part, document))
    case 'not':
      return !matchesQuery(query.of, document)
    case 'term':
      return someValue(document, query.field, (value) => fitsTerm(query, value.toLowerCase()))
    case 'range':
      return someValue(document, query.field, (value) => fitsRange(query, value.toLowerCase()))
  }
}

function someValue(document: IndexDocument, field: string | undefined, fits: (value: string) => boolean): boolean {
  if (field !== undefined) return document.get(field)?.some(fits) ?? false
  for (const values of document.values()) if (values.some(fits)) return true
  return false
}

/** Matches wildcards without backtracking further than to the last `*`: at most length times length steps. */
function fitsTerm({ parts, wildcards }: QueryTerm, value: string): boolean {
  const [first = ''] = parts
  if (wildcards.length === 0) return value === first
  const pattern = parts.flatMap((part, index) => [
    ...Array.from(part),
    ...(wildcards[index] === undefined ? [] : [index]),
  ])
  let at = 0
  let step = 0
  let afterStar = -1
  let starAt = 0
  while (at < value.length) {
    const piece = pattern[step]
    const wildcard = typeof piece === 'number' ? wildcards[piece] : undefined
    if (wildcard === '*') {
      step += 1
      afterStar = step
      starAt = at
    } else if (wildcard === '?' || (typeof piece === 'string' && value.startsWith(piece, at))) {
      step += 1
      at += typeof piece === 'string' ? piece.length : 1
    } else if (afterStar >= 0) {
      starAt += 1
      at = starAt
      step = afterStar
    } else return false
  }
  return pattern.slice(step).every((piece) => typeof piece === 'number' && wildcards[piece] === '*')
}

function fitsRange({ from, to }: QueryRange, value: string): boolean {
  if (from !== undefined) {
    const order = compare(value, from.value)
    if (order < 0 || (order === 0 && !from.inclusive)) return false
  }
  if (to === undefined) return true
  const order = compare(value, to.value)
  return order < 0 || (order === 0 && to.inclusive)
}

function compare(left: string, right: string): number {
  const numbers = [numberOf(left), numberOf(right)] as const
  if (numbers[0] !== undefined && numbers[1] !== undefined) return numbers[0] - numbers[1]
  if (left === right) return 0
  return left < right ? -1 : 1
}

/** Reads a value as a number, where it is one. */
function numberOf(value: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i.test(value) ? Number(value) : undefined
}
