import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import * as fc from 'fast-check'
import {
  bestTerm,
  bucketsOf,
  cardinalityOf,
  type IndexDocument,
  matchesQuery,
  parseQuery,
  percentilesOf,
  statisticsOf,
} from './index.ts'

const PRESS: IndexDocument = new Map([
  ['thingName', ['Press-7']],
  ['thingTypeName', ['press']],
  ['thingGroupNames', ['hall-3', 'north']],
  ['attributes.site', ['Berlin']],
  ['attributes.temp', ['21.5']],
  ['connectivity.connected', ['true']],
])

const QUERIES: readonly (readonly [query: string, matches: boolean])[] = [
  ['thingName:press-7', true],
  ['thingName:PRESS-7', true],
  ['thingname:press-7', false],
  ['thingName:press', false],
  ['thingName:press*', true],
  ['thingName:p*s*7', true],
  ['thingName:press-?', true],
  ['thingName:?ress-?', true],
  ['thingName:press-??', false],
  ['thingName:press\\*', false],
  ['thingName:*', true],
  ['*', true],
  ['thingName:*-7', true],
  ['berlin', true],
  ['munich', false],
  ['thingGroupNames:north', true],
  ['thingGroupNames:hall-3 AND thingGroupNames:north', true],
  ['thingGroupNames:hall-3 thingGroupNames:south', false],
  ['thingGroupNames:(hall-3 OR south)', true],
  ['thingGroupNames:(hall-3 AND -south)', true],
  ['thingGroupNames:(hall-3 AND NOT north)', false],
  ['NOT thingName:other', true],
  ['-thingName:press-7', false],
  ['attributes.temp:[20 TO 22]', true],
  ['attributes.temp:[21.5 TO *]', true],
  ['attributes.temp:{21.5 TO *}', false],
  ['attributes.temp:[3 TO 9]', false],
  ['attributes.temp:>21', true],
  ['attributes.temp:>=21.5', true],
  ['attributes.temp:<21.5', false],
  ['attributes.temp:<= 21.5', true],
  ['attributes.site:[a TO c]', true],
  ['attributes.site:["c" TO "d"]', false],
  ['attributes.site:"berlin"', true],
  ['connectivity.connected:true', true],
  ['(thingName:a OR thingName:press-7) AND attributes.site:berlin', true],
  ['thingName:a OR thingName:press-7 AND attributes.site:munich', false],
  ['attributes.absent:*', false],
]

for (const [text, matches] of QUERIES) {
  test(`${text} ${matches ? 'finds' : 'does not find'} the press`, () => {
    assert.equal(matchesQuery(parseQuery(text), PRESS), matches)
  })
}

const REFUSED: readonly (readonly [query: string, at: number, why: RegExp])[] = [
  ['', 1, /a term is missing/],
  ['a AND', 6, /a term is missing/],
  ['OR a', 1, /a term is missing/],
  ['(a', 3, /closing parenthesis/],
  ['a)', 2, /nothing can follow/],
  ['"a', 1, /closing quotation mark/],
  ['a:[1 2]', 3, /a range is written/],
  ['a: b', 1, /a value must follow the field a/],
  ['a:>', 3, /a value must follow the comparison/],
  ['a:(b:c)', 4, /a field inside the group/],
  [':a', 1, /the character : can not stand here/],
  ['*a AND *b', 1, /more than one term begins with a wildcard/],
  [`*a AND ${'b'.repeat(100)}`, 1, /begins with a wildcard and the query has more than 100/],
  ['x'.repeat(1001), 1001, /more than 1000 characters/],
  [Array.from({ length: 13 }, (_, n) => `t${n}`).join(' '), 39, /more than 12 terms/],
  [`${'('.repeat(40)}a`, 33, /nested deeper than 32/],
]

for (const [text, at, why] of REFUSED) {
  test(`refuses ${text.slice(0, 20)}`, () => {
    assert.throws(
      () => parseQuery(text),
      (error) => isFault(error, 'QUERY_INVALID') && error.context['at'] === at && why.test(error.message),
    )
  })
}

test('any text is parsed or refused with a place in it', () => {
  const words = fc.constantFrom(
    'AND',
    'OR',
    'NOT',
    '-',
    '(',
    ')',
    '"',
    '[',
    ']',
    ' TO ',
    '*',
    '?',
    ':',
    '>',
    '\\',
    'a',
    ' ',
  )
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(words, { maxLength: 30 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        matchesQuery(parseQuery(text), PRESS)
      } catch (error) {
        assert.ok(isFault(error, 'QUERY_INVALID'), String(error))
        const { at } = error.context
        assert.ok(typeof at === 'number' && at >= 1 && at <= text.length + 1, String(at))
      }
    }),
    { numRuns: 2000 },
  )
})

