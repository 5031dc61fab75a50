import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AWS_PROFILE,
  type Delivery,
  type Grant,
  type Message,
  NO_PROPERTIES,
  parseTopicFilter,
  parseTopicName,
} from '@birthmark/cloud/mqtt'
import { instant } from '@birthmark/foundation/kernel'
import { type Bus, type Receiver, SHARE_GROUPS_MAX, SHARE_MEMBERS_MAX } from '../bus.ts'

/** A bus under test. */
export interface BusUnderTest {
  readonly bus: Bus
  /** Waits until what was published and subscribed so far has had its effect. */
  readonly settle: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * What every {@link Bus} does, for `a/#` not matching `a` (AWS IoT).
 *
 * @param options.keeps Whether receivers may keep messages, and be away; not where only connections subscribe.
 */
export function busSuite(
  name: string,
  makeBus: () => Promise<BusUnderTest>,
  { keeps = true }: { readonly keeps?: boolean } = {},
): void {
  const check = (what: string, run: (bus: Bus, settle: () => Promise<void>) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { bus, settle, close } = await makeBus()
      try {
        await run(bus, settle)
      } finally {
        await close()
      }
    })
  }
  routing(check)
  quality(check)
  ending(check)
  if (keeps) keeping(check)
  sharing(check)
}

type Check = (what: string, run: (bus: Bus, settle: () => Promise<void>) => Promise<void>) => void

function routing(check: Check): void {
  check('a message reaches those who subscribe to its topic, and nobody else', async (bus, settle) => {
    const [exact, wild, other] = [new Inbox('1'), new Inbox('2'), new Inbox('3')]
    bus.subscribe(filter('a/b'), exact, QOS_1)
    bus.subscribe(filter('+/b'), wild, QOS_1)
    bus.subscribe(filter('a/b/#'), other, QOS_1)
    await settle()
    await bus.publish(message('a/b'))
    await settle()
    assert.deepEqual([exact.seen, wild.seen, other.seen], [['a/b q1'], ['a/b q1'], []])
  })

  check('a message without subscribers is taken', async (bus) => {
    await bus.publish(message('nobody'))
  })

  check('a message arrives whole', async (bus, settle) => {
    const properties = { contentType: 'x', userProperties: [['k', 'v']] as const, correlationData: Uint8Array.of(7) }
    const sent = { ...message('a'), properties }
    const inbox = new Inbox('1')
    bus.subscribe(filter('a'), inbox, QOS_1)
    await settle()
    await bus.publish(sent)
    await settle()
    // What it is made of is its own.
    const whole = inbox.messages.map((each) => ({ ...each, payload: Uint8Array.from(each.payload) }))
    assert.deepEqual(whole, [sent])
  })

  check('messages of one publisher stay in order', async (bus, settle) => {
    const inbox = new Inbox('1')
    bus.subscribe(filter('#'), inbox, QOS_1)
    await settle()
    const topics = Array.from({ length: 50 }, (_, index) => `t/${index}`)
    for (const topic of topics) await bus.publish(message(topic))
    await settle()
    assert.deepEqual(
      inbox.seen,
      topics.map((topic) => `${topic} q1`),
    )
  })

  check('No Local keeps from a receiver what its own connection publishes', async (bus, settle) => {
    const [own, service] = [new Inbox('1'), new Inbox(undefined)]
    bus.subscribe(filter('a'), own, { qos: 1, noLocal: true })
    bus.subscribe(filter('a'), service, { qos: 1, noLocal: true })
    await settle()
    await bus.publish({ ...message('a'), publisher: '1' })
    await bus.publish({ ...message('a'), publisher: undefined })
    await settle()
    assert.deepEqual([own.seen.length, service.seen.length], [1, 2])
  })

  check('No Local of one subscription leaves another that matches', async (bus, settle) => {
    const inbox = new Inbox('1')
    bus.subscribe(filter('a'), inbox, { qos: 1, noLocal: true })
    bus.subscribe(filter('+'), inbox, QOS_0)
    await settle()
    await bus.publish({ ...message('a'), publisher: '1' })
    await settle()
    assert.deepEqual(inbox.seen, ['a q0'])
  })
}

