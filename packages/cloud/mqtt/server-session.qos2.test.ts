import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Acknowledgement } from './packet.ts'
import { type BrokerProfile, STANDARD_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import { Conversation, type Differences, message, publish, subscribe } from './testing/conversation.ts'

const VERSIONS = [4, 5] as const

for (const version of VERSIONS) {
  test(`version ${version}: QoS 2 is given to the bus once and answered to its end [MQTT-4.3.3-2 MQTT-4.3.3-8]`, () => {
    const conversation = standard(version)
    assert.deepEqual(conversation.client(exactly('a', 7)), ['publish a q2 for 7'])
    assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 7 }), ['send PUBREC 7'])
    assert.deepEqual(conversation.client(ack('pubrel', 7)), ['forget 7', 'send PUBCOMP 7'])
  })

  test(`version ${version}: until its PUBREL a repeated one is answered, not given again [MQTT-4.3.3-10]`, () => {
    const conversation = standard(version)
    conversation.client(exactly('a', 7))
    conversation.input({ on: 'acknowledged', packetId: 7 })
    assert.deepEqual(conversation.client(exactly('a', 7, { dup: true })), ['send PUBREC 7'])
    conversation.client(ack('pubrel', 7))
    // The identifier is free again [MQTT-4.3.3-12].
    assert.deepEqual(conversation.client(exactly('b', 7)), ['publish b q2 for 7'])
  })

  test(`version ${version}: a message that came on an earlier connection is known on the next [MQTT-4.1.0-1]`, () => {
    const conversation = standard(version, { resumedReceived: [7] })
    assert.deepEqual(conversation.client(exactly('a', 7, { dup: true })), ['send PUBREC 7'])
    assert.deepEqual(conversation.client(ack('pubrel', 7)), ['forget 7', 'send PUBCOMP 7'])
  })

  test(`version ${version}: PUBRECs have the order of their messages, whatever the bus does first`, () => {
    const conversation = standard(version)
    for (const id of [1, 2, 3]) conversation.client(exactly('a', id))
    assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 2 }), [])
    assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 1 }), ['send PUBREC 1', 'send PUBREC 2'])
    assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 3 }), ['send PUBREC 3'])
  })

  test(`version ${version}: to a client in four steps [MQTT-4.3.3-1 MQTT-4.3.3-3 MQTT-4.3.3-4 MQTT-4.3.3-5]`, () => {
    const conversation = standard(version)
    assert.deepEqual(conversation.deliver(message('a', { qos: 2 })), ['send PUBLISH a q2 id 1'])
    assert.deepEqual(conversation.client(ack('pubrec', 1)), ['send PUBREL 1'])
    // What is released is never sent again [MQTT-4.3.3-6]: the PUBREL is.
    assert.deepEqual(conversation.client(ack('pubrec', 1)), ['send PUBREL 1'])
    assert.deepEqual(conversation.client(ack('pubcomp', 1)), [])
    assert.deepEqual(conversation.client(ack('pubcomp', 1)), [])
  })

  test(`version ${version}: the window counts a message until its PUBCOMP [MQTT-3.3.4-9] [MQTT-4.9.0-2]`, () => {
    const conversation = standard(version, { profile: { ...STANDARD_PROFILE, outboundInflightMax: 1 } })
    conversation.deliver(message('a', { qos: 2 }))
    assert.deepEqual(conversation.deliver(message('b', { qos: 2 })), [])
    assert.deepEqual(conversation.client(ack('pubrec', 1)), ['send PUBREL 1'])
    assert.deepEqual(conversation.client(ack('pubcomp', 1)), ['send PUBLISH b q2 id 2'])
  })

  test(`version ${version}: a stored message has one identifier, and DUP when it comes again [MQTT-3.3.1-1]`, () => {
    const first = standard(version)
    assert.deepEqual(first.deliverStored(message('a'), 3, { qos: 2 }), ['send PUBLISH a q2 id 3'])
    assert.deepEqual(first.client(ack('pubrec', 3)), ['released 3', 'send PUBREL 3'])
    const second = standard(version)
    assert.deepEqual(second.deliverStored(message('a'), 5, { qos: 2, isRepeated: true }), [
      'send PUBLISH a q2 id 5 again',
    ])
    const released = { place: 3, bytes: 1 }
    assert.deepEqual(second.input({ on: 'resume-released', stored: released }), ['send PUBREL 3'])
    assert.deepEqual(second.client(ack('pubrec', 3)), ['send PUBREL 3'])
    assert.deepEqual(second.client(ack('pubcomp', 3)), ['settled 3'])
  })

  test(`version ${version}: two stored messages with one identifier wait for each other`, () => {
    const conversation = standard(version)
    conversation.deliverStored(message('a'), 1)
    assert.deepEqual(conversation.deliverStored(message('b'), 65_536), [])
    assert.deepEqual(conversation.deliverStored(message('c'), 65_537), [])
    assert.deepEqual(conversation.client(ack('puback', 1)), [
      'settled 1',
      'send PUBLISH b q1 id 1',
      'send PUBLISH c q1 id 2',
    ])
  })

  test(`version ${version}: a subscription for QoS 2 is granted it, and gets the lower QoS [MQTT-3.8.4-8]`, () => {
    const [first = subscribe('a').subscriptions[0]!] = subscribe('a').subscriptions
    const packet = { ...subscribe('a'), subscriptions: [{ ...first, qos: 2 as const }] }
    assert.deepEqual(standard(version).client(packet), ['subscribe a q2', 'send SUBACK 1 [0x02]', 'replay a'])
  })
}

