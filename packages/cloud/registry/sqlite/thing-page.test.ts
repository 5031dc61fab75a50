import assert from 'node:assert/strict'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { indexedPage } from './indexed-page.ts'
import { MIGRATIONS, migrate } from './schema.ts'
import { type Row, Statements } from './statements.ts'
import { thingPage } from './thing-page.ts'

/** Pages of things cost what their rows cost: SQLite itself says how it finds them. */

class Explained extends Statements {
  readonly plans: string[] = []
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    super(database)
    this.#database = database
  }

  override all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    this.#explain(sql, values)
    return super.all(sql, ...values)
  }

  override one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    this.#explain(sql, values)
    return super.one(sql, ...values)
  }

  #explain(sql: string, values: readonly SQLInputValue[]): void {
    const rows = this.#database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values)
    this.plans.push(rows.map(({ detail }) => String(detail)).join('; '))
  }
}

const OF_TYPE = 'SEARCH t USING INDEX thing_type_folded (scope=? AND type_name=? AND type_name=? AND rowid'

test('things of a type are found without a look at those whose type differs in case only', () => {
  const sql = open()
  for (const ascending of [true, false]) thingPage(sql, 1, { limit: 9, ascending, typeName: 'meter' })
  for (const plan of sql.plans) {
    assert.ok(plan.startsWith(OF_TYPE), plan)
    assert.doesNotMatch(plan, /TEMP B-TREE|SCAN t/)
  }
  assert.equal(sql.plans.length, 2)
})

test('the index finds the things of each type of a name by itself, one step for each name', () => {
  const sql = open()
  assert.equal(indexedPage(sql, 1, { by: 'type', value: 'meter' }, { limit: 9 }).rows.length, 3)
  assert.equal(sql.plans.filter((plan) => plan.startsWith(OF_TYPE)).length, 2)
  const steps = sql.plans.filter((plan) => plan.includes('(scope=? AND type_name=? AND type_name>?)'))
  assert.equal(steps.length, 3)
  for (const plan of sql.plans) assert.doesNotMatch(plan, /SCAN thing\b|SCAN t\b/)
})

/** A registry with three things of two types. */
function open(): Explained {
  const database = new DatabaseSync(':memory:')
  migrate(database, MIGRATIONS, instant(0))
  const insert = database.prepare(
    `INSERT INTO thing (scope, name, uuid, type_name, attributes, version, created_at)
     VALUES (1, ?, '', ?, '{}', 1, 0)`,
  )
  for (const [name, type] of [
    ['a', 'meter'],
    ['b', 'METER'],
    ['c', 'meter'],
  ] as const)
    insert.run(name, type)
  return new Explained(database)
}
