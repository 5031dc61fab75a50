import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SubscriptionRequest, Unsubscribe } from './packet.ts'
import { AWS_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import type { SessionOptions } from './session.ts'
import { Conversation, subscribe } from './testing/conversation.ts'

test('filters are subscribed to, one after the other, before the SUBACK is sent', () => {
  assert.deepEqual(new Conversation(4).client(subscribe('a/b', '+/#')), [
    'subscribe a/b q1',
    'subscribe +/# q1',
    'send SUBACK 1 [0x01 0x01]',
    'replay a/b',
  ])
})

test('QoS is granted as wished, and 2 as 1 [MQTT-3.2.2-10]', () => {
  const subscriptions = ([0, 1, 2] as const).map((qos) => request(`q${qos}`, { qos }))
  const effects = new Conversation(5).client({ ...subscribe(), subscriptions })
  assert.deepEqual(effects.slice(0, 3), ['subscribe q0 q0', 'subscribe q1 q1', 'subscribe q2 q1'])
  assert.equal(effects[3], 'send SUBACK 1 [0x00 0x01 0x01]')
})

test('No Local is passed on', () => {
  const effects = new Conversation(5).client({ ...subscribe(), subscriptions: [request('a', { noLocal: true })] })
  assert.equal(effects[0], 'subscribe a q1 not its own')
})

/** A filter that is refused among others; `ends` where a 3.1.1 client is cut off. */
const REFUSED: readonly (readonly [why: string, filter: string, code: string, cause: string, ends: boolean])[] = [
  ['the policy denies it', 'forbidden/#', '0x87', 'denied subscribe forbidden/#', true],
  ['257 bytes', 'a'.repeat(257), '0x8f', 'MQTT_FILTER_TOO_LONG', false],
  ['8 slashes', '+/+/+/+/+/+/+/+/#', '0x8f', 'MQTT_FILTER_TOO_DEEP', false],
  ['a share without a name', '$share//a', '0x8f', 'MQTT_TOPIC_FILTER_INVALID', false],
  ['a share without a filter', '$share/group', '0x8f', 'MQTT_TOPIC_FILTER_INVALID', false],
  ['a share without a filter behind the slash', '$share/group/', '0x8f', 'MQTT_TOPIC_FILTER_INVALID', false],
  ['a wildcard as the name of a share', '$share/+/a', '0x8f', 'MQTT_TOPIC_FILTER_INVALID', false],
  ['129 bytes of share name', `$share/${'g'.repeat(129)}/a`, '0x8f', 'MQTT_SHARE_NAME_TOO_LONG', false],
  ['257 bytes behind the share', `$share/g/${'a'.repeat(257)}`, '0x8f', 'MQTT_FILTER_TOO_LONG', false],
  ['a share of a reserved topic', '$share/g/$aws/events/#', '0x8f', 'MQTT_FILTER_RESERVED', true],
  ['a reserved topic', '$aws/things/t/shadow/get/+', '0x8f', 'MQTT_FILTER_RESERVED', true],
  ['$SYS', '$SYS/#', '0x8f', 'MQTT_FILTER_RESERVED', true],
]

for (const [why, filter, code, cause, ends] of REFUSED) {
  test(`refuses a subscription because of ${why}`, () => {
    const packet = subscribe('a', filter, 'b')
    const refused = (answer: string): string[] => [
      `refuse ${cause}`,
      'subscribe a q1',
      'subscribe b q1',
      `send SUBACK 1 [0x01 ${answer} 0x01]`,
      'replay a',
      'replay b',
    ]
    assert.deepEqual(new Conversation(5).client(packet), refused(code))
    assert.deepEqual(new Conversation(4, { deniedSubscribe: 'suback' }).client(packet), refused('0x80'))
    assert.deepEqual(new Conversation(4).client(packet), ends ? [`close ${cause}`] : refused('0x80'))
  })
}

test('a shared subscription is granted with its whole filter; its name does not count in the limits of filters', () => {
  for (const filter of ['$share/group/a', '$share/g/+/+/+/+/+/+/+/#', `$share/${'g'.repeat(128)}/${'a'.repeat(256)}`]) {
    assert.deepEqual(new Conversation(4).client(subscribe(filter)), [`subscribe ${filter} q1`, 'send SUBACK 1 [0x01]'])
  }
})

test('a shared subscription that is full is refused to new members only', () => {
  let isFull = false
  const conversation = new Conversation(5, { mayShare: () => !isFull })
  conversation.client(subscribe('$share/g/a'))
  isFull = true
  assert.equal(conversation.client(subscribe('$share/g/a')).at(-1), 'send SUBACK 1 [0x01]')
  assert.deepEqual(conversation.client(subscribe('$share/g/b')), ['refuse MQTT_SHARE_FULL', 'send SUBACK 1 [0x97]'])
})

test('topics of a service that runs here can be subscribed to, also together with others', () => {
  const services: SessionOptions['services'] = new Set(['jobs'])
  for (const filter of ['$aws/things/t/jobs/+/get/+', '$aws/things/t/#', '$aws/#']) {
    assert.equal(new Conversation(5, { services }).client(subscribe(filter))[0], `subscribe ${filter} q1`)
  }
})

test('more filters than a packet may name are all refused', () => {
  const filters = Array.from({ length: 9 }, (_, index) => `f${index}`)
  const conversation = new Conversation(5)
  const effects = conversation.client(subscribe(...filters))
  assert.deepEqual(effects, ['refuse MQTT_FILTERS_TOO_MANY', `send SUBACK 1 [${filters.map(() => '0x97').join(' ')}]`])
  assert.equal(
    subackOf(conversation.client(subscribe(...filters.slice(1)))),
    `send SUBACK 1 [${'0x01 '.repeat(8).trim()}]`,
  )
})

test('subscriptions are counted once each, and what was ended counts no more', () => {
  const conversation = new Conversation(5, { profile: { ...AWS_PROFILE, subscriptionsMax: 3 } })
  assert.equal(subackOf(conversation.client(subscribe('a', 'b', 'a', 'b'))), 'send SUBACK 1 [0x01 0x01 0x01 0x01]')
  assert.equal(subackOf(conversation.client(subscribe('c', 'c', 'd', 'a'))), 'send SUBACK 1 [0x01 0x01 0x97 0x01]')
  conversation.client(unsubscribe('b'))
  assert.equal(subackOf(conversation.client(subscribe('d', 'e'))), 'send SUBACK 1 [0x01 0x97]')
})

test('a subscription identifier ends the session', () => {
  const packet = { ...subscribe('a'), properties: { subscriptionIdentifiers: [1] } }
  const cause = 'MQTT_SUBSCRIPTION_IDENTIFIER_UNSUPPORTED'
  assert.deepEqual(new Conversation(5).client(packet), ['send DISCONNECT 0xa1', `close ${cause}`])
})

test('an UNSUBSCRIBE ends what there is and tells what there was not', () => {
  for (const [version, answer] of [
    [4, 'send UNSUBACK 2 []'],
    [5, 'send UNSUBACK 2 [0x00 0x11]'],
  ] as const) {
    const conversation = new Conversation(version)
    conversation.client(subscribe('a/+'))
    assert.deepEqual(conversation.client(unsubscribe('a/+', 'a/b')), ['unsubscribe a/+', answer])
  }
})

test('an answer that the client has no room for ends the session', () => {
  const profile = { ...AWS_PROFILE, clientPacketBytesMin: 1 }
  const conversation = new Conversation(5, { profile, connect: { properties: { maximumPacketSize: 8 } } })
  assert.deepEqual(conversation.client(subscribe('a', 'b', 'c', 'd')).slice(-2), [
    'send DISCONNECT 0x82',
    'close MQTT_MAXIMUM_PACKET_SIZE_TOO_SMALL',
  ])
})

function subackOf(effects: readonly string[]): string | undefined {
  return effects.find((effect) => effect.startsWith('send SUBACK'))
}

function request(filter: string, changes: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, ...changes }
}

function unsubscribe(...filters: readonly string[]): Unsubscribe {
  return { type: 'unsubscribe', packetId: 2, filters, properties: NO_PROPERTIES }
}
