import type { Query, QueryTerm } from './query.ts'

/**
 * Gives the first of `fields` that a document must have with one exact value for the query to find it, with that value:
 * what an index can look up. A field that ends in `.` stands for all that begin so.
 */
export function bestTerm(query: Query, fields: readonly string[]): { field: string; value: string } | undefined {
  const terms = (query.kind === 'all' ? query.of : [query]).filter(isExact)
  for (const wanted of fields) {
    for (const { field = '', parts } of terms) {
      const [value] = parts
      const isWanted = wanted.endsWith('.') ? field.startsWith(wanted) : field === wanted
      if (isWanted && value !== undefined) return { field, value }
    }
  }
  return undefined
}

function isExact(query: Query): query is QueryTerm {
  return query.kind === 'term' && query.field !== undefined && query.wildcards.length === 0
}
