import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LocalBus } from '@birthmark/cloud/bus'
import {
  AWS_PROFILE,
  type Message,
  NO_PROPERTIES,
  parseTopicFilter,
  parseTopicName,
  STANDARD_PROFILE,
  topicMatches,
} from '@birthmark/cloud/mqtt'
import { type Instant, instant, isFault, later, millis, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { RetainedMessages, type RetainedStore, retainingBus, type ScopedRetained } from './index.ts'
import { openSqliteRetained } from './sqlite/index.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const ELSEWHERE = { account: '111122223333', region: 'us-east-1' }
const START = instant(1_700_000_000_000)

test('a message is there after a restart, whole, and only in its own account and region', async (context) => {
  const world = new World(context)
  const properties = { contentType: 'x', userProperties: [['k', 'v']], correlationData: Uint8Array.of(7) } as const
  const payload = Uint8Array.of(1, 2)
  await world.own.put({ ...sent('a/b'), payload, properties })
  payload.fill(0)
  world.restart()
  const found = world.own.get('a/b')
  assert.deepEqual([found?.topic, found?.qos, found?.receivedAt, found?.retain], ['a/b', 1, START, true])
  assert.deepEqual(Uint8Array.from(found?.payload ?? []), Uint8Array.of(1, 2))
  assert.deepEqual(found?.properties.userProperties, [['k', 'v']])
  assert.equal(world.all.in(ELSEWHERE).get('a/b'), undefined)
  assert.deepEqual(world.own.list({ limit: 10 }), [{ topic: 'a/b', payloadBytes: 2, qos: 1, receivedAt: START }])
})

test('the newest message of a topic is the one, and an empty one ends it', async (context) => {
  const { own } = new World(context)
  await own.put({ ...sent('a'), payload: Uint8Array.of(1) })
  await own.put({ ...sent('a'), payload: Uint8Array.of(2), qos: 2 })
  assert.deepEqual([own.get('a')?.payload[0], own.get('a')?.qos], [2, 2])
  await own.put({ ...sent('a'), payload: new Uint8Array(0) })
  assert.equal(own.get('a'), undefined)
})

test('what was written is seen at once, before it is on disk', async (context) => {
  const { own } = new World(context)
  const kept = own.put(sent('a'))
  assert.equal(own.get('a')?.topic, 'a')
  await kept
})

test('a message lasts as long as its expiry interval', async (context) => {
  const world = new World(context)
  await world.own.put({ ...sent('a'), properties: { messageExpiryInterval: 60 } })
  world.now = later(START, millis(59_999))
  assert.notEqual(world.own.get('a'), undefined)
  world.now = later(START, seconds(60))
  assert.equal(world.own.get('a'), undefined)
  assert.deepEqual(world.own.list({ limit: 10 }), [])
})

test('lists are ordered by UTF-8 and go on where they ended', async (context) => {
  const { own } = new World(context)
  const topics = ['b', 'a/é', 'a', 'ab', 'a/b', '😀', '�']
  await Promise.all(topics.map((topic) => own.put(sent(topic))))
  const listed: string[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = own.list({ after, limit: 2 })
    listed.push(...page.map(({ topic }) => topic))
    after = page.at(-1)?.topic
  }
  assert.deepEqual(
    listed,
    topics.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))),
  )
})

test('a filter finds what it matches, whatever the topics', (context) => {
  const { own } = new World(context)
  const level = fc.constantFrom('a', 'b', '', '$x', 'é', '\u{10ffff}')
  const topic = fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/'))
  const wild = fc.tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.constantFrom('#', '+', 'a'))
  const filter = wild.map(([levels, last]) => [...levels, last].join('/'))
  const valid = topic.filter((text) => text !== '')
  fc.assert(
    fc.property(fc.uniqueArray(valid, { maxLength: 8 }), filter, fc.boolean(), (topics, text, parent) => {
      for (const one of own.list({ limit: 100 })) void own.delete(one.topic)
      for (const one of topics) void own.put(sent(one))
      const wanted = parseTopicFilter(text, STANDARD_PROFILE)
      const found = [...own.matching(wanted, parent)].map((message) => message.topic)
      assert.deepEqual(found.toSorted(), topics.filter((one) => topicMatches(wanted, one, parent)).toSorted())
    }),
    { numRuns: 60 },
  )
})