function quality(check: Check): void {
  check('the quality is the lower one of message and subscription', async (bus, settle) => {
    const [zero, one] = [new Inbox('1'), new Inbox('2')]
    bus.subscribe(filter('a'), zero, QOS_0)
    bus.subscribe(filter('a'), one, QOS_1)
    await settle()
    for (const qos of [0, 1] as const) await bus.publish({ ...message('a'), qos })
    await settle()
    assert.deepEqual(zero.seen, ['a q0', 'a q0'])
    assert.deepEqual(one.seen, ['a q0', 'a q1'])
  })

  check('overlapping subscriptions give one copy, of the highest quality', async (bus, settle) => {
    const inbox = new Inbox('1')
    for (const [text, grant] of [
      ['a/b', QOS_0],
      ['a/+', QOS_1],
      ['#', QOS_0],
    ] as const) {
      bus.subscribe(filter(text), inbox, grant)
    }
    await settle()
    await bus.publish(message('a/b'))
    await settle()
    assert.deepEqual(inbox.seen, ['a/b q1'])
  })

  check('a second subscription to a filter takes the place of the first', async (bus, settle) => {
    const inbox = new Inbox('1')
    bus.subscribe(filter('a'), inbox, QOS_1)
    bus.subscribe(filter('a'), inbox, QOS_0)
    await settle()
    await bus.publish(message('a'))
    await settle()
    assert.deepEqual(inbox.seen, ['a q0'])
    assert.ok(bus.unsubscribe(filter('a'), inbox))
    assert.ok(!bus.unsubscribe(filter('a'), inbox))
  })
}

function ending(check: Check): void {
  check('a subscription that was ended gets no more', async (bus, settle) => {
    const inbox = new Inbox('1')
    for (const text of ['a', 'a/+']) bus.subscribe(filter(text), inbox, QOS_1)
    for (const text of ['a', 'a/+']) assert.ok(bus.unsubscribe(filter(text), inbox))
    assert.ok(!bus.unsubscribe(filter('b'), inbox))
    await settle()
    for (const topic of ['a', 'a/b']) await bus.publish(message(topic))
    await settle()
    assert.deepEqual(inbox.seen, [])
  })

  check('a receiver that has left gets no more, and others still do', async (bus, settle) => {
    const [gone, stays] = [new Inbox('1'), new Inbox('2')]
    for (const inbox of [gone, stays]) for (const text of ['a', '+', 'a/#']) bus.subscribe(filter(text), inbox, QOS_1)
    bus.leave(gone)
    bus.leave(gone)
    await settle()
    for (const topic of ['a', 'a/b']) await bus.publish(message(topic))
    await settle()
    assert.deepEqual([gone.seen, stays.seen], [[], ['a q1', 'a/b q1']])
  })

  check('a receiver may leave, and subscribe, while it is given a message', async (bus, settle) => {
    const leaving = new Inbox('1', () => bus.leave(leaving))
    const growing = new Inbox('2', () => bus.subscribe(filter('b'), growing, QOS_1))
    for (const inbox of [leaving, growing]) bus.subscribe(filter('a'), inbox, QOS_1)
    await settle()
    for (const topic of ['a', 'b']) {
      await bus.publish(message(topic))
      await settle()
    }
    assert.deepEqual([leaving.seen, growing.seen], [['a q1'], ['a q1', 'b q1']])
  })
}

function keeping(check: Check): void {
  check('QoS 1 is taken when every receiver that keeps it has it', async (bus, settle) => {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    for (const kept of [first, first, second]) {
      bus.subscribe(filter('a'), { connectionId: undefined, deliver: () => kept.promise }, QOS_1)
    }
    bus.subscribe(filter('a'), new Inbox('live'), QOS_1)
    await settle()
    let taken = false
    const published = bus.publish(message('a')).then(() => void (taken = true))
    first.resolve()
    await first.promise
    await settle()
    assert.equal(taken, false)
    second.resolve()
    await published
  })

  check('QoS 1 is not taken when a receiver fails to keep it', async (bus, settle) => {
    const full = new Error('no room')
    bus.subscribe(filter('a'), { connectionId: undefined, deliver: () => Promise.reject(full) }, QOS_1)
    bus.subscribe(filter('+'), new Inbox('live'), QOS_1)
    await settle()
    await assert.rejects(bus.publish(message('a')), full)
  })

  check('a member of a shared subscription that is there comes before those that are away', async (bus, settle) => {
    const [there, away] = [new Inbox('1'), new Inbox(undefined)]
    away.isAway = true
    for (const inbox of [there, away]) bus.subscribe(filter('$share/crew/a'), inbox, QOS_1)
    await settle()
    for (let count = 0; count < 16; count += 1) await bus.publish(message('a'))
    await settle()
    assert.equal(there.seen.length, 16)
    bus.leave(there)
    await settle()
    await bus.publish(message('a'))
    await settle()
    assert.equal(away.seen.length, 1)
  })
}

