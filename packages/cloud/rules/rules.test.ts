import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { parseRule } from './index.ts'
import { parseSql } from './parse-sql.ts'
import { type RuleInput, runQuery } from './sql.ts'

const PAYLOAD = { power: 7, site: { name: "north's", tags: ['a', 'b'] }, isOn: true, none: null }
const INPUT: RuleInput = {
  topic: 'dt/m1/power',
  payload: PAYLOAD,
  clientId: 'c1',
  now: 1_800_000_000_000,
  accountId: '111122223333',
  uuid: () => 'u',
}

const QUERIES: readonly (readonly [sql: string, result: unknown])[] = [
  ["SELECT * FROM 'dt/+/power'", INPUT.payload],
  ["select power as p, site.name from 'x'", { p: 7, name: "north's" }],
  ["SELECT site.tags[1] AS tag FROM 'x'", { tag: 'b' }],
  ["SELECT power, absent FROM 'x'", { power: 7 }],
  ["SELECT *, clientid() AS power FROM 'x'", { ...PAYLOAD, power: 'c1' }],
  ["SELECT topic() AS t, topic(2) AS thing, clientid() AS c FROM 'x'", { t: INPUT.topic, thing: 'm1', c: 'c1' }],
  [
    "SELECT timestamp() AS at, accountid() AS a, newuuid() AS u FROM 'x'",
    { at: INPUT.now, a: INPUT.accountId, u: 'u' },
  ],
  ["SELECT concat(upper('ab'), '-', power) AS x FROM 'x'", { x: 'AB-7' }],
  ["SELECT power FROM 'x' WHERE power > 6 AND NOT isOn = false", { power: 7 }],
  ["SELECT power FROM 'x' WHERE power > 7 OR site.name = 'north''s'", { power: 7 }],
  ["SELECT power FROM 'x' WHERE power <> 7", undefined],
  ["SELECT power FROM 'x' WHERE absent = 7", undefined],
  ["SELECT power FROM 'x' WHERE NOT absent = 7", undefined],
  ["SELECT power FROM 'x' WHERE startswith(topic(), 'dt/') AND (power >= 7.0)", { power: 7 }],
  ["SELECT __proto__ AS p, constructor AS c FROM 'x'", {}],
]

for (const [sql, result] of QUERIES) {
  test(sql, () => assert.deepEqual(runQuery(parseSql(sql), INPUT), result))
}

const REFUSED: readonly (readonly [sql: string, at: number])[] = [
  ['', 1],
  ['SELECT', 7],
  ['SELECT * FROM dt', 15],
  ["SELECT * FROM 'x' WHERE", 24],
  ["SELECT * FROM 'x' WHERE a = 1 b", 31],
  ["SELECT aws_lambda('x') FROM 'x'", 8],
  ["SELECT * FROM 'x' WHERE a ~ 1", 27],
  [`SELECT * FROM 'x' WHERE ${'('.repeat(60)}a`, 75],
]

for (const [sql, at] of REFUSED) {
  test(`refused with its place: ${sql.slice(0, 60)}`, () => {
    const named = (error: unknown): boolean => isFault(error, 'RULE_SQL_MALFORMED') && error.context['at'] === at
    assert.throws(() => parseSql(sql), named)
  })
}

test('any text is a query or refused', () => {
  const word = fc.constantFrom(
    'SELECT',
    '*',
    'FROM',
    "'a/b'",
    'WHERE',
    'a',
    '=',
    '1',
    'AND',
    'NOT',
    '(',
    ')',
    ',',
    'topic',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join(' ')),
  )
  fc.assert(
    fc.property(text, (sql) => {
      try {
        runQuery(parseSql(sql), INPUT)
      } catch (error) {
        assert.ok(isFault(error, 'RULE_SQL_MALFORMED'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('an action that is not there yet is refused by its name', () => {
  const sql = "SELECT * FROM 'x'"
  assert.throws(
    () => parseRule({ sql, actions: [{ dynamoDB: { tableName: 't' } }] }),
    (error: unknown) => isFault(error, 'RULE_ACTION_UNSUPPORTED') && error.context['action'] === 'dynamoDB',
  )
  assert.deepEqual(parseRule({ sql, actions: [{ republish: { topic: 'a', qos: 1 } }] }).actions, [
    { do: 'republish', topic: 'a', qos: 1 },
  ])
})
