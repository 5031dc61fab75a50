import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Bus, WorkerBus } from '@birthmark/cloud/bus'
import { AWS_PROFILE, type Delivery, NO_PROPERTIES, parseTopicFilter, parseTopicName } from '@birthmark/cloud/mqtt'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { busSuite } from '../bus/testing/bus-suite.ts'
import type { HubCalls, WorkerCalls } from './calls.ts'
import { Channel } from './channel.ts'
import { HubBuses } from './hub-buses.ts'
import { type HubParts, WorkerDesk } from './hub-side.ts'
import { Roster } from './roster.ts'
import { WorkerSide } from './worker-side.ts'

/** The buses of a main process and two workers, over real channels. */

const SCOPE = { account: '123456789012', region: 'us-east-1' }
const PROFILE = { hashMatchesParent: false }

busSuite('from a worker to the main process', () => world(({ hub, left }) => split(left.bus, hub)))
busSuite('from the main process to a worker', () => world(({ hub, left }) => split(hub, left.bus)), { keeps: false })
busSuite('from a worker to itself', () => world(({ left }) => left.bus), { keeps: false })
busSuite('from a worker to another', () => world(({ left, right }) => split(left.bus, right.bus)), { keeps: false })

test('what nobody elsewhere subscribes to does not leave its worker', async () => {
  const { left, right, hub, settle } = open()
  const texts: string[] = []
  left.bus.subscribe(filter('mine/#'), receiver('1', texts), GRANT)
  right.bus.subscribe(filter('theirs'), receiver('2', texts), GRANT)
  await settle()
  const before = left.told.length
  await left.bus.publish(message('mine/a'))
  await settle()
  assert.deepEqual([texts, left.told.slice(before)], [['mine/a'], []])
  hub.subscribe(filter('mine/a'), receiver(undefined, texts), GRANT)
  await settle()
  await left.bus.publish(message('mine/a'))
  assert.deepEqual(texts, ['mine/a', 'mine/a', 'mine/a'])
  assert.deepEqual(left.told.slice(before), ['publishAll'])
})

test('a subscription is in force everywhere when it has spread, whichever worker has it', async () => {
  const { left, right } = open()
  const texts: string[] = []
  for (let count = 0; count < 10; count += 1) {
    right.bus.subscribe(filter(`a/${count}`), receiver(`${count}`, texts), GRANT)
    await right.bus.spread?.()
    await left.bus.publish(message(`a/${count}`))
  }
  await turn()
  await turn()
  await turn()
  assert.equal(texts.length, 10)
})

test('a worker that is gone is nobody: what it subscribed to ends, and nobody waits for it', async () => {
  const { left, right, hub, settle } = open()
  const texts: string[] = []
  right.bus.subscribe(filter('a'), receiver('1', texts), GRANT)
  right.bus.subscribe(filter('$share/crew/b'), receiver('1', texts), GRANT)
  await settle()
  right.end()
  await settle()
  const before = left.told.length
  await left.bus.publish(message('a'))
  await left.bus.publish(message('b'))
  assert.deepEqual([texts, left.told.slice(before)], [[], []])
  assert.ok(hub.mayShare(filter('$share/crew/b')))
  left.bus.subscribe(filter('c'), receiver('2', texts), GRANT)
  await left.bus.spread?.()
})

test('nobody waits for a worker that does not serve yet', async () => {
  const { left, join } = open()
  const texts: string[] = []
  const starting = join(false)
  starting.stall()
  left.bus.subscribe(filter('a'), receiver('1', texts), GRANT)
  await left.bus.spread?.()
  assert.equal(left.bus.spread?.(), undefined)
})

test('a worker that comes later knows what is subscribed to', async () => {
  const { left, hub, join, settle } = open()
  const texts: string[] = []
  left.bus.subscribe(filter('a'), receiver('1', texts), GRANT)
  hub.subscribe(filter('b'), receiver(undefined, texts), GRANT)
  await settle()
  const late = join()
  await settle()
  for (const topic of ['a', 'b', 'c']) await late.bus.publish(message(topic))
  await settle()
  assert.deepEqual(texts.toSorted(), ['a', 'b'])
  assert.equal(late.told.filter((name) => name === 'publishAll').length, 2)
})

