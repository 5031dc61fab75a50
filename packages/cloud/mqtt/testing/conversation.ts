/** A session under test, and words for what it does. */
import { type Instant, instant, later, seconds } from '@birthmark/foundation/kernel'
import { acceptConnect } from '../accept-connect.ts'
import { Delivery, type Message } from '../message.ts'
import type { Connect, Packet, ProtocolVersion, Publish, QoS, Subscribe } from '../packet.ts'
import { AWS_PROFILE, type BrokerProfile } from '../profile.ts'
import { NO_PROPERTIES } from '../properties.ts'
import { ServerSession } from '../server-session.ts'
import type { Denial, SessionEffect, SessionEnd, SessionInput, SessionOptions, SessionPolicy } from '../session.ts'
import { parseTopicName } from '../topic.ts'
import type { Grant } from '../topic-tree.ts'
import { decodeOne } from './decode.ts'

/** When every conversation begins. */
export const START: Instant = instant(1_700_000_000_000)

/** A refusal, as the policy gives it. */
export const DENIAL: Denial = { effect: 'deny', why: 'no-statement-matched', considered: 1, near: [] }

/** Denies whatever begins with `forbidden`. */
export const POLICY: SessionPolicy = {
  publish: (topic) => (topic.startsWith('forbidden') ? DENIAL : undefined),
  subscribe: (filter) => (filter.startsWith('forbidden') ? DENIAL : undefined),
  retainPublish: (topic) => (topic.startsWith('unretainable') ? DENIAL : undefined),
  receive: (topic) => !topic.startsWith('forbidden'),
}

/** A plain CONNECT. */
export function connect(version: ProtocolVersion, changes: Partial<Connect> = {}): Connect {
  return {
    type: 'connect',
    protocolVersion: version,
    clientId: 'press-7',
    cleanStart: true,
    keepAlive: 60,
    will: undefined,
    userName: undefined,
    password: undefined,
    properties: NO_PROPERTIES,
    ...changes,
  }
}

/** A plain PUBLISH: QoS 1 with a packet identifier, otherwise QoS 0. */
export function publish(topic: string, packetId?: number, changes: Partial<Publish> = {}): Publish {
  return {
    type: 'publish',
    topic,
    payload: Uint8Array.of(1, 2, 3),
    qos: packetId === undefined ? 0 : 1,
    retain: false,
    dup: false,
    packetId,
    properties: NO_PROPERTIES,
    ...changes,
  }
}

/** A SUBSCRIBE for QoS 1 with packet identifier 1. */
export function subscribe(...filters: readonly string[]): Subscribe {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = filters.map((filter) => ({ filter, ...options }))
  return { type: 'subscribe', packetId: 1, subscriptions, properties: NO_PROPERTIES }
}

/** A message on the bus. */
export function message(topic: string, changes: Partial<Message> = {}): Message {
  return {
    topic: parseTopicName(topic, AWS_PROFILE),
    payload: Uint8Array.of(1, 2, 3),
    qos: 1,
    properties: NO_PROPERTIES,
    publisher: 'another',
    receivedAt: START,
    ...changes,
  }
}

/** AWS's behaviour without its rates: tests send more than a client may. */
export const UNRATED_PROFILE: BrokerProfile = {
  ...AWS_PROFILE,
  publishesInPerSecond: Number.POSITIVE_INFINITY,
  publishesOutPerSecond: Number.POSITIVE_INFINITY,
}

/** What may be different from a plain session: of 3.1.1, at AWS IoT, without services. */
export type Differences = Partial<Omit<SessionOptions, 'accepted' | 'now'>> & { readonly connect?: Partial<Connect> }

/** One session and the time of its world. Every call tells in words what the session wants done. */
export class Conversation {
  readonly session: ServerSession
  readonly version: ProtocolVersion
  now: Instant = START

  constructor(version: ProtocolVersion, differences: Differences = {}) {
    const { connect: changes, profile = UNRATED_PROFILE, ...rest } = differences
    this.version = version
    this.session = new ServerSession({
      accepted: acceptedConnect(version, changes, profile),
      connectionId: 'this',
      policy: POLICY,
      profile,
      services: new Set(),
      deniedSubscribe: 'close',
      now: this.now,
      ...rest,
    })
  }

  /** The client sends a packet. */
  client(packet: Packet): string[] {
    return this.input({ on: 'packet', packet })
  }

