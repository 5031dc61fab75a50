import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Publish } from './packet.ts'
import { AWS_PROFILE } from './profile.ts'
import type { Properties } from './properties.ts'
import { Conversation, DENIAL, POLICY, publish } from './testing/conversation.ts'

test('QoS 0 is published, and nothing is answered', () => {
  assert.deepEqual(new Conversation(4).client(publish('a/b')), ['publish a/b q0'])
})

test('QoS 1 is acknowledged when the bus has taken it', () => {
  const conversation = new Conversation(4)
  assert.deepEqual(conversation.client(publish('a/b', 7)), ['publish a/b q1 for 7'])
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 7 }), ['send PUBACK 7'])
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 7 }), [])
})

test('PUBACKs are sent in the order of the messages, whatever the order in which the bus takes them', () => {
  const conversation = new Conversation(5)
  for (const id of [3, 1, 2]) conversation.client(publish('a', id))
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 2 }), [])
  assert.deepEqual(conversation.input({ on: 'publish-failed', packetId: 1 }), [])
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 3 }), [
    'send PUBACK 3',
    'send PUBACK 1 0x80',
    'send PUBACK 2',
  ])
})

test('a message carries its properties, its publisher and its time', () => {
  const properties: Properties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 60,
    contentType: 'text/plain',
    responseTopic: 'answers',
    correlationData: Uint8Array.of(9),
    userProperties: [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ],
  }
  const conversation = new Conversation(5)
  const packet = publish('a', undefined, { properties: { ...properties, topicAlias: 1 } })
  const [effect] = conversation.session.receive({ on: 'packet', packet }, conversation.now)
  assert.ok(effect?.do === 'publish')
  const { message } = effect
  assert.deepEqual([message.properties, message.publisher, message.receivedAt], [properties, 'this', conversation.now])
})

test('message expiry is brought into the range of 1 s to 7 days', () => {
  for (const [sent, kept] of [
    [0, 1],
    [604_800, 604_800],
    [604_801, 604_800],
  ]) {
    const conversation = new Conversation(5)
    const packet = publish('a', undefined, { properties: { messageExpiryInterval: sent! } })
    const [effect] = conversation.session.receive({ on: 'packet', packet }, conversation.now)
    assert.equal(effect?.do === 'publish' && effect.message.properties.messageExpiryInterval, kept)
  }
})

/** A message that is refused; QoS 0 and QoS 1 differ in 5.0, where QoS 1 can be refused alone. */
const REFUSED: readonly (readonly [
  why: string,
  topic: string,
  changes: Partial<Publish>,
  code: string,
  cause: string,
])[] = [
  ['the policy denies it', 'forbidden/a', {}, '0x87', 'denied publish forbidden/a'],
  ['257 bytes of topic', 'a'.repeat(257), {}, '0x90', 'MQTT_TOPIC_TOO_LONG'],
  ['129 characters of two bytes', 'é'.repeat(129), {}, '0x90', 'MQTT_TOPIC_TOO_LONG'],
  ['8 slashes', 'a/b/c/d/e/f/g/h/i', {}, '0x90', 'MQTT_TOPIC_TOO_DEEP'],
  ['131 073 bytes of payload', 'a', { payload: new Uint8Array(131_073) }, '0x97', 'MQTT_PAYLOAD_TOO_LARGE'],
  [
    '257 bytes of content type',
    'a',
    { properties: { contentType: 'x'.repeat(257) } },
    '0x97',
    'MQTT_PROPERTY_TOO_LARGE',
  ],
  [
    '8193 bytes of correlation data',
    'a',
    { properties: { correlationData: new Uint8Array(8193) } },
    '0x97',
    'MQTT_PROPERTY_TOO_LARGE',
  ],
  [
    '8193 bytes of user properties',
    'a',
    { properties: { userProperties: [['k', 'v'.repeat(8192)]] } },
    '0x97',
    'MQTT_PROPERTY_TOO_LARGE',
  ],
]

