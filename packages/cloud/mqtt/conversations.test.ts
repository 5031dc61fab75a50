import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Delivery } from './message.ts'
import type { Acknowledgement, ProtocolVersion } from './packet.ts'
import { AWS_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import { ServerSession } from './server-session.ts'
import type { SessionEffect, StoredMark } from './session.ts'
import { acceptedConnect, message, POLICY, publish, START } from './testing/conversation.ts'
import { decodeOne } from './testing/decode.ts'
import { type Choose, everyPath } from './testing/every-path.ts'

/*
 * On a connection nothing is lost but its end: a loss is a connection that breaks, before or after a packet has come
 * through. These conversations are run with every such loss, and with every answer of the bus.
 */

for (const version of [4, 5] as const) {
  test(`QoS 1 from a client, level ${version}: a PUBACK tells the truth, whatever is lost and whatever fails`, () => {
    const paths = everyPath((choose) => {
      const client = new Publisher(version, choose, 2)
      client.run()
      for (const topic of ['m1', 'm2']) {
        const count = (topics: readonly string[]): number => topics.filter((one) => one === topic).length
        // At least once: a client that tries until it hears a PUBACK has its message on the bus, or knows better.
        assert.equal(count(client.taken) > 0 || client.refused.includes(topic), true)
        // The bus gets a message at most as often as it was sent.
        assert.ok(count(client.published) <= count(client.sent))
      }
      assert.ok(version === 5 || client.refused.length === 0)
    })
    assert.equal(paths, PUBLISHER_PATHS[version])
  })

  test(`QoS 1 to a client, level ${version}: in order, once each, and all of them unless the connection breaks`, () => {
    const paths = everyPath((choose) => {
      const subscriber = new Subscriber(version, choose)
      const broke = subscriber.run(['m1', 'm2', 'm3'])
      assert.deepEqual(subscriber.received, ['m1', 'm2', 'm3'].slice(0, subscriber.received.length))
      if (!broke) assert.equal(subscriber.received.length, 3)
    })
    assert.equal(paths, SUBSCRIBER_PATHS)
  })
}

test('QoS 1 to a session that lasts: all of them in the end, in order on each connection, whatever is lost', () => {
  for (const version of [4, 5] as const) {
    const paths = everyPath((choose) => {
      const client = new LastingSubscriber(version, choose, ['m1', 'm2', 'm3'])
      client.run()
      assert.deepEqual([...new Set(client.received)].toSorted(), ['m1', 'm2', 'm3'])
      assert.deepEqual([...client.kept.values()], [])
      for (const connection of client.connections) assert.deepEqual(connection, connection.toSorted())
      // What comes again was lost with a connection, or its PUBACK was.
      assert.ok(client.received.length <= 3 + 2 * BREAKS_MAX)
    })
    assert.equal(paths, LASTING_PATHS)
  }
})

/** How many conversations there are: a change of the machine, or of the clients below, shows here. */
const PUBLISHER_PATHS = { 4: 1413, 5: 598 }
const SUBSCRIBER_PATHS = 56
const LASTING_PATHS = 39

/** Connections that break, and messages that the bus fails to take, at most, so that every conversation ends. */
const BREAKS_MAX = 2
const FAILURES_MAX = 1

/** A client that publishes at QoS 1, all at once, and on each connection again what was not acknowledged. */
class Publisher {
  /** Topics in the order in which they were sent, given to the bus, taken by it, and refused to the client. */
  readonly sent: string[] = []
  readonly published: string[] = []
  readonly taken: string[] = []
  readonly refused: string[] = []
  readonly #version: ProtocolVersion
  readonly #choose: Choose
  readonly #unacknowledged: Map<number, string>
  #session: ServerSession
  #isConnected = true
  #breaks = 0
  #failures = 0
  /** What the bus has yet to answer, by packet identifier. */
  #asked: (readonly [packetId: number, topic: string])[] = []

  constructor(version: ProtocolVersion, choose: Choose, count: number) {
    this.#version = version
    this.#choose = choose
    this.#session = newSession(version)
    this.#unacknowledged = new Map(Array.from({ length: count }, (_, index) => [index + 1, `m${index + 1}`]))
  }

  run(): void {
    while (this.#unacknowledged.size > 0) {
      this.#session = newSession(this.#version)
      this.#isConnected = true
      this.#asked = []
      for (const [packetId, topic] of this.#unacknowledged) {
        if (this.#isLost()) break
        this.sent.push(topic)
        this.#perform(this.#session.receive({ on: 'packet', packet: publish(topic, packetId) }, START))
      }
      while (this.#isConnected && this.#asked.length > 0) this.#answerOne()
    }
  }

  /** Lets the bus answer one message, whichever, in whichever way. */
  #answerOne(): void {
    const [next] = this.#asked.splice(this.#choose(this.#asked.length), 1)
    if (next === undefined || this.#isLost()) return
    const [packetId, topic] = next
    const fails = this.#failures < FAILURES_MAX && this.#choose(2) === 1
    if (fails) this.#failures += 1
    else this.taken.push(topic)
    this.#perform(this.#session.receive({ on: fails ? 'publish-failed' : 'acknowledged', packetId }, START))
  }

  #perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.do === 'publish' && effect.packetId !== undefined) {
        this.published.push(effect.message.topic)
        this.#asked.push([effect.packetId, effect.message.topic])
      } else if (effect.do === 'close') this.#isConnected = false
      else if (effect.do === 'send' && this.#isConnected && !this.#isLost()) this.#hear(effect.bytes)
    }
  }

  #hear(bytes: Uint8Array): void {
    const packet = decodeOne(this.#version, bytes)
    assert.ok(packet.type === 'puback')
    // In the order in which the messages were sent: the oldest first.
    const [oldest] = this.#unacknowledged
    assert.equal(packet.packetId, oldest?.[0])
    this.#unacknowledged.delete(packet.packetId)
    if (packet.reasonCode !== 0) this.refused.push(oldest![1])
  }

  /** Whether the connection breaks now. */
  #isLost(): boolean {
    if (this.#breaks >= BREAKS_MAX || this.#choose(2) === 0) return false
    this.#breaks += 1
    this.#isConnected = false
    const [end, ...more] = this.#session.receive({ on: 'connection-lost' }, START)
    assert.deepEqual([end, more], [{ do: 'close', end: { because: 'connection-lost' }, sessionExpiry: 0 }, []])
    return true
  }
}

/** A client whose session outlives its connections: a store keeps each message until it is settled. */
class LastingSubscriber {
  readonly received: string[] = []
  /** What came on each connection. */
  readonly connections: string[][] = []
  /** What is stored, by its place. */
  readonly kept: Map<number, string>
  readonly #version: ProtocolVersion
  readonly #choose: Choose
  #breaks = 0

  constructor(version: ProtocolVersion, choose: Choose, topics: readonly string[]) {
    this.#version = version
    this.#choose = choose
    this.kept = new Map(topics.map((topic, index) => [index + 1, topic]))
  }

  run(): void {
    while (this.kept.size > 0) this.#connect()
  }

  /** One connection with room for two messages, until it breaks or everything is settled. */
  #connect(): void {
    const session = newSession(this.#version, 2)
    const came: string[] = []
    this.connections.push(came)
    const acknowledge: number[] = []
    const waiting = [...this.kept]
    while (waiting.length > 0 || acknowledge.length > 0) {
      const next = session.room > 0 ? waiting.shift() : undefined
      const effects =
        next === undefined
          ? session.receive({ on: 'packet', packet: puback(acknowledge.shift() ?? 0) }, START)
          : session.receive(
              { on: 'deliver', delivery: new Delivery(message(next[1])), qos: 1, stored: mark(next[0]) },
              START,
            )
      for (const effect of effects) {
        if (effect.do === 'settled') this.kept.delete(effect.stored.place)
        if (effect.do !== 'send') continue
        const packet = decodeOne(this.#version, effect.bytes)
        assert.ok(packet.type === 'publish' && packet.packetId !== undefined)
        // Lost before the client has it, or with its PUBACK.
        if (this.#isLost()) return
        came.push(packet.topic)
        this.received.push(packet.topic)
        if (this.#isLost()) return
        acknowledge.push(packet.packetId)
      }
    }
  }

  #isLost(): boolean {
    if (this.#breaks >= BREAKS_MAX || this.#choose(2) === 0) return false
    this.#breaks += 1
    return true
  }
}

function puback(packetId: number): Acknowledgement {
  return { type: 'puback', packetId, reasonCode: 0, properties: NO_PROPERTIES }
}

function mark(place: number): StoredMark {
  return { place, bytes: 1 }
}

/** A client with room for one message at a time, that acknowledges at once or when the next moment comes. */
class Subscriber {
  readonly received: string[] = []
  readonly #version: ProtocolVersion
  readonly #choose: Choose
  readonly #session: ServerSession
  #unacknowledged: number[] = []
  #broke = false

  constructor(version: ProtocolVersion, choose: Choose) {
    this.#version = version
    this.#choose = choose
    this.#session = newSession(version, 1)
  }

  /** Gives whether the connection broke. */
  run(topics: readonly string[]): boolean {
    for (const topic of topics) {
      const delivery = new Delivery(message(topic))
      this.#perform(this.#session.receive({ on: 'deliver', delivery, qos: 1 }, START))
      if (this.#choose(2) === 1) this.#acknowledge()
    }
    while (!this.#broke && this.#unacknowledged.length > 0) this.#acknowledge()
    return this.#broke
  }

  #acknowledge(): void {
    for (const packetId of this.#unacknowledged.splice(0)) {
      if (this.#isLost()) return
      const packet = { type: 'puback', packetId, reasonCode: 0, properties: NO_PROPERTIES } as const
      this.#perform(this.#session.receive({ on: 'packet', packet }, START))
    }
  }

  #perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.do !== 'send' || this.#isLost()) continue
      const packet = decodeOne(this.#version, effect.bytes)
      assert.ok(packet.type === 'publish' && packet.packetId !== undefined)
      this.received.push(packet.topic)
      this.#unacknowledged.push(packet.packetId)
      assert.equal(this.#unacknowledged.length, 1)
    }
  }

  #isLost(): boolean {
    if (this.#broke) return true
    if (this.#choose(2) === 0) return false
    this.#broke = true
    this.#session.receive({ on: 'connection-lost' }, START)
    return true
  }
}

function newSession(version: ProtocolVersion, receiveMaximum = 65_535): ServerSession {
  const profile = { ...AWS_PROFILE, outboundInflightMax: Math.min(receiveMaximum, AWS_PROFILE.outboundInflightMax) }
  return new ServerSession({
    accepted: acceptedConnect(version, {}, profile),
    connectionId: 'this',
    policy: POLICY,
    profile,
    services: new Set(),
    deniedSubscribe: 'close',
    now: START,
  })
}
