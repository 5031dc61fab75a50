import type { Change } from '../changes.ts'
import type { Statements } from './statements.ts'

/** A registry's tables, seen from one scope: the id of its row in `scope`. */
export interface ScopedTables {
  readonly sql: Statements
  readonly scope: number
}

/** The change with this `do`. */
export type ChangeOf<Name extends Change['do']> = Extract<Change, { readonly do: Name }>