test('each message is counted where its receiver is, and nowhere else', async () => {
  const { left, right, hub, settle } = open()
  const buses = [hub, left.bus, right.bus]
  const texts: string[] = []
  for (const [index, bus] of buses.entries()) {
    bus.subscribe(filter('all'), receiver(`${index}`, texts), GRANT)
    bus.subscribe(filter('$share/crew/shared'), receiver(`${index}`, texts), GRANT)
  }
  left.bus.subscribe(filter('here'), receiver('3', texts), GRANT)
  await settle()
  for (let round = 0; round < 10; round += 1) {
    for (const bus of buses) for (const topic of ['all', 'shared', 'here', 'nobody']) await bus.publish(message(topic))
  }
  await settle()
  assert.equal(texts.length, 90 + 30 + 30)
  assert.equal(hub.delivered + left.bus.delivered + right.bus.delivered, texts.length)
  const ofAll = texts.filter((topic) => topic === 'all').length / buses.length
  for (const bus of buses) assert.ok(bus.delivered >= ofAll)
})

interface Worker {
  readonly bus: Bus
  /** What the main process was told and asked. */
  readonly told: string[]
  /** Its event loop turns no more. */
  stall(): void
  end(): void
}

interface World {
  readonly hub: Bus
  readonly left: Worker
  readonly right: Worker
  readonly join: (serves?: boolean) => Worker
  readonly settle: () => Promise<void>
}

function open(): World {
  const buses = new HubBuses(PROFILE, systemEntropy)
  const hub = buses.of(SCOPE)
  const none = (): never => assert.fail('nobody asks for it')
  const roster = new Roster({
    sessionsOf: none,
    presenceOf: none,
    busOf: () => hub,
    clock: systemClock,
    log: silentLog,
  })
  const parts: HubParts = {
    roster,
    buses,
    busOf: () => hub,
    commit: none,
    retained: { write: none },
    presenceOf: none,
    services: new Map(),
    watchSessions: none,
    authorizers: { isThere: none, authorize: none },
    takeConnect: none,
    endClient: none,
    log: silentLog,
    count: none,
  }
  const join = (serves = true): Worker => {
    const [here, there] = duplexPair()
    const desk = new WorkerDesk<never>(parts)
    const toWorker = new Channel<WorkerCalls<never>, HubCalls>(here)
    const toHub = new Channel<HubCalls, Omit<WorkerCalls<never>, 'start' | 'stop' | 'ping' | 'exchangeEndpoints'>>(
      there,
    )
    const told: string[] = []
    const side = new WorkerSide(watched(toHub, told), systemEntropy)
    side.begin(PROFILE)
    desk.connect(toWorker)
    toWorker.serve(desk, () => desk.end())
    toHub.serve(
      side.calls(() => undefined),
      () => undefined,
    )
    desk.seatAt(hub, SCOPE)
    if (serves) desk.ready()
    assert.ok(side.busOf(SCOPE) instanceof WorkerBus)
    return { bus: side.busOf(SCOPE), told, stall: () => void there.pause(), end: () => there.destroy() }
  }
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns += 1) await turn()
  }
  return { hub, left: join(), right: join(), join, settle }
}

async function world(busOf: (made: World) => Bus): ReturnType<Parameters<typeof busSuite>[1]> {
  const made = open()
  await made.settle()
  const close = async (): Promise<void> => {
    made.left.end()
    made.right.end()
  }
  return { bus: busOf(made), settle: made.settle, close }
}

/** Publishes to one bus and subscribes at another. */
function split(publishers: Bus, receivers: Bus): Bus {
  return {
    get delivered() {
      return receivers.delivered
    },
    publish: (...args) => publishers.publish(...args),
    subscribe: (...args) => receivers.subscribe(...args),
    unsubscribe: (...args) => receivers.unsubscribe(...args),
    leave: (...args) => receivers.leave(...args),
    mayShare: (...args) => receivers.mayShare(...args),
  }
}

function watched<Way extends ConstructorParameters<typeof WorkerSide>[0]>(way: Way, told: string[]): Way {
  return new Proxy(way, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        told.push(String(args[0]))
        return Reflect.apply(value, target, args)
      }
    },
  })
}

function receiver(connectionId: string | undefined, texts: string[]): Parameters<Bus['subscribe']>[1] {
  return { connectionId, deliver: ({ message: { topic } }: Delivery) => void texts.push(topic) }
}

function message(topic: string): Parameters<Bus['publish']>[0] {
  const origin = { properties: NO_PROPERTIES, publisher: undefined, receivedAt: instant(0) }
  return { topic: parseTopicName(topic, AWS_PROFILE), payload: new Uint8Array(1), qos: 1, ...origin }
}

function filter(text: string): Parameters<Bus['subscribe']>[0] {
  return parseTopicFilter(text, AWS_PROFILE)
}

const GRANT = { qos: 1, noLocal: false } as const
