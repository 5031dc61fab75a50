import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { AWS_PROFILE, STANDARD_PROFILE } from './profile.ts'
import { isTopicFilter, parseTopicFilter, parseTopicName, topicMatches } from './topic.ts'

/** The first rows are the examples of MQTT 5.0 §4.7.1 and §4.7.2; the others are ours. */
const MATCHES: readonly (readonly [filter: string, topic: string, matches: boolean])[] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', '$SYS/monitor', false],
  ['+/monitor/Clients', '$SYS/monitor/Clients', false],
  ['$SYS/#', '$SYS/monitor/Clients', true],
  ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
  ['ACCOUNTS', 'Accounts', false],
  ['#', 'a', true],
  ['#', '/', true],
  ['a/#', 'a/', true],
  ['a/+/#', 'a', false],
  ['a/+/c', 'a//c', true],
  ['+/+/+', '//', true],
  ['a/b', 'a/b/', false],
  ['a/b/', 'a/b', false],
]

for (const [filter, topic, matches] of MATCHES) {
  test(`${filter} ${matches ? 'matches' : 'does not match'} ${topic}`, () => {
    for (const hashMatchesParent of [true, false]) assert.equal(topicMatches(filter, topic, hashMatchesParent), matches)
  })
}

test('# matches the level above it in the standard, and not at AWS IoT', () => {
  for (const [filter, topic] of [
    ['sport/#', 'sport'],
    ['sport/tennis/player1/#', 'sport/tennis/player1'],
    ['+/#', 'a'],
    ['$aws/#', '$aws'],
  ] as const) {
    assert.equal(topicMatches(filter, topic, true), true)
    assert.equal(topicMatches(filter, topic, false), false)
  }
})

test('filters are valid, or not, as the standard says', () => {
  for (const filter of ['#', '+', '/', '+/tennis/#', 'sport/+/player1', 'sport/tennis/#', '/+/', 'a b']) {
    assert.ok(isTopicFilter(filter), filter)
  }
  for (const filter of ['', 'sport/tennis#', 'sport/tennis/#/ranking', 'sport+', '+sport', '##', '#+', '+#', 'a\0']) {
    assert.ok(!isTopicFilter(filter), filter)
  }
})

test('names and filters within the limits come back as they are', () => {
  for (const text of ['a', '/', 'a/b/c/d/e/f/g/h', 'é'.repeat(128), `$aws/rules/r/${'/'.repeat(7)}`]) {
    assert.equal(parseTopicName(text, AWS_PROFILE), text)
  }
  assert.equal(parseTopicFilter('+/+/+/+/+/+/+/#', AWS_PROFILE), '+/+/+/+/+/+/+/#')
  assert.equal(parseTopicName('/'.repeat(127), STANDARD_PROFILE).length, 127)
})

/** Why, what is parsed, and the code for a name and for a filter. */
const REFUSED: readonly (readonly [why: string, text: string, name: string | undefined, filter: string | undefined])[] =
  [
    ['nothing', '', 'MQTT_TOPIC_NAME_INVALID', 'MQTT_TOPIC_FILTER_INVALID'],
    ['U+0000', 'a\0', 'MQTT_TOPIC_NAME_INVALID', 'MQTT_TOPIC_FILTER_INVALID'],
    ['+', 'a/+', 'MQTT_TOPIC_NAME_INVALID', undefined],
    ['#', 'a/#', 'MQTT_TOPIC_NAME_INVALID', undefined],
    ['257 bytes', 'a'.repeat(257), 'MQTT_TOPIC_TOO_LONG', 'MQTT_FILTER_TOO_LONG'],
    ['258 bytes in 86 characters', '€'.repeat(86), 'MQTT_TOPIC_TOO_LONG', 'MQTT_FILTER_TOO_LONG'],
    ['260 bytes in 65 characters of two units', '𪛔'.repeat(65), 'MQTT_TOPIC_TOO_LONG', 'MQTT_FILTER_TOO_LONG'],
    ['8 slashes', '/'.repeat(8), 'MQTT_TOPIC_TOO_DEEP', 'MQTT_FILTER_TOO_DEEP'],
    [
      '8 slashes behind a Basic Ingest rule',
      `$aws/rules/r/${'/'.repeat(8)}`,
      'MQTT_TOPIC_TOO_DEEP',
      'MQTT_FILTER_TOO_DEEP',
    ],
  ]

for (const [why, text, name, filter] of REFUSED) {
  test(`refuses ${why}`, () => {
    if (name !== undefined)
      assert.throws(
        () => parseTopicName(text, AWS_PROFILE),
        (error) => isFault(error, name),
      )
    if (filter === undefined) assert.equal(parseTopicFilter(text, AWS_PROFILE), text)
    else
      assert.throws(
        () => parseTopicFilter(text, AWS_PROFILE),
        (error) => isFault(error, filter),
      )
  })
}