test('more than a page of messages is matched', async (context) => {
  const { own } = new World(context)
  const topics = Array.from({ length: 600 }, (_, index) => `t/${String(index).padStart(3, '0')}`)
  await Promise.all(topics.map((topic) => own.put(sent(topic))))
  assert.deepEqual(
    [...own.matching(parseTopicFilter('t/+', STANDARD_PROFILE), true)].map(({ topic }) => topic),
    topics,
  )
})

test('rates and numbers are limited, and what has expired makes room', async (context) => {
  const world = new World(context, { messagesMax: 2, perSecond: 4, perTopicPerSecond: 1 })
  const refusal = (topic: string, deletes = false): string | undefined => world.own.refusal(topic, deletes)?.code
  assert.equal(refusal('a'), undefined)
  assert.equal(refusal('a'), 'MQTT_RETAINED_TOO_FAST')
  await world.own.put({ ...sent('a'), properties: { messageExpiryInterval: 60 } })
  assert.equal(refusal('b'), undefined)
  await world.own.put(sent('b'))
  assert.equal(refusal('c'), 'MQTT_RETAINED_TOO_MANY')
  assert.equal(refusal('d', true), undefined)
  // Four in a second for the account.
  assert.equal(refusal('e'), 'MQTT_RETAINED_TOO_FAST')
  world.now = later(world.now, seconds(2))
  assert.equal(refusal('b'), undefined)
  assert.equal(refusal('c'), 'MQTT_RETAINED_TOO_MANY')
  world.now = later(world.now, seconds(60))
  assert.equal(refusal('c'), undefined)
  await world.own.put(sent('c'))
  world.now = later(world.now, seconds(2))
  assert.equal(refusal('d'), 'MQTT_RETAINED_TOO_MANY')
})

test('the bus keeps what is published with RETAIN, and a QoS 1 publish waits for the disk', async (context) => {
  const world = new World(context)
  const bus = retainingBus(new LocalBus(AWS_PROFILE, systemEntropy), world.own, silentLog)
  await bus.publish({ ...sent('a'), retain: true })
  await bus.publish(sent('b'))
  world.restart()
  assert.deepEqual([world.own.get('a')?.topic, world.own.get('b')], ['a', undefined])
  world.store.close()
  await assert.rejects(bus.publish({ ...sent('a'), retain: true }), (error) => isFault(error, 'REGISTRY_CLOSED'))
  await bus.publish({ ...sent('a'), qos: 0, retain: true })
})

/** Retained messages on disk, in a time of their own. */
class World {
  now: Instant = START
  all: RetainedMessages
  store: RetainedStore
  readonly #folder = mkdtempSync(join(tmpdir(), 'birthmark-'))
  readonly #limits: ConstructorParameters<typeof RetainedMessages>[0]['limits']

  constructor(context: TestContext, limits: ConstructorParameters<typeof RetainedMessages>[0]['limits'] = {}) {
    this.#limits = limits
    this.store = this.#open()
    this.all = this.#over(this.store)
    context.after(() => {
      this.store.close()
      rmSync(this.#folder, { recursive: true })
    })
  }

  get own(): ScopedRetained {
    return this.all.in(SCOPE)
  }

  restart(): void {
    this.store.close()
    this.store = this.#open()
    this.all = this.#over(this.store)
  }

  #open(): RetainedStore {
    return openSqliteRetained({ folder: this.#folder, clock: { now: () => this.now }, log: silentLog })
  }

  #over(store: RetainedStore): RetainedMessages {
    return new RetainedMessages({ store, clock: { now: () => this.now }, limits: this.#limits ?? {} })
  }
}

function sent(text: string): Message {
  const origin = { qos: 1, properties: NO_PROPERTIES, publisher: 'another', receivedAt: START } as const
  return { ...origin, topic: parseTopicName(text, STANDARD_PROFILE), payload: Uint8Array.of(1) }
}
