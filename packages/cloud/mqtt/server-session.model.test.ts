import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ProtocolVersion } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { Conversation, message, publish, subscribe, UNRATED_PROFILE } from './testing/conversation.ts'

/*
 * A model beside the machine: the same rules in plain arrays, for one topic, a window of two each way and a queue of
 * three. Any sequence of inputs must make both want the same things done, in the same order.
 */
const PROFILE = {
  ...UNRATED_PROFILE,
  inboundInflightMax: 2,
  outboundInflightMax: 2,
  outboundQueueCountMax: 3,
  subscriptionsMax: 2,
  keepAliveMin: 10,
}
const KEEP_ALIVE = 10
const SILENCE_MAX = 15

for (const version of [4, 5] as const) {
  test(`a session of level ${version} does what its model does`, () => {
    const inputs = [
      fc
        .option(fc.integer({ min: 1, max: 3 }), { nil: undefined })
        .map((id) => step(`publish ${id}`, (m) => m.publish(id))),
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.boolean())
        .map(([id, ok]) => step(`bus ${id} ${ok}`, (m) => m.bus(id, ok))),
      fc.constantFrom(0, 1).map((qos) => step(`deliver q${qos}`, (m) => m.deliver(qos === 0 ? 0 : 1))),
      fc.boolean().map((allowed) => step(`stored ${allowed}`, (m) => m.stored(allowed))),
      fc.constantFrom(1, 2, 3, 4, 5, 1001, 1002, 1003).map((id) => step(`puback ${id}`, (m) => m.puback(id))),
      fc.boolean().map((is) => step(`congested ${is}`, (m) => m.congested(is))),
      fc.constantFrom('a', 'b', 'c').map((filter) => step(`subscribe ${filter}`, (m) => m.subscribe(filter))),
      fc.constantFrom('a', 'b', 'c').map((filter) => step(`unsubscribe ${filter}`, (m) => m.unsubscribe(filter))),
      fc.integer({ min: 1, max: 20 }).map((count) => step(`wait ${count}`, (m) => m.wait(count))),
      fc.constant(step('ping', (m) => m.ping())),
    ]
    fc.assert(
      fc.property(fc.commands(inputs, { maxCommands: 60, size: 'max' }), (commands) => {
        const connect = { keepAlive: KEEP_ALIVE }
        const real = new Conversation(version, { profile: PROFILE, connect })
        fc.modelRun(() => ({ model: new Model(version), real }), commands)
      }),
      { numRuns: 400 },
    )
  })
}

/** One input: what the model expects, and how the machine is given the same. */
interface Expected {
  readonly effects: readonly string[]
  readonly run: (conversation: Conversation) => readonly string[]
}

function step(name: string, apply: (model: Model) => Expected): fc.Command<Model, Conversation> {
  return {
    check: () => true,
    run: (model, conversation) => {
      const hadEnded = model.hasEnded
      const { effects, run } = apply(model)
      assert.deepEqual(run(conversation), hadEnded ? [] : effects)
      assert.equal(conversation.session.room, model.hasEnded ? 0 : model.room)
    },
    toString: () => name,
  }
}

/** The rules of a session. After its end it may say anything: nothing is expected. */
class Model {
  hasEnded = false
  readonly #version: ProtocolVersion
  #waiting: { readonly id: number; code?: string }[] = []
  #isPaused = false
  #inflight: { readonly id: number; readonly place?: number }[] = []
  /** Stored messages have identifiers of their own: far from those of the others. */
  #places = 1000
  #queued = 0
  #lastId = 0
  #isCongested = false
  #subscriptions: string[] = []
  #now = 0
  #heardAt = 0
  #dueAt = SILENCE_MAX

  constructor(version: ProtocolVersion) {
    this.#version = version
  }

  publish(id: number | undefined): Expected {
    this.#heardAt = this.#now
    return this.#expect(this.#published(id), (real) => real.client(publish('t', id)))
  }

