import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Delivery } from './message.ts'
import type { Acknowledgement, Packet, ProtocolVersion } from './packet.ts'
import { STANDARD_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import { ServerSession } from './server-session.ts'
import type { SessionEffect } from './session.ts'
import { acceptedConnect, message, POLICY, publish, START } from './testing/conversation.ts'
import { decodeOne } from './testing/decode.ts'
import { type Choose, everyPath } from './testing/every-path.ts'

/*
 * QoS 2 over connections that break before or after any packet, with sessions that last: run with every such loss. What
 * is kept on both sides is on disk; all else begins anew with each connection.
 */

for (const version of [4, 5] as const) {
  test(`QoS 2 from a client, level ${version}: published once, and completed, whatever is lost`, () => {
    const paths = everyPath((choose) => {
      const { published, isDone } = publishExactlyOnce(version, choose)
      assert.deepEqual([published, isDone], [1, true])
    })
    assert.equal(paths, PATHS)
  })

  test(`QoS 2 to a client, level ${version}: delivered once, and forgotten, whatever is lost`, () => {
    const paths = everyPath((choose) => {
      const { delivered, isKept } = receiveExactlyOnce(version, choose)
      assert.deepEqual([delivered, isKept], [1, false])
    })
    assert.equal(paths, PATHS)
  })
}

/** Connections that break, at most, so that every conversation ends. */
const BREAKS_MAX = 3
/** How many conversations there are: a change of the machine, or of the ends below, shows here. */
const PATHS = 49

/** Loses a packet with its connection, or not; as long as something may still be lost. */
class Line {
  breaks = 0
  readonly #choose: Choose

  constructor(choose: Choose) {
    this.#choose = choose
  }

  /** Whether the packet that is on its way arrives. */
  carries(): boolean {
    if (this.breaks === BREAKS_MAX || this.#choose(2) === 0) return true
    this.breaks++
    return false
  }
}

function publishExactlyOnce(version: ProtocolVersion, choose: Choose): { published: number; isDone: boolean } {
  const line = new Line(choose)
  const received = new Set<number>()
  let published = 0
  let next: Packet | undefined = publish('a', 1, { qos: 2 })
  while (next !== undefined) {
    const session = begin(version, { resumedReceived: [...received] })
    for (;;) {
      if (next === undefined || !line.carries()) break
      const effects = [...session.receive({ on: 'packet', packet: next }, START)]
      for (const effect of effects) {
        if (effect.do === 'publish' && effect.packetId !== undefined) {
          published++
          received.add(effect.packetId)
          effects.push(...session.receive({ on: 'acknowledged', packetId: effect.packetId }, START))
        }
        if (effect.do === 'forget-received') received.delete(effect.packetId)
      }
      const answer = sentBy(effects, version)
      if (!line.carries()) break
      if (answer?.type === 'pubrec') next = ack('pubrel', 1)
      if (answer?.type === 'pubcomp') next = undefined
    }
    if (next?.type === 'publish') next = { ...next, dup: true }
  }
  return { published, isDone: received.size === 0 }
}

function receiveExactlyOnce(version: ProtocolVersion, choose: Choose): { delivered: number; isKept: boolean } {
  const line = new Line(choose)
  const stored = { place: 1, bytes: 1 }
  let kept: 'message' | 'release' | undefined = 'message'
  const known = new Set<number>()
  let delivered = 0
  let isRepeated = false
  while (kept !== undefined) {
    const session = begin(version, {})
    const delivery = new Delivery(message('a', { qos: 2 }))
    let effects = [
      ...(kept === 'message'
        ? session.receive({ on: 'deliver', delivery, qos: 2, stored: { ...stored, isRepeated } }, START)
        : session.receive({ on: 'resume-released', stored }, START)),
    ]
    isRepeated = true
    for (;;) {
      for (const effect of effects) {
        if (effect.do === 'released') kept = 'release'
        if (effect.do === 'settled') kept = undefined
      }
      const sent = sentBy(effects, version)
      if (sent === undefined || !line.carries()) break
      let answer: Acknowledgement | undefined
      if (sent.type === 'publish' && sent.packetId !== undefined) {
        if (!known.has(sent.packetId)) delivered++
        known.add(sent.packetId)
        answer = ack('pubrec', sent.packetId)
      }
      if (sent.type === 'pubrel') {
        known.delete(sent.packetId)
        answer = ack('pubcomp', sent.packetId)
      }
      if (answer === undefined || !line.carries()) break
      effects = [...session.receive({ on: 'packet', packet: answer }, START)]
    }
  }
  return { delivered, isKept: kept !== undefined }
}

function begin(version: ProtocolVersion, changes: { readonly resumedReceived?: readonly number[] }): ServerSession {
  return new ServerSession({
    accepted: acceptedConnect(version, {}, STANDARD_PROFILE),
    connectionId: 'this',
    policy: POLICY,
    profile: STANDARD_PROFILE,
    services: new Set<never>(),
    deniedSubscribe: 'suback',
    now: START,
    ...changes,
  })
}

function sentBy(effects: readonly SessionEffect[], version: ProtocolVersion): Packet | undefined {
  const [sent] = effects.flatMap((effect) => (effect.do === 'send' ? [decodeOne(version, effect.bytes)] : []))
  return sent
}

function ack(type: Acknowledgement['type'], packetId: number): Acknowledgement {
  return { type, packetId, reasonCode: 0, properties: NO_PROPERTIES }
}