for (const [why, topic, changes, code, cause] of REFUSED) {
  test(`refuses a message because of ${why}`, () => {
    for (const packetId of [undefined, 7]) {
      assert.deepEqual(new Conversation(4).client(publish(topic, packetId, changes)), [`close ${cause}`])
    }
    const ended = [`send DISCONNECT ${code}`, `close ${cause}`]
    assert.deepEqual(new Conversation(5).client(publish(topic, undefined, changes)), ended)
    const stays = new Conversation(5)
    assert.deepEqual(stays.client(publish(topic, 7, changes)), [`refuse ${cause}`, `send PUBACK 7 ${code}`])
    assert.deepEqual(stays.client(publish('a')), ['publish a q0'])
  })
}

test('what is refused waits for its turn to be told so', () => {
  const conversation = new Conversation(5)
  conversation.client(publish('a', 1))
  assert.deepEqual(conversation.client(publish('forbidden', 2)), ['refuse denied publish forbidden'])
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 1 }), ['send PUBACK 1', 'send PUBACK 2 0x87'])
})

test('the cause of a refusal carries the denial of the policy [MQTT3-3.3.5-2]', () => {
  const conversation = new Conversation(5)
  const effects = conversation.session.receive({ on: 'packet', packet: publish('forbidden', 1) }, conversation.now)
  const [effect] = effects
  assert.ok(effect?.do === 'refuse' && effect.cause.because === 'denied' && effect.cause.denial === DENIAL)
})

/** A message that ends the session, whatever its QoS. */
const ENDING: readonly (readonly [why: string, packet: Publish, code: string, cause: string])[] = [
  ['QoS 2', publish('a', 1, { qos: 2 }), '0x9b', 'MQTT_QOS_UNSUPPORTED'],
  ['a topic of no service', publish('$aws/certificates/create', 1), '0x90', 'MQTT_TOPIC_RESERVED'],
  ['a service that does not run here', publish('$aws/things/t/shadow/get', 1), '0x90', 'MQTT_TOPIC_RESERVED'],
  ['$SYS', publish('$SYS/uptime'), '0x90', 'MQTT_TOPIC_RESERVED'],
  [
    'a subscription identifier',
    publish('a', 1, { properties: { subscriptionIdentifiers: [1] } }),
    '0x82',
    'MQTT_SUBSCRIPTION_IDENTIFIER_IN_PUBLISH',
  ],
  ['an alias beyond 8', publish('a', 1, { properties: { topicAlias: 9 } }), '0x94', 'MQTT_TOPIC_ALIAS_INVALID'],
  ['an alias never set', publish('', 1, { properties: { topicAlias: 8 } }), '0x82', 'MQTT_TOPIC_ALIAS_UNKNOWN'],
]

for (const [why, packet, code, cause] of ENDING) {
  test(`ends the session because of ${why}`, () => {
    assert.deepEqual(new Conversation(4).client(packet), [`close ${cause}`])
    const conversation = new Conversation(5)
    assert.deepEqual(conversation.client(packet), [`send DISCONNECT ${code}`, `close ${cause}`])
    assert.deepEqual(conversation.client(publish('a')), [])
  })
}

test('the largest of everything passes', () => {
  const conversation = new Conversation(5)
  const topic = `${'a/'.repeat(7)}${'b'.repeat(242)}`
  const properties = {
    contentType: 'x'.repeat(256),
    correlationData: new Uint8Array(8192),
    userProperties: [['k', 'v'.repeat(8191)]] as const,
  }
  const packet = publish(topic, undefined, { payload: new Uint8Array(131_072), properties })
  assert.deepEqual(conversation.client(packet), [`publish ${topic} q0`])
})

