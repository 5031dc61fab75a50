/** The query language of the fleet index: parse a query, match a document, choose an index for it. Pure. */

export { bucketsOf, cardinalityOf, percentilesOf, type Statistics, statisticsOf } from './aggregate.ts'
export { bestTerm } from './best-term.ts'
export { QUERY_FAULTS } from './faults.ts'
export { type IndexDocument, matchesQuery } from './match-query.ts'
export { parseQuery } from './parse-query.ts'
export type { Query, QueryTerm } from './query.ts'
