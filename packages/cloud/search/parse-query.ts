import { queryFault } from './faults.ts'
import type { Query, QueryBound, QueryRange, QueryTerm } from './query.ts'
import { type QueryToken, readTokens } from './read-tokens.ts'

/**
 * Parses a query: terms, `field:term`, phrases, `*` and `?`, ranges, comparisons, AND, OR, NOT, `-`, groups, groups
 * of a
 * field. Terms side by side are joined by AND.
 *
 * @throws `QUERY_INVALID` with the place
 */
export function parseQuery(text: string): Query {
  if (text.length > QUERY_CHARACTERS_MAX) {
    throw queryFault('QUERY_INVALID', {
      at: QUERY_CHARACTERS_MAX + 1,
      why: `it has more than ${QUERY_CHARACTERS_MAX} characters`,
    })
  }
  const parser = new QueryParser(readTokens(text), text.length)
  const query = parser.parse()
  requireModestWildcards(query, text)
  return query
}

/** Recursive descent over the tokens; every level consumes one, so the depth is bounded by {@link QUERY_DEPTH_MAX}. */
class QueryParser {
  readonly #tokens: readonly QueryToken[]
  readonly #end: number
  #next = 0
  #depth = 0
  #terms = 0

  constructor(tokens: readonly QueryToken[], end: number) {
    this.#tokens = tokens
    this.#end = end
  }

  parse(): Query {
    const query = this.#any(undefined)
    const rest = this.#peek()
    if (rest !== undefined) throw this.#fault('nothing can follow here', rest)
    return query
  }

  #any(field: string | undefined): Query {
    const of = [this.#all(field)]
    while (this.#take('or')) of.push(this.#all(field))
    return joined('any', of)
  }

  #all(field: string | undefined): Query {
    const of = [this.#one(field)]
    for (;;) {
      const isJoined = this.#take('and')
      const next = this.#peek()
      if (!isJoined && (next === undefined || next.kind === 'or' || next.kind === 'close')) return joined('all', of)
      of.push(this.#one(field))
    }
  }

  #one(field: string | undefined): Query {
    const token = this.#advance()
    if (token === undefined) throw this.#fault('a term is missing', undefined)
    this.#depth += 1
    if (this.#depth > QUERY_DEPTH_MAX) throw this.#fault(`it is nested deeper than ${QUERY_DEPTH_MAX}`, token)
    const query = this.#from(token, field)
    this.#depth -= 1
    return query
  }

  #from(token: QueryToken, field: string | undefined): Query {
    switch (token.kind) {
      case 'not':
        return { kind: 'not', of: this.#one(field) }
      case 'open': {
        const query = this.#any(field)
        if (!this.#take('close')) throw this.#fault('a closing parenthesis is missing', this.#peek())
        return query
      }
      case 'field':
        if (field !== undefined) throw this.#fault('a field inside the group of another', token)
        return this.#one(token.name)
      case 'term':
        return this.#count(token, { kind: 'term', field, parts: token.parts, wildcards: token.wildcards })
      case 'compare':
        return this.#count(token, comparison(field, token.operator, token.value))
      case 'range':
        return this.#count(token, { kind: 'range', field, from: token.from, to: token.to })
      case 'and':
      case 'or':
      case 'close':
        throw this.#fault('a term is missing', token)
    }
  }

  #count(token: QueryToken, leaf: QueryTerm | QueryRange): Query {
    this.#terms += 1
    if (this.#terms > QUERY_TERMS_MAX) throw this.#fault(`it has more than ${QUERY_TERMS_MAX} terms`, token)
    return leaf
  }

  #take(kind: 'and' | 'or' | 'close'): boolean {
    if (this.#peek()?.kind !== kind) return false
    this.#next += 1
    return true
  }

  #peek(): QueryToken | undefined {
    return this.#tokens[this.#next]
  }

  #advance(): QueryToken | undefined {
    const token = this.#peek()
    this.#next += 1
    return token
  }

  #fault(why: string, token: QueryToken | undefined): Error {
    return queryFault('QUERY_INVALID', { at: (token?.at ?? this.#end) + 1, why })
  }
}

function joined(kind: 'all' | 'any', of: readonly Query[]): Query {
  const [only] = of
  return of.length === 1 && only !== undefined ? only : { kind, of }
}

function comparison(field: string | undefined, operator: '<' | '<=' | '>' | '>=', value: string): QueryRange {
  const bound: QueryBound = { value, inclusive: operator.endsWith('=') }
  return operator.startsWith('>')
    ? { kind: 'range', field, from: bound, to: undefined }
    : { kind: 'range', field, from: undefined, to: bound }
}

/** A wildcard in front makes every value be looked at: AWS allows one, in a short query. */
function requireModestWildcards(query: Query, text: string): void {
  const leading = countLeading(query)
  if (leading > LEADING_WILDCARDS_MAX) {
    throw queryFault('QUERY_INVALID', { at: 1, why: 'more than one term begins with a wildcard' })
  }
  if (leading > 0 && text.length > LEADING_WILDCARD_QUERY_CHARACTERS_MAX) {
    const max = LEADING_WILDCARD_QUERY_CHARACTERS_MAX
    const why = `a term begins with a wildcard and the query has more than ${max} characters`
    throw queryFault('QUERY_INVALID', { at: 1, why })
  }
}

function countLeading(query: Query): number {
  switch (query.kind) {
    case 'all':
    case 'any':
      return query.of.reduce((sum, part) => sum + countLeading(part), 0)
    case 'not':
      return countLeading(query.of)
    case 'range':
      return 0
    case 'term':
      return query.parts[0] === '' && query.parts.some((part) => part !== '') ? 1 : 0
  }
}

/** Longest query, in characters (AWS IoT quotas: 1000). At the limit: `QUERY_INVALID`. */
const QUERY_CHARACTERS_MAX = 1000
/** Terms of one query (developer guide, Query syntax: 12). At the limit: `QUERY_INVALID`. */
const QUERY_TERMS_MAX = 12
/** Deepest nesting; more than 12 terms can use. At the limit: `QUERY_INVALID`. */
const QUERY_DEPTH_MAX = 32
/** Terms that begin with a wildcard (developer guide, Query syntax: 1). At the limit: `QUERY_INVALID`. */
const LEADING_WILDCARDS_MAX = 1
/** Longest query with such a term, in characters (the same place: 100). At the limit: `QUERY_INVALID`. */
const LEADING_WILDCARD_QUERY_CHARACTERS_MAX = 100
