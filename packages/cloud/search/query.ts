/** A query over an index (AWS IoT Core developer guide, Query syntax). */
export type Query =
  | { readonly kind: 'all'; readonly of: readonly Query[] }
  | { readonly kind: 'any'; readonly of: readonly Query[] }
  | { readonly kind: 'not'; readonly of: Query }
  | QueryTerm
  | QueryRange

/** A value that a field must have. */
export interface QueryTerm {
  readonly kind: 'term'
  /** Case counts. Absent: any field. */
  readonly field: string | undefined
  /** In lower case; the parts between wildcards, of which there is one less. */
  readonly parts: readonly string[]
  /** The wildcards between the parts: `*` stands for any characters, `?` for one. */
  readonly wildcards: readonly ('*' | '?')[]
}

/** Values between two bounds; an absent bound is open. Numbers are compared as numbers, other values as text. */
export interface QueryRange {
  readonly kind: 'range'
  readonly field: string | undefined
  readonly from: QueryBound | undefined
  readonly to: QueryBound | undefined
}

/** One end of a range. */
export interface QueryBound {
  /** In lower case. */
  readonly value: string
  readonly inclusive: boolean
}
