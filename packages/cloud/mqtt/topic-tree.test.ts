import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { STANDARD_PROFILE } from './profile.ts'
import { parseTopicFilter, parseTopicName, type TopicFilter, type TopicName, topicMatches } from './topic.ts'
import { type Grant, TopicTree } from './topic-tree.ts'

const GRANT: Grant = { qos: 1, noLocal: false }
const level = fc.constantFrom('a', 'b', '', '$s')
const topics = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '')
const filters = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, rest]) => (rest ? [...levels, '#'] : levels).join('/'))
  .filter((text) => text !== '')

for (const hashMatchesParent of [true, false]) {
  test(`the tree finds what topicMatches finds, ${hashMatchesParent ? 'standard' : 'AWS'}`, () => {
    const change = fc.record({ filter: filters, subscriber: fc.nat(2), ends: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.array(topics, { maxLength: 5 }), (changes, names) => {
        const tree = new TopicTree<number>({ hashMatchesParent })
        const model = new Map<string, Set<number>>()
        for (const { filter, subscriber, ends } of changes) {
          const held = model.get(filter) ?? new Set()
          model.set(filter, held)
          if (ends) assert.equal(tree.unsubscribe(asFilter(filter), subscriber), held.delete(subscriber))
          else {
            tree.subscribe(asFilter(filter), subscriber, GRANT)
            held.add(subscriber)
          }
        }
        for (const name of names) {
          const wanted = [...model].flatMap(([filter, held]) =>
            topicMatches(filter, name, hashMatchesParent) ? [...held] : [],
          )
          const found = tree.match(asName(name)).flatMap((subscribers) => [...subscribers.keys()])
          assert.deepEqual(found.toSorted(ascending), wanted.toSorted(ascending))
        }
      }),
      { numRuns: 500 },
    )
  })
}

test('a second subscription to a filter replaces the grant of the first', () => {
  for (const filter of ['a', '+']) {
    const tree = new TopicTree<string>({ hashMatchesParent: true })
    tree.subscribe(asFilter(filter), 'x', GRANT)
    tree.subscribe(asFilter(filter), 'x', { qos: 0, noLocal: true })
    assert.deepEqual(tree.match(asName('a')), [new Map([['x', { qos: 0, noLocal: true }]])])
    assert.ok(tree.unsubscribe(asFilter(filter), 'x'))
    assert.deepEqual(tree.match(asName('a')), [])
    assert.ok(!tree.unsubscribe(asFilter(filter), 'x'))
  }
})

test('ending a subscription leaves those above and below it', () => {
  const tree = new TopicTree<string>({ hashMatchesParent: true })
  for (const filter of ['a/+', 'a/+/c', 'a/+/c/#']) tree.subscribe(asFilter(filter), filter, GRANT)
  assert.ok(tree.unsubscribe(asFilter('a/+/c'), 'a/+/c'))
  const found = (topic: string): string[] => tree.match(asName(topic)).flatMap((map) => [...map.keys()])
  assert.deepEqual([found('a/b'), found('a/b/c'), found('a/b/c/d')], [['a/+'], ['a/+/c/#'], ['a/+/c/#']])
})

function asFilter(text: string): TopicFilter {
  return parseTopicFilter(text, STANDARD_PROFILE)
}

function asName(text: string): TopicName {
  return parseTopicName(text, STANDARD_PROFILE)
}

function ascending(left: number, right: number): number {
  return left - right
}
