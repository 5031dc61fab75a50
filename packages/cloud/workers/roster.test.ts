import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LocalBus } from '@birthmark/cloud/bus'
import {
  type AcceptedConnect,
  AWS_PROFILE,
  type Delivery,
  type Message,
  NO_PROPERTIES,
  parseTopicFilter,
  parseTopicName,
  type StoredMark,
} from '@birthmark/cloud/mqtt'
import { type Consumer, RemoteSessions, Sessions, type SessionsLink } from '@birthmark/cloud/sessions'
import { openSqliteSessions } from '@birthmark/cloud/sessions/sqlite'
import { instant, isFault, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { type ClientsWorker, Roster } from './roster.ts'

const SCOPE = { account: '123456789012', region: 'us-east-1' }
const GRANT = { qos: 1, noLocal: false } as const

test('the connection before ends in its worker before the new one has the session', async (context) => {
  const { worker, events } = await open(context)
  const [left, right] = [worker('left'), worker('right')]
  const first = await left.sessions.begin(connect('c', { sessionExpiry: 60 }), 'one', () => {
    events.push('one is told')
    left.sessions.release('one', { session: first.session, expiry: 60 })
  })
  await first.session?.subscribe(filter('a'), GRANT)
  const second = await right.sessions.begin(connect('c', { sessionExpiry: 60 }), 'two', () => undefined)
  events.push('two has begun')
  assert.deepEqual(events, ['one is told', 'two has begun'])
  assert.deepEqual([first.isPresent, second.isPresent], [false, true])
  assert.deepEqual(
    second.session?.subscriptions.map(({ filter: text }) => text),
    ['a'],
  )
})

test('of many that come at once with one client id, in any worker, one stays', async (context) => {
  const { worker } = await open(context)
  const workers = [worker('left'), worker('right')]
  const ended = new Set<string>()
  const names = Array.from({ length: 20 }, (_, count) => `n${count}`)
  await Promise.all(
    names.map(async (name, count) => {
      const { sessions } = workers[count % 2] ?? assert.fail()
      await sessions.begin(connect('c'), name, () => {
        ended.add(name)
        sessions.release(name, { session: undefined, expiry: 0 })
      })
    }),
  )
  assert.equal(ended.size, names.length - 1)
})

test('a session gives its connection what that has room for, and keeps what is not settled', async (context) => {
  const { worker, publish } = await open(context)
  const { sessions } = worker('left')
  const { session } = await sessions.begin(connect('c', { sessionExpiry: 60, outboundInflightMax: 2 }), 'one', ignore)
  await session?.subscribe(filter('a'), GRANT)
  const inbox = new Inbox('one')
  session?.attach(inbox)
  for (const text of ['1', '2', '3']) await publish('a', text)
  assert.deepEqual(inbox.texts, ['1', '2'])
  session?.settle(inbox.marks[0] ?? assert.fail())
  assert.deepEqual(inbox.texts, ['1', '2', '3'])
  inbox.room = 0
  session?.settle(inbox.marks[1] ?? assert.fail())
  await publish('a', '4')
  assert.deepEqual(inbox.texts, ['1', '2', '3'])
  inbox.room = 9
  session?.pump()
  assert.deepEqual(inbox.texts, ['1', '2', '3', '4'])
  sessions.release('one', { session, expiry: 60 })
  const again = await sessions.begin(connect('c', { sessionExpiry: 60 }), 'two', ignore)
  const next = new Inbox('two')
  again.session?.attach(next)
  assert.deepEqual(next.texts, ['3', '4'])
})

test('a worker that is gone leaves wills, told ends and sessions that go on', async (context) => {
  const { worker, roster, told, publish, wills } = await open(context)
  const { sessions, side } = worker('left')
  const will = {
    topic: topic('wills/plain'),
    payload: new Uint8Array(1),
    qos: 1,
    retain: false,
    properties: NO_PROPERTIES,
    delay: 0,
  } as const
  await sessions.begin(connect('plain', { will }), 'one', ignore)
  const kept = await sessions.begin(
    connect('kept', { sessionExpiry: 60, will: { ...will, topic: topic('wills/kept') } }),
    'two',
    ignore,
  )
  await kept.session?.subscribe(filter('a'), GRANT)
  roster.connected(SCOPE, facts('plain', 'one'))
  side.isGone = true
  roster.lose(side)
  while (wills.length < 2) await new Promise(setImmediate)
  assert.deepEqual(told, ['one SERVER_ERROR 7'])
  assert.deepEqual(wills.toSorted(), ['wills/kept', 'wills/plain'])
  await publish('a', 'later')
  const { sessions: others } = worker('right')
  const again = await others.begin(connect('kept', { sessionExpiry: 60 }), 'three', ignore)
  const inbox = new Inbox('three')
  again.session?.attach(inbox)
  assert.deepEqual([again.isPresent, inbox.texts], [true, ['later']])
})

test('nobody waits for a client id in a worker that is gone, nor comes from there any more', async (context) => {
  const { worker, roster } = await open(context)
  const [left, right] = [worker('left'), worker('right')]
  await left.sessions.begin(connect('c'), 'one', ignore)
  const waiting = right.sessions.begin(connect('c'), 'two', ignore)
  const late = left.sessions.begin(connect('c'), 'three', ignore)
  left.side.isGone = true
  roster.lose(left.side)
  assert.equal((await waiting).isPresent, false)
  right.sessions.release('two', { session: undefined, expiry: 0 })
  await assert.rejects(late, (error) => isFault(error, 'CHANNEL_CLOSED'))
})

test('those who are connected with one certificate are known, wherever they are', async (context) => {
  const { worker, roster } = await open(context)
  for (const [index, name] of ['left', 'right'].entries()) {
    await worker(name).sessions.begin(connect(`c${index}`), name, ignore)
    roster.connected(SCOPE, facts(`c${index}`, name))
  }
  const remoteAddress = '127.0.0.1'
  assert.deepEqual(roster.with(SCOPE, 'certificate'), [
    { clientId: 'c0', remoteAddress },
    { clientId: 'c1', remoteAddress },
  ])
  roster.release('left', { expiry: 0 })
  assert.deepEqual(
    roster.with(SCOPE, 'certificate').map(({ clientId }) => clientId),
    ['c1'],
  )
})

/** A main process's roster with real sessions, and workers that call it directly. */
async function open(context: TestContext) {
  const store = openSqliteSessions({ folder: await scratchFolder(context), clock: systemClock, log: silentLog })
  context.after(() => store.close())
  const bus = new LocalBus({ hashMatchesParent: false }, systemEntropy)
  const world = { clock: systemClock, timers: systemTimers, log: silentLog }
  const all = new Sessions({ ...world, store, busOf: () => bus })
  context.after(() => all.close())
  const told: string[] = []
  const presence = {
    connected: () => 7,
    disconnected: ({ sessionIdentifier }: { sessionIdentifier: string }, reason: string, version: number) =>
      void told.push(`${sessionIdentifier} ${reason} ${version}`),
    failed: ignore,
    subscription: ignore,
    publish: ignore,
  }
  const roster = new Roster({
    ...world,
    sessionsOf: (scope) => all.in(scope),
    presenceOf: () => presence,
    busOf: () => bus,
  })
  const wills: string[] = []
  bus.subscribe(
    filter('wills/#'),
    { connectionId: undefined, deliver: ({ message }) => void wills.push(message.topic) },
    GRANT,
  )
  const worker = (_name: string) => {
    const side: ClientsWorker & { isGone: boolean } = {
      isGone: false,
      takeOver: (_scope, id) => queueMicrotask(() => sessions.takeOver(id)),
      hand: (_scope, id, delivery, qos, stored) => sessions.deliver(id, delivery, qos, stored),
      resumeReleased: (_scope, id, stored) => sessions.resumeReleased(id, stored),
      failSession: (_scope, id, why) => sessions.fail(id, new Error(why)),
    }
    const of = (id: string) => roster.sessionOf(id)
    const link: SessionsLink = {
      begin: (accepted, id) => roster.begin(side, SCOPE, accepted, id),
      attach: (id, room) => roster.attach(id, room),
      subscribe: (id, ...args) => of(id).subscribe(...args),
      unsubscribe: (id, ...args) => of(id).unsubscribe(...args),
      settle: (id, stored) => roster.settle(id, stored),
      keep: async (id, ...args) => of(id).keep(...args),
      releaseMessage: (id, stored) => of(id).release(stored),
      receive: (id, packetId) => of(id).receive(packetId),
      forget: (id, packetId) => of(id).forget(packetId),
      release: (id, left) => roster.release(id, left),
    }
    const sessions = new RemoteSessions(link)
    return { sessions, side }
  }
  const publish = (name: string, text: string): Promise<void> => bus.publish(message(name, text))
  return { worker, roster, told, wills, publish, events: [] as string[] }
}

class Inbox implements Consumer {
  readonly connectionId: string
  readonly texts: string[] = []
  readonly marks: StoredMark[] = []
  room = 9

  constructor(connectionId: string) {
    this.connectionId = connectionId
  }

  deliver({ message: { payload } }: Delivery, _qos: 0 | 1 | 2, stored?: StoredMark): void {
    this.texts.push(Buffer.from(payload).toString())
    if (stored !== undefined) this.marks.push(stored)
  }

  resumeReleased(): void {
    assert.fail('nothing was released')
  }

  fail(error: unknown): void {
    throw error
  }
}

function connect(clientId: string, changes: Partial<AcceptedConnect> = {}): AcceptedConnect {
  const connack = { type: 'connack', sessionPresent: false, reasonCode: 0, properties: NO_PROPERTIES } as const
  const usual = { ok: true, version: 5, clientId, keepAlive: 60, will: undefined, cleanStart: false, connack } as const
  const room = { clientPacketBytesMax: 1e6, outboundInflightMax: 100, outboundAliasMax: 0 }
  const session = { sessionExpiry: 0, wishedPersistence: false }
  return { ...usual, ...room, ...session, ...changes }
}

function facts(clientId: string, sessionIdentifier: string): Parameters<Roster['connected']>[1] {
  const who = { principalIdentifier: 'certificate', ipAddress: '127.0.0.1', thingName: undefined }
  return { clientId, sessionIdentifier, at: instant(0), ...who }
}

function message(name: string, text: string): Message {
  const origin = { properties: NO_PROPERTIES, publisher: undefined, receivedAt: systemClock.now() }
  return { topic: topic(name), payload: Buffer.from(text), qos: 1, ...origin }
}

function topic(text: string): Message['topic'] {
  return parseTopicName(text, AWS_PROFILE)
}

function filter(text: string): ReturnType<typeof parseTopicFilter> {
  return parseTopicFilter(text, AWS_PROFILE)
}

function ignore(): void {}
