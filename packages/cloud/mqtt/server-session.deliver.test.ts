import assert from 'node:assert/strict'
import { test } from 'node:test'
import { later, seconds } from '@birthmark/foundation/kernel'
import { Delivery } from './message.ts'
import type { Acknowledgement } from './packet.ts'
import { AWS_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import { Conversation, message, START } from './testing/conversation.ts'
import { decodeOne } from './testing/decode.ts'

test('a message is sent with the quality that the bus says', () => {
  const conversation = new Conversation(4)
  assert.deepEqual(conversation.deliver(message('a'), 0), ['send PUBLISH a q0'])
  assert.deepEqual(conversation.deliver(message('a'), 1), ['send PUBLISH a q1 id 1'])
  assert.deepEqual(conversation.deliver(message('a'), 1), ['send PUBLISH a q1 id 2'])
})

test('a stored message is settled by its PUBACK, or at once when it is not for this client', () => {
  const conversation = new Conversation(5, { connect: { properties: { maximumPacketSize: 512 } } })
  assert.deepEqual(conversation.deliverStored(message('a'), 1), ['send PUBLISH a q1 id 1'])
  assert.deepEqual(conversation.deliverStored(message('forbidden'), 2), ['settled 2'])
  const properties = { messageExpiryInterval: 1 }
  conversation.wait(2)
  assert.deepEqual(conversation.deliverStored(message('a', { properties }), 3), ['drop a: expired', 'settled 3'])
  const payload = new Uint8Array(512)
  assert.deepEqual(conversation.deliverStored(message('a', { payload }), 4), [
    'drop a: larger-than-client-accepts',
    'settled 4',
  ])
  const puback = { type: 'puback', packetId: 1, reasonCode: 0, properties: NO_PROPERTIES } as const
  assert.deepEqual(conversation.client(puback), ['settled 1'])
  assert.deepEqual(conversation.client(puback), [])
})

test('a message that the policy does not let in just does not come', () => {
  assert.deepEqual(new Conversation(5).deliver(message('forbidden')), [])
})

test('QoS 0 is encoded once for all receivers of a version', () => {
  const delivery = new Delivery(message('a', { qos: 0 }))
  const [one, other] = [4, 4, 5].map((version) => {
    const conversation = new Conversation(version === 4 ? 4 : 5)
    const [effect] = conversation.session.receive({ on: 'deliver', delivery, qos: 0 }, START)
    assert.ok(effect?.do === 'send')
    return effect.bytes
  })
  assert.equal(one, other)
})

test('properties reach clients of 5.0, in their order; clients of 3.1.1 get the rest', () => {
  const properties = {
    payloadFormatIndicator: 1,
    contentType: 'text/plain',
    responseTopic: 'r',
    correlationData: Uint8Array.of(1),
    userProperties: [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ],
  } as const
  for (const qos of [0, 1] as const) {
    const delivery = new Delivery(message('a', { properties }))
    for (const [version, expected] of [
      [4, {}],
      [5, properties],
    ] as const) {
      const [effect] = new Conversation(version).session.receive({ on: 'deliver', delivery, qos }, START)
      const packet = effect?.do === 'send' ? decodeOne(version, effect.bytes) : undefined
      assert.deepEqual(packet?.type === 'publish' && packet.properties, expected)
    }
  }
})

test('the window is the lower of the Receive Maximum and 100, and it moves with each PUBACK', () => {
  for (const [receiveMaximum, window] of [
    [undefined, 100],
    [3, 3],
    [500, 100],
  ] as const) {
    const properties = receiveMaximum === undefined ? {} : { receiveMaximum }
    const conversation = new Conversation(5, { connect: { properties } })
    const sent = Array.from({ length: window + 2 }, () => conversation.deliver(message('a')).length)
    assert.equal(
      sent.reduce((sum, count) => sum + count, 0),
      window,
    )
    assert.deepEqual(conversation.client(puback(2)), [`send PUBLISH a q1 id ${window + 1}`])
    assert.deepEqual(conversation.client(puback(2)), [])
  }
})

test('QoS 0 passes QoS 1 messages that wait', () => {
  const conversation = new Conversation(5, { connect: { properties: { receiveMaximum: 1 } } })
  conversation.deliver(message('a'))
  assert.deepEqual(conversation.deliver(message('b')), [])
  assert.deepEqual(conversation.deliver(message('c'), 0), ['send PUBLISH c q0'])
  assert.deepEqual(conversation.client(puback(1)), ['send PUBLISH b q1 id 2'])
})

test('while the socket takes no more, QoS 0 is dropped and QoS 1 waits in order', () => {
  const conversation = new Conversation(4)
  conversation.input({ on: 'congested' })
  assert.deepEqual(conversation.deliver(message('a'), 0), ['drop a: congested'])
  assert.deepEqual(conversation.deliver(message('b')), [])
  assert.deepEqual(conversation.deliver(message('c')), [])
  assert.deepEqual(conversation.input({ on: 'drained' }), ['send PUBLISH b q1 id 1', 'send PUBLISH c q1 id 2'])
})

test('a queue that is full by count drops the newest', () => {
  const conversation = new Conversation(4, { profile: { ...AWS_PROFILE, outboundQueueCountMax: 2 } })
  conversation.input({ on: 'congested' })
  for (const topic of ['a', 'b']) assert.deepEqual(conversation.deliver(message(topic)), [])
  assert.deepEqual(conversation.deliver(message('c')), ['drop c: queue-full'])
  assert.equal(conversation.input({ on: 'drained' }).length, 2)
})

test('a queue that is full by bytes drops what does not fit, and has room again once it is drained', () => {
  const conversation = new Conversation(4, { profile: { ...AWS_PROFILE, outboundQueueBytesMax: 25 } })
  const payload = new Uint8Array(10)
  for (let round = 0; round < 2; round += 1) {
    conversation.input({ on: 'congested' })
    for (const topic of ['a', 'b']) assert.deepEqual(conversation.deliver(message(topic, { payload })), [])
    assert.deepEqual(conversation.deliver(message('c', { payload })), ['drop c: queue-full'])
    assert.equal(conversation.input({ on: 'drained' }).length, 2)
  }
})

test('a message that waits is a copy', () => {
  const conversation = new Conversation(5)
  const payload = Uint8Array.of(1, 2, 3)
  const correlationData = Uint8Array.of(4)
  conversation.input({ on: 'congested' })
  conversation.deliver(message('a', { payload, properties: { correlationData } }))
  payload.fill(0)
  correlationData.fill(0)
  const [effect] = conversation.session.receive({ on: 'drained' }, START)
  const packet = effect?.do === 'send' ? decodeOne(5, effect.bytes) : undefined
  assert.ok(packet?.type === 'publish')
  assert.deepEqual([...packet.payload, ...(packet.properties.correlationData ?? [])], [1, 2, 3, 4])
})

test('a message loses the time that it waited, and then its life', () => {
  const expiring = message('a', { properties: { messageExpiryInterval: 10 } })
  for (const qos of [0, 1] as const) {
    for (const [waited, left] of [
      [0, 10],
      [9, 1],
      [10, undefined],
    ] as const) {
      const { session } = new Conversation(5)
      const now = later(START, seconds(waited))
      const [effect] = session.receive({ on: 'deliver', delivery: new Delivery(expiring), qos }, now)
      const packet = effect?.do === 'send' ? decodeOne(5, effect.bytes) : undefined
      assert.equal(packet?.type === 'publish' ? packet.properties.messageExpiryInterval : undefined, left)
      if (left === undefined) assert.deepEqual(effect, { do: 'drop', message: expiring, why: 'expired' })
    }
  }
})

test('a message that is larger than the client accepts is dropped, and no PUBACK is waited for', () => {
  const conversation = new Conversation(5, { connect: { properties: { maximumPacketSize: 512 } } })
  const large = message('a', { payload: new Uint8Array(508) })
  for (const qos of [0, 1] as const) {
    assert.deepEqual(conversation.deliver(large, qos), ['drop a: larger-than-client-accepts'])
  }
  // Fixed header 3, topic 3, packet identifier 2, no properties 1.
  assert.deepEqual(conversation.deliver(message('a', { payload: new Uint8Array(503) })), ['send PUBLISH a q1 id 2'])
})

test('packet identifiers go around, past those in use', () => {
  const conversation = new Conversation(4)
  conversation.deliver(message('a'))
  for (let id = 2; id <= 65_535; id += 1) {
    conversation.deliver(message('a'))
    conversation.client(puback(id))
  }
  assert.deepEqual(conversation.deliver(message('a')), ['send PUBLISH a q1 id 2'])
})

function puback(packetId: number): Acknowledgement {
  return { type: 'puback', packetId, reasonCode: 0, properties: NO_PROPERTIES }
}
