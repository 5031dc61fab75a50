import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '@birthmark/foundation/kernel'
import { mqttFault } from './faults.ts'
import { AWS_PROFILE } from './profile.ts'
import { Conversation, message, publish } from './testing/conversation.ts'

const PROFILE = { ...AWS_PROFILE, publishesInPerSecond: 2, publishesOutPerSecond: 2 }

test('AWS IoT: a hundred messages in a second each way, and 512 KB/s', () => {
  const { publishesInPerSecond, publishesOutPerSecond, bytesInPerSecond } = AWS_PROFILE
  assert.deepEqual([publishesInPerSecond, publishesOutPerSecond, bytesInPerSecond], [100, 100, 512 * 1024])
})

test('a message too many is not published: 5.0 is told, 3.1.1 gets no PUBACK, QoS 0 is discarded', () => {
  for (const version of [4, 5] as const) {
    const conversation = new Conversation(version, { profile: PROFILE })
    assert.deepEqual(conversation.client(publish('a', 1)), ['publish a q1 for 1'])
    assert.deepEqual(conversation.client(publish('a')), ['publish a q0'])
    assert.deepEqual(conversation.client(publish('a')), ['refuse MQTT_PUBLISHES_TOO_FAST'])
    conversation.input({ on: 'acknowledged', packetId: 1 })
    assert.deepEqual(
      conversation.client(publish('a', 2)),
      version === 5 ? ['refuse MQTT_PUBLISHES_TOO_FAST', 'send PUBACK 2 0x97'] : ['refuse MQTT_PUBLISHES_TOO_FAST'],
    )
    // The identifier is free, and the next second has room.
    conversation.wait(1)
    assert.deepEqual(conversation.client(publish('a', 2)), ['publish a q1 for 2'])
  }
})

test('to a client, QoS 0 beyond the rate is dropped, and QoS 1 waits for the next second in its order', () => {
  const conversation = new Conversation(5, { profile: PROFILE })
  conversation.deliver(message('a'))
  conversation.deliver(message('b'))
  assert.deepEqual(conversation.deliver(message('c'), 0), ['drop c: throttled'])
  assert.deepEqual(conversation.deliver(message('d')), [])
  assert.deepEqual(conversation.deliver(message('e')), [])
  assert.deepEqual(conversation.deliverStored(message('f'), 9), [])
  assert.deepEqual(conversation.wait(0.5), ['send PUBLISH d q1 id 3'])
  assert.deepEqual(conversation.wait(0.5), ['send PUBLISH e q1 id 4'])
  assert.deepEqual(conversation.wait(0.5), ['send PUBLISH f q1 id 9'])
  assert.deepEqual(conversation.wait(30), [])
})

test('a wait for the rate does not hide that the client is silent [MQTT-3.1.2-22 MQTT3-3.1.2-24]', () => {
  const profile = { ...PROFILE, outboundInflightMax: 1 }
  const conversation = new Conversation(4, { profile, connect: { keepAlive: 30 } })
  conversation.deliver(message('a'))
  conversation.deliver(message('b'))
  conversation.wait(40)
  assert.deepEqual(conversation.wait(5), ['close MQTT_KEEP_ALIVE_TIMEOUT'])
})

test('a second retained message for a topic within a second is refused, and nothing ends', () => {
  let isFree = true
  const profile = AWS_PROFILE
  const retainRefusal = (): Fault | undefined => (isFree ? undefined : makeFault())
  for (const version of [4, 5] as const) {
    const conversation = new Conversation(version, { profile, retainRefusal })
    isFree = true
    assert.deepEqual(conversation.client(publish('a', 1, { retain: true })), ['publish a q1 for 1 retained'])
    conversation.input({ on: 'acknowledged', packetId: 1 })
    isFree = false
    const refused = ['refuse MQTT_RETAINED_TOO_FAST', ...(version === 5 ? ['send PUBACK 2 0x97'] : [])]
    assert.deepEqual(conversation.client(publish('a', 2, { retain: true })), refused)
  }
})

test('who may publish and not retain is refused for the action that is denied', () => {
  const conversation = new Conversation(5)
  assert.deepEqual(conversation.client(publish('unretainable', 1, { retain: true })), [
    'refuse denied retain-publish unretainable',
    'send PUBACK 1 0x87',
  ])
  assert.deepEqual(conversation.client(publish('unretainable', 1)), ['publish unretainable q1 for 1'])
})

test('RETAIN on a reserved topic is refused by name', () => {
  const conversation = new Conversation(5, { services: new Set(['rules']) })
  assert.deepEqual(conversation.client(publish('$aws/rules/r/t', 1, { retain: true })), [
    'refuse MQTT_RETAIN_RESERVED',
    'send PUBACK 1 0x90',
  ])
})

test('a broker without retained messages ends the connection of who wants one', () => {
  const conversation = new Conversation(5, { profile: { ...AWS_PROFILE, retainAvailable: false } })
  assert.deepEqual(conversation.client(publish('a', 1, { retain: true })), [
    'send DISCONNECT 0x9a',
    'close MQTT_RETAIN_UNSUPPORTED',
  ])
})

function makeFault(): Fault {
  return mqttFault('MQTT_RETAINED_TOO_FAST', { max: 1 })
}
