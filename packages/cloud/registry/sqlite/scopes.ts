import type { Scope } from '../records.ts'
import { count, text } from './rows.ts'
import type { Statements } from './statements.ts'

/** The rows of `scope`, held in memory: there are few, and every read and every change needs one. */
export class Scopes {
  readonly #sql: Statements
  readonly #ids = new Map<string, number>()
  readonly #uncommitted = new Set<string>()

  constructor(sql: Statements) {
    this.#sql = sql
    for (const row of sql.all('SELECT id, account, region FROM scope')) {
      this.#ids.set(keyOf({ account: text(row['account']), region: text(row['region']) }), count(row['id']))
    }
  }

  /** Gives the id of a scope; {@link NO_SCOPE} for one that holds nothing yet. */
  id(scope: Scope): number {
    const key = keyOf(scope)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    // Where another process writes, it may have been made meanwhile.
    const row = this.#sql.one('SELECT id FROM scope WHERE account = ? AND region = ?', scope.account, scope.region)
    if (row === undefined) return NO_SCOPE
    this.#ids.set(key, count(row['id']))
    return count(row['id'])
  }

  /** Gives the id of a scope, and makes its row when it is new: inside the open transaction. */
  ensure(scope: Scope): number {
    const key = keyOf(scope)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#sql.insert('INSERT INTO scope (account, region) VALUES (?, ?)', scope.account, scope.region)
    this.#ids.set(key, id)
    this.#uncommitted.add(key)
    return id
  }

  /** The transaction was committed: what it made is there. */
  keepCommitted(): void {
    this.#uncommitted.clear()
  }

  /** The transaction was rolled back: what it made is not there. */
  forgetUncommitted(): void {
    for (const key of this.#uncommitted) this.#ids.delete(key)
    this.#uncommitted.clear()
  }
}

function keyOf({ account, region }: Scope): string {
  return `${account}/${region}`
}

/** No row has this id, so every query for it comes back empty. */
const NO_SCOPE = 0
