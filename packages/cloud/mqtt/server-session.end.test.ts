import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Cancel, drive, instant, later, type Millis, seconds } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import type { Disconnect, Packet, ProtocolVersion, Will } from './packet.ts'
import { STANDARD_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import { ServerSession } from './server-session.ts'
import type { CloseOrder, SessionEffect } from './session.ts'
import { acceptedConnect, Conversation, describeAll, POLICY, publish, START } from './testing/conversation.ts'
import { decodeOne } from './testing/decode.ts'

const WILL: Will = { topic: 'will', payload: Uint8Array.of(1), qos: 1, retain: false, properties: NO_PROPERTIES }
const WITH_WILL = { connect: { will: WILL } }
const PUBLISHED = 'publish will q1 as will'

test('a DISCONNECT ends the session; only a normal one discards the will', () => {
  assert.deepEqual(new Conversation(4, WITH_WILL).client(disconnect(0)), ['close disconnected 0x00'])
  assert.deepEqual(new Conversation(5, WITH_WILL).client(disconnect(0)), ['close disconnected 0x00'])
  for (const code of [0x04, 0x80, 0x93]) {
    const ended = [PUBLISHED, `close disconnected 0x${code.toString(16).padStart(2, '0')}`]
    assert.deepEqual(new Conversation(5, WITH_WILL).client(disconnect(code)), ended)
  }
})

test('a session expiry cannot be raised from 0 by DISCONNECT', () => {
  const packet: Disconnect = { ...disconnect(0), properties: { sessionExpiryInterval: 1 } }
  const wished = { ...WITH_WILL.connect, properties: { sessionExpiryInterval: 60 } }
  assert.deepEqual(new Conversation(5, { connect: wished }).client(packet), ['close disconnected 0x00'])
  assert.deepEqual(new Conversation(5, WITH_WILL).client(packet), [
    PUBLISHED,
    'send DISCONNECT 0x82',
    'close MQTT_SESSION_EXPIRY_RAISED',
  ])
})

test('a connection that is lost publishes the will, and nobody is told', () => {
  const ended = [PUBLISHED, 'close connection-lost']
  for (const version of [4, 5] as const) {
    assert.deepEqual(new Conversation(version, WITH_WILL).input({ on: 'connection-lost' }), ended)
  }
})

test('the server ends a session for a reason, with the will unless told otherwise', () => {
  const orders: readonly (readonly [CloseOrder, string])[] = [
    ['taken-over', '0x8e'],
    ['shutting-down', '0x8b'],
    ['administrative', '0x98'],
    ['not-authorized', '0x87'],
    ['server-error', '0x80'],
  ]
  for (const [order, code] of orders) {
    const told = [`send DISCONNECT ${code}`, `close ${order}`]
    assert.deepEqual(new Conversation(4, WITH_WILL).input({ on: 'close', order }), [PUBLISHED, `close ${order}`])
    assert.deepEqual(new Conversation(5, WITH_WILL).input({ on: 'close', order }), [PUBLISHED, ...told])
    assert.deepEqual(new Conversation(5, WITH_WILL).input({ on: 'close', order, withoutWill: true }), told)
  }
})

test('what the decoder finds ends the session', () => {
  const fault = mqttFault('MQTT_PACKET_TRUNCATED')
  const cause = 'close MQTT_PACKET_TRUNCATED'
  assert.deepEqual(new Conversation(4, WITH_WILL).input({ on: 'fault', fault }), [PUBLISHED, cause])
  assert.deepEqual(new Conversation(5).input({ on: 'fault', fault }), ['send DISCONNECT 0x81', cause])
})

test('packets that a client does not send end the session', () => {
  const ack = { packetId: 1, reasonCode: 0, properties: NO_PROPERTIES }
  const connect = { ...acceptedConnect(5).connack }
  const packets: readonly Packet[] = [
    connect,
    { type: 'pubrec', ...ack },
    { type: 'pubrel', ...ack },
    { type: 'pubcomp', ...ack },
    { type: 'suback', packetId: 1, reasonCodes: [0], properties: NO_PROPERTIES },
    { type: 'unsuback', packetId: 1, reasonCodes: [0], properties: NO_PROPERTIES },
    { type: 'pingresp' },
    { type: 'auth', reasonCode: 0, properties: NO_PROPERTIES },
  ]
  for (const packet of packets) {
    assert.deepEqual(new Conversation(5).client(packet), ['send DISCONNECT 0x82', 'close MQTT_PACKET_UNEXPECTED'])
  }
})

test('a DISCONNECT says why in words, where the client has room for them', () => {
  for (const [maximumPacketSize, words] of [
    [512, 'QoS 2 is not supported'],
    [20, undefined],
    [3, undefined],
  ] as const) {
    const accepted = acceptedConnect(
      5,
      { properties: { maximumPacketSize } },
      { ...STANDARD_PROFILE, clientPacketBytesMin: 1 },
    )
    const session = newSession(accepted)
    const effects = session.receive({ on: 'packet', packet: publish('a', 1, { qos: 2 }) }, START)
    const sent = effects.flatMap((effect) => (effect.do === 'send' ? [decodeOne(5, effect.bytes)] : []))
    assert.deepEqual(
      sent.map((packet) => packet.type === 'disconnect' && packet.properties.reasonString),
      [words],
    )
  }
})

test('a client that has no room for a DISCONNECT gets none', () => {
  const profile = { ...STANDARD_PROFILE, clientPacketBytesMin: 1 }
  const conversation = new Conversation(5, { profile, connect: { properties: { maximumPacketSize: 2 } } })
  assert.deepEqual(conversation.input({ on: 'close', order: 'taken-over' }), ['close taken-over'])
})

test('a failure of ours is not told in words', () => {
  const fault = mqttFault('MQTT_BUS_UNAVAILABLE')
  const [effect] = newSession(acceptedConnect(5)).receive({ on: 'fault', fault }, START)
  const packet = effect?.do === 'send' ? decodeOne(5, effect.bytes) : undefined
  assert.deepEqual(packet, { type: 'disconnect', reasonCode: 0x80, properties: NO_PROPERTIES })
})

test('a client is silent for one and a half times its keep-alive at most', () => {
  const conversation = new Conversation(5, WITH_WILL)
  assert.deepEqual(conversation.wait(89), [])
  assert.deepEqual(conversation.client({ type: 'pingreq' }), ['send PINGRESP'])
  assert.deepEqual(conversation.wait(89), [])
  assert.deepEqual(conversation.wait(1), [PUBLISHED, 'send DISCONNECT 0x8d', 'close MQTT_KEEP_ALIVE_TIMEOUT'])
  assert.deepEqual(conversation.wait(100), [])
})

test('messages to the client are no sign of its life', () => {
  const conversation = new Conversation(4)
  conversation.wait(80)
  conversation.input({ on: 'congested' })
  assert.deepEqual(conversation.wait(10), ['close MQTT_KEEP_ALIVE_TIMEOUT'])
})

test('a client that is not read from is not silent', () => {
  const profile = { ...STANDARD_PROFILE, inboundInflightMax: 1 }
  const conversation = new Conversation(4, { profile })
  assert.deepEqual(conversation.client(publish('a', 1)), ['pause', 'publish a q1 for 1'])
  for (let minute = 0; minute < 10; minute += 1) assert.deepEqual(conversation.wait(90), [])
  conversation.input({ on: 'acknowledged', packetId: 1 })
  assert.deepEqual([conversation.wait(89), conversation.wait(1)], [[], ['close MQTT_KEEP_ALIVE_TIMEOUT']])
})

test('keep-alive 0 of the standard profile is none', () => {
  const conversation = new Conversation(4, { profile: STANDARD_PROFILE, connect: { keepAlive: 0 } })
  assert.equal(conversation.session.nextDeadline, undefined)
})

test('driven by a timer, a session times out to the millisecond, and few timers are set', () => {
  for (const version of [4, 5] as const) {
    const world = new VirtualWorld(version)
    const session = newSession(acceptedConnect(version, { keepAlive: 30 }))
    const driven = drive(session, world)
    for (let second = 0; second < 1000; second += 1) {
      driven.receive({ on: 'packet', packet: { type: 'pingreq' } })
      world.pass(seconds(1))
    }
    assert.deepEqual(world.done.length, 1000)
    world.pass(seconds(100))
    // The last PINGREQ came at 999 s, and 45 s later the client was gone.
    const told = version === 5 ? ['1044 send DISCONNECT 0x8d'] : []
    assert.deepEqual(world.done.slice(1000), [...told, '1044 close MQTT_KEEP_ALIVE_TIMEOUT'])
    assert.ok(world.timersSet < 1000 / 40, `${world.timersSet} timers`)
    driven.stop()
  }
})

function disconnect(reasonCode: number): Disconnect {
  return { type: 'disconnect', reasonCode, properties: NO_PROPERTIES }
}

function newSession(accepted: ReturnType<typeof acceptedConnect>): ServerSession {
  const rest = { connectionId: 'this', policy: POLICY, services: new Set<never>(), deniedSubscribe: 'close' } as const
  return new ServerSession({ accepted, profile: { ...STANDARD_PROFILE, qosMax: 1 }, now: START, ...rest })
}

/** Time that passes when told to, and a record of what was done when, in seconds since the start. */
class VirtualWorld {
  readonly done: string[] = []
  timersSet = 0
  readonly clock = { now: () => this.#now }
  readonly timers = {
    after: (delay: Millis, task: () => void): Cancel => {
      const timer = { at: later(this.#now, delay), task }
      this.timersSet += 1
      this.#waiting.add(timer)
      return () => this.#waiting.delete(timer)
    },
  }
  readonly #version: ProtocolVersion
  readonly #waiting = new Set<{ readonly at: number; readonly task: () => void }>()
  #now = START

  constructor(version: ProtocolVersion) {
    this.#version = version
  }

  perform(effect: SessionEffect): void {
    const at = (this.#now - START) / 1000
    this.done.push(...describeAll([effect], this.#version).map((words) => `${at} ${words}`))
  }

  pass(time: Millis): void {
    const end = later(this.#now, time)
    for (;;) {
      const [next] = [...this.#waiting].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#waiting.delete(next)
      this.#now = instant(next.at)
      next.task()
    }
    this.#now = end
  }
}

test('a will waits for its delay as far as the session lasts', () => {
  const ends = (willDelayInterval: number, sessionExpiryInterval: number): string | undefined => {
    const will = { topic: 'w', payload: new Uint8Array(0), qos: 0, retain: false } as const
    const connect = { will: { ...will, properties: { willDelayInterval } }, properties: { sessionExpiryInterval } }
    return new Conversation(5, { connect }).input({ on: 'connection-lost' })[0]
  }
  assert.equal(ends(0, 60), 'publish w q0 as will')
  assert.equal(ends(10, 0), 'publish w q0 as will')
  assert.equal(ends(10, 60), 'will w in 10 s')
  assert.equal(ends(60, 10), 'will w in 10 s')
})

test('a DISCONNECT changes how long the session lasts, up to the limit', () => {
  const lasts = (wished: number, changed?: number): unknown => {
    const conversation = new Conversation(5, { connect: { properties: { sessionExpiryInterval: wished } } })
    const properties = changed === undefined ? NO_PROPERTIES : { sessionExpiryInterval: changed }
    const effects = conversation.session.receive({ on: 'packet', packet: { ...DISCONNECT, properties } }, START)
    const end = effects.at(-1)
    return end?.do === 'close' && end.end.because === 'disconnected' ? end.sessionExpiry : undefined
  }
  assert.deepEqual([lasts(60), lasts(60, 10), lasts(60, 0), lasts(60, 7200), lasts(0, 0)], [60, 10, 0, 3600, 0])
  assert.equal(lasts(0, 1), undefined)
})

const DISCONNECT = { type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES } as const