  bus(id: number, ok: boolean): Expected {
    const run = (real: Conversation): string[] =>
      real.input({ on: ok ? 'acknowledged' : 'publish-failed', packetId: id })
    if (!ok && this.#version === 4) return this.#expect(this.#end('MQTT_BUS_UNAVAILABLE', '0x80'), run)
    const found = this.#waiting.find((one) => one.id === id)
    if (found === undefined) return this.#expect([], run)
    found.code = ok ? '' : ' 0x80'
    const still = this.#waiting.findIndex((one) => one.code === undefined)
    const settled = this.#waiting.splice(0, still < 0 ? this.#waiting.length : still)
    const effects = settled.map((one) => `send PUBACK ${one.id}${one.code}`)
    const resumes = this.#isPaused && this.#waiting.length < PROFILE.inboundInflightMax
    if (resumes) this.#isPaused = false
    return this.#expect([...effects, ...(resumes ? ['resume'] : [])], run)
  }

  deliver(qos: 0 | 1): Expected {
    const run = (real: Conversation): string[] => real.deliver(message('m'), qos)
    if (qos === 0) return this.#expect([this.#isCongested ? 'drop m: congested' : 'send PUBLISH m q0'], run)
    if (this.#queued < PROFILE.outboundQueueCountMax) this.#queued += 1
    else return this.#expect(['drop m: queue-full'], run)
    return this.#expect(this.#drain(), run)
  }

  /** Messages of QoS 1 that would be sent at once. */
  get room(): number {
    return this.#isCongested ? 0 : Math.max(0, 2 - this.#inflight.length - this.#queued)
  }

  /** A message that a store keeps: given only while there is room, and settled once it needs to be kept no longer. */
  stored(allowed: boolean): Expected {
    if (this.room === 0) return this.#expect([], () => [])
    this.#places += 1
    const place = this.#places
    const run = (real: Conversation): string[] => real.deliverStored(message(allowed ? 'm' : 'forbidden'), place)
    if (!allowed) return this.#expect([`settled ${place}`], run)
    this.#inflight.push({ id: place, place })
    return this.#expect([`send PUBLISH m q1 id ${place}`], run)
  }

  puback(id: number): Expected {
    this.#heardAt = this.#now
    const settled = this.#inflight.filter((one) => one.id === id && one.place !== undefined)
    this.#inflight = this.#inflight.filter((one) => one.id !== id)
    const packet = { type: 'puback', packetId: id, reasonCode: 0, properties: NO_PROPERTIES } as const
    const effects = [...settled.map(({ place }) => `settled ${place}`), ...this.#drain()]
    return this.#expect(effects, (real) => real.client(packet))
  }

  congested(is: boolean): Expected {
    this.#isCongested = is
    return this.#expect(this.#drain(), (real) => real.input({ on: is ? 'congested' : 'drained' }))
  }

  subscribe(filter: string): Expected {
    this.#heardAt = this.#now
    const run = (real: Conversation): string[] => real.client(subscribe(filter))
    const isNew = !this.#subscriptions.includes(filter)
    if (isNew && this.#subscriptions.length >= PROFILE.subscriptionsMax) {
      const code = this.#version === 5 ? '0x97' : '0x80'
      return this.#expect(['refuse MQTT_SUBSCRIPTIONS_TOO_MANY', `send SUBACK 1 [${code}]`], run)
    }
    if (isNew) this.#subscriptions.push(filter)
    return this.#expect([`subscribe ${filter} q1`, 'send SUBACK 1 [0x01]', `replay ${filter}`], run)
  }

  unsubscribe(filter: string): Expected {
    this.#heardAt = this.#now
    const had = this.#subscriptions.includes(filter)
    this.#subscriptions = this.#subscriptions.filter((one) => one !== filter)
    const code = this.#version === 4 ? '' : had ? '0x00' : '0x11'
    const packet = { type: 'unsubscribe', packetId: 1, filters: [filter], properties: NO_PROPERTIES } as const
    const effects = [...(had ? [`unsubscribe ${filter}`] : []), `send UNSUBACK 1 [${code}]`]
    return this.#expect(effects, (real) => real.client(packet))
  }

  wait(count: number): Expected {
    this.#now += count
    const run = (real: Conversation): string[] => real.wait(count)
    if (this.#now < this.#dueAt) return this.#expect([], run)
    // A client that is not read from counts as heard when the timer runs.
    if (this.#isPaused) this.#heardAt = this.#now
    this.#dueAt = this.#heardAt + SILENCE_MAX
    return this.#expect(this.#now < this.#dueAt ? [] : this.#end('MQTT_KEEP_ALIVE_TIMEOUT', '0x8d'), run)
  }

  ping(): Expected {
    this.#heardAt = this.#now
    return this.#expect(['send PINGRESP'], (real) => real.client({ type: 'pingreq' }))
  }

  #published(id: number | undefined): string[] {
    if (id === undefined) return ['publish t q0']
    if (this.#waiting.some((one) => one.id === id)) {
      if (this.#version === 4) return this.#end('MQTT_PACKET_ID_IN_USE', '')
      return [`send PUBACK ${id} 0x91`, 'refuse MQTT_PACKET_ID_IN_USE']
    }
    this.#waiting.push({ id })
    const count = this.#waiting.length
    if (this.#version === 5 && count > PROFILE.inboundInflightMax)
      return this.#end('MQTT_RECEIVE_MAXIMUM_EXCEEDED', '0x93')
    const pauses = this.#version === 4 && count >= PROFILE.inboundInflightMax && !this.#isPaused
    if (pauses) this.#isPaused = true
    return [...(pauses ? ['pause'] : []), `publish t q1 for ${id}`]
  }

  #drain(): string[] {
    const sent: string[] = []
    for (; this.#queued > 0 && !this.#isCongested && this.#inflight.length < 2; this.#queued -= 1) {
      this.#lastId += 1
      this.#inflight.push({ id: this.#lastId })
      sent.push(`send PUBLISH m q1 id ${this.#lastId}`)
    }
    return sent
  }

  #end(cause: string, code: string): string[] {
    this.hasEnded = true
    return [...(this.#version === 5 ? [`send DISCONNECT ${code}`] : []), `close ${cause}`]
  }

  #expect(effects: readonly string[], run: Expected['run']): Expected {
    return { effects, run }
  }
}