test('an expired message that was sent once is completed, and so is its release [MQTT-4.3.3-7] [MQTT-4.3.3-13]', () => {
  const conversation = standard(5)
  const expired = message('a', { qos: 2, properties: { messageExpiryInterval: 1 } })
  conversation.wait(5)
  assert.deepEqual(conversation.deliverStored(expired, 1, { qos: 2 }), ['drop a: expired', 'settled 1'])
  assert.deepEqual(conversation.deliverStored(expired, 2, { qos: 2, isRepeated: true }), [
    'send PUBLISH a q2 id 2 again',
  ])
})

test('identifiers that nobody knows are answered as such, in 5.0 with 0x92', () => {
  assert.deepEqual(standard(5).client(ack('pubrel', 9)), ['send PUBCOMP 9 0x92'])
  assert.deepEqual(standard(5).client(ack('pubrec', 9)), ['send PUBREL 9 0x92'])
  // A session that lasts has seen it before: its PUBCOMP was lost.
  assert.deepEqual(standard(5, { resumedReceived: [] }).client(ack('pubrel', 9)), ['send PUBCOMP 9'])
  assert.deepEqual(standard(4).client(ack('pubrel', 9)), ['send PUBCOMP 9'])
  assert.deepEqual(standard(4).client(ack('pubrec', 9)), ['send PUBREL 9'])
})

test('a PUBREC that says no ends the message [MQTT-4.4.0-2] [MQTT-4.8.2-6]', () => {
  const conversation = standard(5)
  conversation.deliverStored(message('a'), 1, { qos: 2 })
  assert.deepEqual(conversation.client(ack('pubrec', 1, 0x97)), ['settled 1'])
  assert.deepEqual(conversation.client(ack('pubcomp', 1)), [])
})

test('a QoS 2 message that is refused is answered with its reason, and its identifier is free [MQTT-4.3.3-9]', () => {
  const conversation = standard(5)
  assert.deepEqual(conversation.client(exactly('forbidden', 1)), [
    'refuse denied publish forbidden',
    'send PUBREC 1 0x87',
  ])
  assert.deepEqual(conversation.client(exactly('a', 1)), ['publish a q2 for 1'])
  assert.deepEqual(conversation.input({ on: 'publish-failed', packetId: 1 }), ['send PUBREC 1 0x80'])
  assert.deepEqual(conversation.client(exactly('a', 1)), ['publish a q2 for 1'])
})

test('an identifier in use is refused, whatever the QoS [MQTT-2.2.1-3]', () => {
  const conversation = standard(5)
  conversation.client(exactly('a', 1))
  assert.deepEqual(conversation.client(exactly('a', 1)), ['send PUBREC 1 0x91', 'refuse MQTT_PACKET_ID_IN_USE'])
  conversation.input({ on: 'acknowledged', packetId: 1 })
  assert.deepEqual(conversation.client(publish('a', 1)), ['send PUBACK 1 0x91', 'refuse MQTT_PACKET_ID_IN_USE'])
})

test('messages that wait for their PUBREL count for Receive Maximum [MQTT-3.3.4-7], and do not hold back 3.1.1', () => {
  const profile = { ...STANDARD_PROFILE, inboundInflightMax: 2 }
  const five = standard(5, { profile })
  const four = standard(4, { profile })
  for (const conversation of [five, four]) {
    for (const packetId of [1, 2]) {
      conversation.client(exactly('a', packetId))
      conversation.input({ on: 'acknowledged', packetId })
    }
  }
  assert.deepEqual(five.client(exactly('a', 3)), ['send DISCONNECT 0x93', 'close MQTT_RECEIVE_MAXIMUM_EXCEEDED'])
  assert.deepEqual(four.client(exactly('a', 3)), ['publish a q2 for 3'])
})

test('profile aws: QoS 2 and its packets end the connection', () => {
  const aws = (): Conversation => new Conversation(5)
  assert.deepEqual(aws().client(exactly('a', 1)), ['send DISCONNECT 0x9b', 'close MQTT_QOS_UNSUPPORTED'])
  for (const type of ['pubrec', 'pubrel', 'pubcomp'] as const) {
    assert.deepEqual(aws().client(ack(type, 1)), ['send DISCONNECT 0x82', 'close MQTT_PACKET_UNEXPECTED'])
  }
})

test('subscription identifiers are granted and come with the messages [MQTT-3.3.4-3]', () => {
  const packet = { ...subscribe('a'), properties: { subscriptionIdentifiers: [9] } }
  assert.deepEqual(standard(5).client(packet), ['subscribe a q1 id 9', 'send SUBACK 1 [0x01]', 'replay a'])
})

test('topics that begin with another $ than ours are like any topic in profile standard, and not at AWS', () => {
  assert.deepEqual(standard(4).client(publish('$line/7')), ['publish $line/7 q0'])
  assert.deepEqual(new Conversation(4).client(publish('$line/7')), ['close MQTT_TOPIC_RESERVED'])
  for (const topic of ['$SYS/broker', '$aws/things/t/shadow/update', '$share/g/t']) {
    assert.deepEqual(standard(4).client(publish(topic)), ['close MQTT_TOPIC_RESERVED'])
  }
})

function standard(version: 4 | 5, differences: Differences & { readonly profile?: BrokerProfile } = {}): Conversation {
  return new Conversation(version, { profile: STANDARD_PROFILE, ...differences })
}

function exactly(topic: string, packetId: number, changes = {}): ReturnType<typeof publish> {
  return publish(topic, packetId, { qos: 2, ...changes })
}

function ack(type: Acknowledgement['type'], packetId: number, reasonCode = 0): Acknowledgement {
  return { type, packetId, reasonCode, properties: NO_PROPERTIES }
}