test('a query that is written out means what it says', () => {
  fc.assert(
    fc.property(QUERY, DOCUMENT, (query, document) => {
      assert.equal(matchesQuery(parseQuery(written(query)), document), holds(query, document))
    }),
    { numRuns: 1000 },
  )
})

test('wildcards match what a regular expression matches', () => {
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '*', '?'), { minLength: 1, maxLength: 8 })
    .map((all) => all.join(''))
  const value = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 8 }).map((all) => all.join(''))
  fc.assert(
    fc.property(pattern, value, (glob, text) => {
      const expected = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
      assert.equal(matchesQuery(parseQuery(`f:${glob}`), new Map([['f', [text]]])), expected)
    }),
    { numRuns: 2000 },
  )
})

test('the best term is one that every found document has', () => {
  fc.assert(
    fc.property(QUERY, DOCUMENT, (query, document) => {
      const parsed = parseQuery(written(query))
      const best = bestTerm(parsed, ['a', 'b.', 'c'])
      if (best === undefined || !matchesQuery(parsed, document)) return
      assert.ok(document.get(best.field)?.some((value) => value.toLowerCase() === best.value))
    }),
    { numRuns: 1000 },
  )
  assert.deepEqual(bestTerm(parseQuery('c:1 AND b.x:2'), ['b.', 'c']), { field: 'b.x', value: '2' })
  assert.equal(bestTerm(parseQuery('c:1 OR b.x:2'), ['b.', 'c']), undefined)
  assert.equal(bestTerm(parseQuery('c:1*'), ['c']), undefined)
})

test('aggregations count what is there', () => {
  assert.equal(statisticsOf([]), undefined)
  const { stdDeviation, ...exact } = statisticsOf([2, 4, 4, 4, 5, 5, 7, 9])!
  const expected = { count: 8, average: 5, sum: 40, minimum: 2, maximum: 9, sumOfSquares: 232, variance: 4 }
  assert.deepEqual([exact, stdDeviation], [expected, 2])
  assert.equal(cardinalityOf(['a', 'b', 'a']), 2)
  assert.deepEqual(percentilesOf([3, 1, 2, 4], [0, 50, 100]), [
    { percent: 0, value: 1 },
    { percent: 50, value: 2 },
    { percent: 100, value: 4 },
  ])
  assert.deepEqual(percentilesOf([], [50]), [])
  assert.deepEqual(bucketsOf(['x', 'y', 'y', 'z'], 2), [
    { keyValue: 'y', count: 2 },
    { keyValue: 'x', count: 1 },
  ])
})

type Node = { or: readonly Node[] } | { and: readonly Node[] } | { not: Node } | { field: string; value: string }

function written(node: Node): string {
  if ('or' in node) return `(${node.or.map(written).join(' OR ')})`
  if ('and' in node) return `(${node.and.map(written).join(' AND ')})`
  if ('not' in node) return `NOT ${written(node.not)}`
  return `${node.field}:${node.value}`
}

function holds(node: Node, document: IndexDocument): boolean {
  if ('or' in node) return node.or.some((part) => holds(part, document))
  if ('and' in node) return node.and.every((part) => holds(part, document))
  if ('not' in node) return !holds(node.not, document)
  return document.get(node.field)?.some((value) => value.toLowerCase() === node.value) ?? false
}

const FIELD = fc.constantFrom('a', 'b.x', 'c')
const LEAF: fc.Arbitrary<Node> = fc.record({ field: FIELD, value: fc.constantFrom('1', '2') })
const { node: QUERY } = fc.letrec<{ node: Node; several: Node[] }>((tie) => ({
  several: fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
  node: fc.oneof(
    { depthSize: 'xsmall', maxDepth: 2 },
    LEAF,
    tie('several').map((or) => ({ or })),
    tie('several').map((and) => ({ and })),
    tie('node').map((not) => ({ not })),
  ),
}))
const DOCUMENT: fc.Arbitrary<IndexDocument> = fc
  .array(fc.tuple(FIELD, fc.array(fc.constantFrom('1', '2'), { maxLength: 2 })), { maxLength: 3 })
  .map((entries) => new Map(entries))
