import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LocalBus } from '@birthmark/cloud/bus'
import {
  type AcceptedConnect,
  AWS_PROFILE,
  acceptConnect,
  type Delivery,
  type Message,
  NO_PROPERTIES,
  type Properties,
  parseTopicFilter,
  parseTopicName,
  type QoS,
  type StoredMark,
  type TopicFilter,
} from '@birthmark/cloud/mqtt'
import { type Instant, instant, later, type Millis, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import type { Consumer, DurableSession, ScopedSessions, SessionLimits } from './index.ts'
import { Sessions } from './index.ts'
import { openSqliteSessions } from './sqlite/index.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const ELSEWHERE = { account: '111122223333', region: 'us-east-1' }
const QOS_1 = { qos: 1, noLocal: false } as const

test('a session has its subscriptions and messages after a restart, and nobody else has them', async (context) => {
  const world = new World(context)
  const { session } = world.begin('press-1')
  await session.subscribe(filter('a/+'), QOS_1)
  await session.subscribe(filter('b'), { qos: 0, noLocal: true })
  await session.unsubscribe(filter('b'))
  world.sessions.release('connection', { session, expiry: 60 })
  await world.publish('a/1', { contentType: 'x', userProperties: [['k', 'v']], correlationData: Uint8Array.of(1, 2) })
  await world.publish('b')
  world.restart()
  const again = world.begin('press-1')
  assert.equal(again.isPresent, true)
  assert.deepEqual(again.session.subscriptions, [{ filter: 'a/+', qos: 1, noLocal: false }])
  const [message] = again.received
  assert.deepEqual([again.texts(), message?.qos, message?.receivedAt], [['a/1'], 1, START])
  assert.equal(message?.properties.contentType, 'x')
  assert.deepEqual(message?.properties.userProperties, [['k', 'v']])
  assert.deepEqual(message?.properties.correlationData, Uint8Array.of(1, 2))
  assert.deepEqual(world.begin('press-2').texts(), [])
  assert.equal(world.all.in(ELSEWHERE).end('press-1'), false)
})

test('what is acknowledged is gone, what is not comes again, in its order', async (context) => {
  const world = new World(context)
  const { session, ...first } = world.begin('press-1')
  await session.subscribe(filter('+'), QOS_1)
  for (const topic of ['a', 'b', 'c', 'd']) await world.publish(topic)
  assert.deepEqual(first.texts(), ['a', 'b', 'c', 'd'])
  for (const place of [1, 3]) session.settle(mark(first.marks, place))
  world.sessions.release('connection', { session, expiry: 60 })
  await world.publish('e')
  assert.deepEqual(world.begin('press-1').texts(), ['b', 'd', 'e'])
  world.restart()
  assert.deepEqual(world.begin('press-1').texts(), ['b', 'd', 'e'])
})

test('messages beyond the room of a client wait on disk, and come in their order as room comes', async (context) => {
  const world = new World(context)
  const { session, marks, texts, consumer } = world.begin('press-1', { room: 2 })
  await session.subscribe(filter('+'), QOS_1)
  const topics = Array.from({ length: 9 }, (_, index) => `t${index}`)
  await Promise.all(topics.map((topic) => world.publish(topic)))
  for (let place = 1; place <= 9; place += 1) {
    assert.deepEqual(texts(), topics.slice(0, Math.min(9, place + 1)))
    session.settle(mark(marks, place))
    consumer.room += 1
    session.pump()
  }
  await world.publish('last')
  assert.equal(texts().at(-1), 'last')
})

test('the queue is limited by count and by bytes, and what has expired makes room', async (context) => {
  const world = new World(context, { messagesMax: 3, messageBytesMax: 100 })
  const { session } = world.begin('press-1')
  await session.subscribe(filter('+'), QOS_1)
  world.sessions.release('connection', { session, expiry: 600 })
  await world.publish('a', { messageExpiryInterval: 5 })
  for (const topic of ['b', 'c', 'd']) await world.publish(topic)
  assert.equal(session.dropped, 1)
  world.pass(6)
  await world.publish('e')
  await world.publish('f', {}, new Uint8Array(90))
  assert.equal(session.dropped, 2)
  assert.deepEqual(world.begin('press-1').texts(), ['b', 'c', 'e'])
})

test('the bytes of a queue are limited', async (context) => {
  const world = new World(context, { messageBytesMax: 100 })
  const { session } = world.begin('press-1')
  await session.subscribe(filter('+'), QOS_1)
  world.sessions.release('connection', { session, expiry: 600 })
  await world.publish('a', {}, new Uint8Array(60))
  await world.publish('b', {}, new Uint8Array(60))
  await world.publish('c', {}, new Uint8Array(20))
  assert.deepEqual(world.begin('press-1').texts(), ['a', 'c'])
})

test('beyond the limit of sessions a new one ends with its connection', (context) => {
  const world = new World(context, { sessionsMax: 1 })
  world.begin('press-1')
  const { session, isPresent } = world.sessions.begin(accepted('press-2', {}), 'this')
  assert.deepEqual([session, isPresent], [undefined, false])
  assert.equal(world.begin('press-1').isPresent, true)
})

test('a rate spreads what is stored', async (context) => {
  const world = new World(context, { replayPerSecond: 10 })
  const { session } = world.begin('press-1')
  await session.subscribe(filter('+'), QOS_1)
  world.sessions.release('connection', { session, expiry: 600 })
  for (let count = 0; count < 25; count += 1) await world.publish(`t${count}`)
  const { texts } = world.begin('press-1')
  assert.equal(texts().length, 10)
  world.pass(1)
  assert.equal(texts().length, 20)
  world.pass(1)
  assert.equal(texts().length, 25)
})

test('a session ends when its time is over, also over a restart, which only makes it longer', async (context) => {
  const world = new World(context)
  const { session } = world.begin('press-1', { expiry: 10 })
  world.sessions.release('connection', { session, expiry: 10 })
  world.pass(9)
  world.restart()
  assert.equal(world.begin('press-1', { expiry: 10 }).isPresent, true)
  // The process ends while the client is connected: its time begins with the next one.
  world.pass(100)
  world.restart()
  world.pass(9)
  const { isPresent, session: third } = world.begin('press-1', { expiry: 10 })
  assert.equal(isPresent, true)
  world.sessions.release('connection', { session: third, expiry: 10 })
  world.pass(10)
  assert.equal(world.begin('press-1', { expiry: 10 }).isPresent, false)
})

test('a session that is released for no time is gone at once, with its messages', async (context) => {
  const world = new World(context)
  const { session } = world.begin('press-1')
  await session.subscribe(filter('+'), QOS_1)
  world.sessions.release('connection', { session, expiry: 0 })
  await world.publish('a')
  world.restart()
  const again = world.begin('press-1')
  assert.deepEqual([again.isPresent, again.texts()], [false, []])
})

test('a will waits, also over a restart, and comes once', async (context) => {
  const world = new World(context)
  const { session: watcher } = world.begin('watcher', { expiry: 1000 })
  await watcher.subscribe(filter('wills/+'), QOS_1)
  world.sessions.release('connection', { session: watcher, expiry: 1000 })
  const { session } = world.begin('press-1', { expiry: 100 })
  const will = { ...sent('wills/delayed'), properties: { contentType: 'x' } }
  world.sessions.release('connection', { session, expiry: 100, will: { message: will, seconds: 20 } })
  // This one's connection ends with the process.
  world.begin('press-2', { expiry: 100, will: 30 })
  world.restart()
  const watch = (): readonly string[] => {
    const { session: seen, texts } = world.begin('watcher', { expiry: 1000 })
    world.sessions.release('connection', { session: seen, expiry: 1000 })
    return texts()
  }
  world.pass(19)
  await world.settle()
  assert.deepEqual(watch(), [])
  world.pass(1)
  await world.settle()
  assert.deepEqual(watch(), ['wills/delayed'])
  world.restart()
  world.pass(9)
  await world.settle()
  assert.deepEqual(watch(), ['wills/delayed'])
  world.pass(21)
  await world.settle()
  assert.deepEqual(watch(), ['wills/delayed', 'wills/press-2'])
})

test('a will waits in vain for who comes back, not for who begins anew [MQTT-3.1.3-9]', async (context) => {
  const world = new World(context)
  const { session: watcher, texts } = world.begin('watcher')
  await watcher.subscribe(filter('wills/+'), QOS_1)
  for (const [name, cleanStart] of [
    ['press-1', false],
    ['press-2', true],
  ] as const) {
    const { session } = world.begin(name)
    world.sessions.release('connection', { session, expiry: 60, will: { message: sent(`wills/${name}`), seconds: 20 } })
    world.begin(name, { cleanStart })
  }
  world.pass(30)
  await world.settle()
  assert.deepEqual(texts(), ['wills/press-2'])
})

/** Sessions on disk, in a time of their own. */
class World {
  now: Instant = START
  all: Sessions
  sessions: ScopedSessions
  readonly #folder = mkdtempSync(join(tmpdir(), 'birthmark-'))
  readonly #limits: Partial<SessionLimits>
  #store: ReturnType<typeof openSqliteSessions>
  #bus: LocalBus
  #timers = new Map<object, { readonly at: Instant; readonly task: () => void }>()

  constructor(context: TestContext, limits: Partial<SessionLimits> = {}) {
    this.#limits = limits
    const opened = this.#open()
    this.#store = opened.store
    this.#bus = opened.bus
    this.all = opened.all
    this.sessions = this.all.in(SCOPE)
    context.after(() => {
      this.#store.close()
      rmSync(this.#folder, { recursive: true })
    })
  }

  /** The process ends without a word, and another begins. */
  restart(): void {
    this.all.close()
    this.#store.close()
    this.#timers = new Map()
    const { store, bus, all } = this.#open()
    this.#store = store
    this.#bus = bus
    this.all = all
    this.sessions = all.in(SCOPE)
  }

  /** A client connects and is given what waits. */
  begin(
    clientId: string,
    { room = 100, will, ...changes }: { room?: number; expiry?: number; cleanStart?: boolean; will?: number } = {},
  ): {
    readonly session: DurableSession
    readonly isPresent: boolean
    readonly received: Message[]
    readonly marks: StoredMark[]
    readonly consumer: { room: number }
    readonly texts: () => string[]
  } {
    const { session, isPresent } = this.sessions.begin(accepted(clientId, changes, will), 'this')
    assert.ok(session)
    const received: Message[] = []
    const marks: StoredMark[] = []
    const consumer: Consumer & { room: number } = {
      connectionId: 'this',
      room,
      resumeReleased: (stored: StoredMark) => assert.fail(`message ${stored.place} was not received`),
      deliver: ({ message }: Delivery, _qos: QoS, stored?: StoredMark) => {
        received.push(message)
        if (stored === undefined) return
        marks.push(stored)
        consumer.room -= 1
      },
      fail: (error) => assert.fail(String(error)),
    }
    session.attach(consumer)
    session.pump()
    return { session, isPresent, received, marks, consumer, texts: () => received.map(({ topic }) => topic) }
  }

  publish(topic: string, properties: Properties = NO_PROPERTIES, payload = new Uint8Array(1)): Promise<void> {
    return this.#bus.publish({ ...sent(topic), properties, payload, receivedAt: this.now })
  }

  /** Waits until what was written is on disk. */
  settle(): Promise<void> {
    return this.#store.write({ do: 'settle', id: 0, place: 0 })
  }

  pass(count: number): void {
    const until = later(this.now, seconds(count))
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= until).toSorted(([, a], [, b]) => a.at - b.at)
      if (next === undefined) break
      const [key, { at, task }] = next
      this.#timers.delete(key)
      this.now = instant(Math.max(this.now, at))
      task()
    }
    this.now = until
  }

  #open(): { store: ReturnType<typeof openSqliteSessions>; bus: LocalBus; all: Sessions } {
    const clock = { now: () => this.now }
    const store = openSqliteSessions({ folder: this.#folder, clock, log: silentLog })
    const buses = new Map([SCOPE, ELSEWHERE].map(({ region }) => [region, new LocalBus(AWS_PROFILE, systemEntropy)]))
    const bus = buses.get(SCOPE.region)!
    const timers = {
      after: (delay: Millis, task: () => void) => {
        const key = {}
        this.#timers.set(key, { at: later(this.now, delay), task })
        return () => void this.#timers.delete(key)
      },
    }
    const busOf = ({ region }: { region: string }): LocalBus => buses.get(region)!
    const all = new Sessions({ store, busOf, clock, timers, log: silentLog, limits: this.#limits })
    return { store, bus, all }
  }
}

const START = instant(1_700_000_000_000)

function accepted(
  clientId: string,
  { expiry = 60, cleanStart = false }: { expiry?: number; cleanStart?: boolean },
  delay?: number,
): AcceptedConnect {
  const will = { topic: `wills/${clientId}`, payload: Uint8Array.of(1), qos: 1, retain: false } as const
  const connect = {
    type: 'connect',
    protocolVersion: 5,
    clientId,
    cleanStart,
    keepAlive: 60,
    will: delay === undefined ? undefined : { ...will, properties: { willDelayInterval: delay } },
    userName: undefined,
    password: undefined,
    properties: { sessionExpiryInterval: expiry },
  } as const
  const judged = acceptConnect(connect, AWS_PROFILE, systemEntropy)
  assert.ok(judged.ok)
  return judged
}

function filter(text: string): TopicFilter {
  return parseTopicFilter(text, AWS_PROFILE)
}

function sent(topic: string): Message {
  const origin = { qos: 1, properties: NO_PROPERTIES, publisher: 'another', receivedAt: START } as const
  return { ...origin, topic: parseTopicName(topic, AWS_PROFILE), payload: Uint8Array.of(1) }
}

function mark(marks: readonly StoredMark[], place: number): StoredMark {
  const found = marks.find((one) => one.place === place)
  assert.ok(found, `message ${place} did not come`)
  return found
}