  /** The bus has a message. */
  deliver(delivered: Message, qos: QoS = delivered.qos): string[] {
    return this.input({ on: 'deliver', delivery: new Delivery(delivered), qos })
  }

  /** The store has a message, of this place among those of the session. */
  deliverStored(delivered: Message, place: number, changes: { qos?: QoS; isRepeated?: boolean } = {}): string[] {
    const { qos = 1, isRepeated = false } = changes
    const stored = { place, bytes: 1, isRepeated }
    return this.input({ on: 'deliver', delivery: new Delivery(delivered), qos, stored })
  }

  input(input: SessionInput): string[] {
    return describeAll(this.session.receive(input, this.now), this.version)
  }

  /** Lets time pass, and the session's timer run when it is due. */
  wait(count: number): string[] {
    this.now = later(this.now, seconds(count))
    const due = this.session.nextDeadline
    return due !== undefined && this.now >= due ? describeAll(this.session.tick(this.now), this.version) : []
  }
}

/** Accepts a CONNECT that must be acceptable. */
export function acceptedConnect(
  version: ProtocolVersion,
  changes: Partial<Connect> = {},
  profile: BrokerProfile = AWS_PROFILE,
): SessionOptions['accepted'] {
  const accepted = acceptConnect(connect(version, changes), profile, { bytes: (count) => new Uint8Array(count) })
  if (!accepted.ok) throw accepted.cause
  return accepted
}

/** Says in words what effects are. */
export function describeAll(effects: readonly SessionEffect[], version: ProtocolVersion): string[] {
  return effects.map((effect) => describe(effect, version))
}

function describe(effect: SessionEffect, version: ProtocolVersion): string {
  switch (effect.do) {
    case 'send':
      return `send ${describePacket(decodeOne(version, effect.bytes))}`
    case 'publish': {
      const id = effect.packetId === undefined ? '' : ` for ${effect.packetId}`
      const marks = `${effect.isWill ? ' as will' : ''}${effect.message.retain ? ' retained' : ''}`
      return `publish ${effect.message.topic} q${effect.message.qos}${id}${marks}`
    }
    case 'delay-will':
      return `will ${effect.message.topic} in ${effect.seconds} s`
    case 'settled':
      return `settled ${effect.stored.place}`
    case 'subscribe':
      return `subscribe ${effect.filter} ${describeGrant(effect.grant)}`
    case 'replay':
      return `replay ${effect.filter}`
    case 'released':
      return `released ${effect.stored.place}`
    case 'forget-received':
      return `forget ${effect.packetId}`
    case 'unsubscribe':
      return `unsubscribe ${effect.filter}`
    case 'refuse':
      return `refuse ${describeEnd(effect.cause)}`
    case 'drop':
      return `drop ${effect.message.topic}: ${effect.why}`
    case 'pause':
    case 'resume':
      return effect.do
    case 'close':
      return `close ${describeEnd(effect.end)}`
  }
}

function describeGrant({ qos, noLocal, retainAsPublished, identifier }: Grant): string {
  const id = identifier === undefined ? '' : ` id ${identifier}`
  return `q${qos}${noLocal ? ' not its own' : ''}${retainAsPublished ? ' as published' : ''}${id}`
}

function describePacket(packet: Packet): string {
  return `${packet.type.toUpperCase()}${describeContent(packet)}`
}

function describeContent(packet: Packet): string {
  if (packet.type === 'publish') {
    const flags = `${packet.dup ? ' again' : ''}${packet.retain ? ' retained' : ''}`
    return ` ${packet.topic} q${packet.qos}${packet.packetId === undefined ? '' : ` id ${packet.packetId}`}${flags}`
  }
  if (packet.type === 'puback' || packet.type === 'pubrec' || packet.type === 'pubrel' || packet.type === 'pubcomp')
    return ` ${packet.packetId}${packet.reasonCode === 0 ? '' : ` ${hex(packet.reasonCode)}`}`
  if ('reasonCodes' in packet) return ` ${packet.packetId} [${packet.reasonCodes.map(hex).join(' ')}]`
  return packet.type === 'disconnect' ? ` ${hex(packet.reasonCode)}` : ''
}

function describeEnd(end: SessionEnd): string {
  switch (end.because) {
    case 'fault':
      return end.fault.code
    case 'denied':
      return `denied ${end.action} ${end.topic}`
    case 'disconnected':
      return `disconnected ${hex(end.reasonCode)}`
    case 'ordered':
      return end.order
    case 'connection-lost':
      return end.because
  }
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}