test('a service that runs here is published to; the levels of Basic Ingest do not count', () => {
  const conversation = new Conversation(4, { services: new Set(['shadow', 'rules']) })
  for (const topic of ['$aws/things/t/shadow/name/s/update', '$aws/rules/r/1/2/3/4/5/6/7/8']) {
    assert.deepEqual(conversation.client(publish(topic)), [`publish ${topic} q0`])
  }
  assert.deepEqual(conversation.client(publish('$aws/rules/r/1/2/3/4/5/6/7/8/9')), ['close MQTT_TOPIC_TOO_DEEP'])
})

test('an alias stands for the topic it was last set to', () => {
  const conversation = new Conversation(5)
  const alias = { properties: { topicAlias: 8 } }
  conversation.client(publish('a', undefined, alias))
  assert.deepEqual(conversation.client(publish('', undefined, alias)), ['publish a q0'])
  conversation.client(publish('b', undefined, alias))
  assert.deepEqual(conversation.client(publish('', undefined, alias)), ['publish b q0'])
})

test('an alias is no way around the policy', () => {
  let denies = false
  const policy = { ...POLICY, publish: () => (denies ? DENIAL : undefined) }
  const conversation = new Conversation(5, { policy })
  const alias = { properties: { topicAlias: 1 } }
  conversation.client(publish('a', undefined, alias))
  denies = true
  assert.deepEqual(conversation.client(publish('', undefined, alias)), [
    'send DISCONNECT 0x87',
    'close denied publish a',
  ])
})

test('5.0: more messages than Receive Maximum end the session', () => {
  const conversation = new Conversation(5)
  for (let id = 1; id <= 100; id += 1)
    assert.deepEqual(conversation.client(publish('a', id)), [`publish a q1 for ${id}`])
  const ended = ['send DISCONNECT 0x93', 'close MQTT_RECEIVE_MAXIMUM_EXCEEDED']
  assert.deepEqual(conversation.client(publish('a', 101)), ended)
})

test('3.1.1: a client that is ahead of the bus is not read from until the bus catches up', () => {
  const conversation = new Conversation(4, { profile: { ...AWS_PROFILE, inboundInflightMax: 2 } })
  assert.deepEqual(conversation.client(publish('a', 1)), ['publish a q1 for 1'])
  assert.deepEqual(conversation.client(publish('a', 2)), ['pause', 'publish a q1 for 2'])
  assert.deepEqual(conversation.client(publish('a', 3)), ['publish a q1 for 3'])
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 1 }), ['send PUBACK 1'])
  assert.deepEqual(conversation.input({ on: 'acknowledged', packetId: 2 }), ['send PUBACK 2', 'resume'])
})

test('a packet identifier that is in use', () => {
  const cause = 'MQTT_PACKET_ID_IN_USE'
  const patient = new Conversation(4)
  patient.client(publish('a', 1))
  assert.deepEqual(patient.client(publish('a', 1, { dup: true })), [])
  assert.deepEqual(patient.input({ on: 'acknowledged', packetId: 1 }), ['send PUBACK 1'])
  assert.deepEqual(patient.client(publish('a', 1, { dup: true })), ['publish a q1 for 1'])
  assert.deepEqual(patient.client(publish('b', 1)), [`close ${cause}`])
  const modern = new Conversation(5)
  modern.client(publish('a', 1))
  assert.deepEqual(modern.client(publish('b', 1)), ['send PUBACK 1 0x91', `refuse ${cause}`])
})

test('a bus that fails: 3.1.1 clients are let go to try again, 5.0 clients are told [MQTT3-4.8.0-2]', () => {
  const old = new Conversation(4)
  old.client(publish('a', 1))
  assert.deepEqual(old.input({ on: 'publish-failed', packetId: 1 }), ['close MQTT_BUS_UNAVAILABLE'])
  const modern = new Conversation(5)
  modern.client(publish('a', 1))
  assert.deepEqual(modern.input({ on: 'publish-failed', packetId: 1 }), ['send PUBACK 1 0x80'])
})