function sharing(check: Check): void {
  check(
    'a shared subscription gives each message to one member, and others get theirs as always',
    async (bus, settle) => {
      const [one, two, other, apart] = ['1', '2', '3', '4'].map((id) => new Inbox(id)) as [Inbox, Inbox, Inbox, Inbox]
      for (const inbox of [one, two]) bus.subscribe(filter('$share/crew/a/+'), inbox, QOS_1)
      bus.subscribe(filter('$share/watch/a/#'), other, QOS_0)
      bus.subscribe(filter('a/b'), apart, QOS_1)
      await settle()
      for (let count = 0; count < 64; count += 1) await bus.publish(message('a/b'))
      await settle()
      assert.equal(one.seen.length + two.seen.length, 64)
      // That one of two gets all of 64 happens once in 2^63.
      assert.ok(one.seen.length > 0 && two.seen.length > 0)
      assert.deepEqual([other.seen.length, other.seen[0], apart.seen.length], [64, 'a/b q0', 64])
    },
  )

  check('a shared subscription ends with its last member', async (bus, settle) => {
    const [one, two] = [new Inbox('1'), new Inbox('2')]
    for (const inbox of [one, two]) bus.subscribe(filter('$share/crew/a'), inbox, QOS_1)
    assert.ok(bus.unsubscribe(filter('$share/crew/a'), one))
    assert.ok(!bus.unsubscribe(filter('$share/crew/a'), one))
    bus.leave(two)
    await settle()
    await bus.publish(message('a'))
    await settle()
    assert.deepEqual([one.seen, two.seen], [[], []])
  })

  check('shared subscriptions have so many members, and a scope has so many of them', async (bus) => {
    const share = (name: string): ReturnType<typeof filter> => filter(`$share/${name}/a`)
    for (let count = 0; count < SHARE_MEMBERS_MAX; count += 1) {
      assert.ok(bus.mayShare(share('crew')))
      bus.subscribe(share('crew'), new Inbox(`${count}`), QOS_1)
    }
    assert.ok(!bus.mayShare(share('crew')))
    for (let count = 1; count < SHARE_GROUPS_MAX; count += 1) {
      assert.ok(bus.mayShare(share(`${count}`)))
      bus.subscribe(share(`${count}`), new Inbox('1'), QOS_1)
    }
    assert.ok(!bus.mayShare(share('another')))
    assert.ok(bus.mayShare(share('1')))
  })
}

/** A receiver that keeps what it is given. */
class Inbox implements Receiver {
  readonly connectionId: string | undefined
  readonly messages: Message[] = []
  readonly seen: string[] = []
  isAway = false
  readonly #onMessage: () => void

  constructor(connectionId: string | undefined, onMessage: () => void = () => undefined) {
    this.connectionId = connectionId
    this.#onMessage = onMessage
  }

  deliver({ message: given }: Delivery, qos: 0 | 1): void {
    this.messages.push(given)
    this.seen.push(`${given.topic} q${qos}`)
    this.#onMessage()
  }
}

const QOS_0: Grant = { qos: 0, noLocal: false }
const QOS_1: Grant = { qos: 1, noLocal: false }

function filter(text: string): ReturnType<typeof parseTopicFilter> {
  return parseTopicFilter(text, AWS_PROFILE)
}

function message(topic: string): Message {
  return {
    topic: parseTopicName(topic, AWS_PROFILE),
    payload: Uint8Array.of(1, 2, 3),
    qos: 1,
    properties: NO_PROPERTIES,
    publisher: 'publisher',
    receivedAt: instant(1_700_000_000_000),
  }
}
