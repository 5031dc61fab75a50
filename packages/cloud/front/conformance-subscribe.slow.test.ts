import assert from 'node:assert/strict'
import { NO_PROPERTIES, type SubscriptionRequest } from '@birthmark/cloud/mqtt'
import { openBench, proves } from './testing/proves.ts'
import { RawClient } from './testing/raw-client.ts'

/** The requirements of both standards on subscriptions, topics, and how a connection ends, on a whole server. */
const { port } = await openBench()

function inside(version: 4 | 5, changes: Parameters<typeof RawClient.in>[2] = {}): Promise<RawClient> {
  return RawClient.in(port, version, changes)
}

function wish(filter: string, changes: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, ...changes }
}

async function subscribeAll(
  client: RawClient,
  subscriptions: readonly SubscriptionRequest[],
): Promise<readonly number[]> {
  client.send({ type: 'subscribe', packetId: 9, subscriptions, properties: NO_PROPERTIES })
  const { packetId, reasonCodes } = await client.expect('suback')
  assert.equal(packetId, 9)
  return reasonCodes
}

async function unsubscribe(client: RawClient, ...filters: readonly string[]): Promise<readonly number[]> {
  client.send({ type: 'unsubscribe', packetId: 8, filters, properties: NO_PROPERTIES })
  const { packetId, reasonCodes } = await client.expect('unsuback')
  assert.equal(packetId, 8)
  return reasonCodes
}

/** What ends a connection, in hex by version, and the reason that 5.0 is told. */
const ENDS: readonly (readonly [numbers: string, what: string, v4: string, v5: string, code: number])[] = [
  [
    'MQTT-3.8.1-1 MQTT-2.1.3-1 MQTT3-3.8.1-1 MQTT3-2.2.2-1 MQTT3-2.2.2-2',
    'other flags of SUBSCRIBE',
    '80 06 0001 0001 61 00',
    '80 07 0001 00 0001 61 00',
    0x81,
  ],
  [
    'MQTT-3.8.3-1 MQTT3-3.8.3-1',
    'a filter that is no UTF-8',
    '82 06 0001 0001 ff 00',
    '82 07 0001 00 0001 ff 00',
    0x81,
  ],
  ['MQTT-3.8.3-2 MQTT3-3.8.3-3', 'a SUBSCRIBE without a filter', '82 02 0001', '82 03 0001 00', 0x82],
  [
    'MQTT-3.8.3-5 MQTT3-3.8.3-4',
    'reserved bits of a filter’s options',
    '82 06 0001 0001 61 04',
    '82 07 0001 00 0001 61 c0',
    0x81,
  ],
  [
    'MQTT-3.8.3-4',
    'No Local of a shared subscription',
    '',
    '82 10 0001 00 000a 24 73 68 61 72 65 2f 67 2f 61 05',
    0x82,
  ],
  ['MQTT-3.10.1-1 MQTT3-3.10.1-1', 'other flags of UNSUBSCRIBE', 'a0 05 0001 0001 61', 'a0 06 0001 00 0001 61', 0x81],
  [
    'MQTT-3.10.3-1 MQTT3-3.10.3-1',
    'an UNSUBSCRIBE of what is no UTF-8',
    'a2 05 0001 0001 ff',
    'a2 06 0001 00 0001 ff',
    0x81,
  ],
  ['MQTT-3.10.3-2 MQTT3-3.10.3-2', 'an UNSUBSCRIBE without a filter', 'a2 02 0001', 'a2 03 0001 00', 0x82],
  ['MQTT-3.6.1-1', 'other flags of PUBREL', '60 02 0001', '60 02 0001', 0x81],
  ['MQTT-3.14.1-1 MQTT3-3.14.1-1', 'other flags of DISCONNECT', 'e1 00', 'e1 00', 0x81],
  ['MQTT-3.14.2-1', 'a reason code that DISCONNECT has not', '', 'e0 01 03', 0x82],
  ['MQTT-3.15.1-1', 'other flags of AUTH', '', 'f1 00', 0x81],
  ['MQTT-3.15.2-1', 'a reason code that AUTH has not', '', 'f0 02 03 00', 0x82],
  ['MQTT-1.5.5-1', 'a length with more bytes than it needs', '', '30 85 00 0001 61 00 01', 0x81],
  ['MQTT-2.2.1-3 MQTT3-2.3.1-1', 'a packet identifier of 0', '82 06 0000 0001 61 00', '82 07 0000 00 0001 61 00', 0x82],
  [
    'MQTT-4.7.1-1 MQTT3-4.7.1-2',
    'a # that is not last',
    '82 08 0001 0003 232f61 00',
    '82 09 0001 00 0003 232f61 00',
    0x8f,
  ],
  [
    'MQTT-4.7.1-2 MQTT3-4.7.1-3',
    'a + that is a part of a level',
    '82 07 0001 0002 612b 00',
    '82 08 0001 00 0002 612b 00',
    0x8f,
  ],
]

for (const [numbers, what, v4, v5, code] of ENDS) {
  proves(numbers, `${what} ends the connection`, async (version) => {
    const client = await inside(version)
    client.sendHex(version === 5 ? v5 : v4)
    const ended = await client.ended()
    if (version === 4) assert.equal(ended, undefined)
    else assert.ok(ended === code || ended === 0x81 || ended === 0x82, `0x${ended?.toString(16)}`)
  })
}

proves(
  'MQTT-3.8.4-1 MQTT-3.8.4-2 MQTT-3.8.4-5 MQTT-3.8.4-6 MQTT-3.8.4-7 MQTT-3.9.3-1 MQTT-3.9.3-2 MQTT-2.2.1-6 ' +
    'MQTT3-3.8.4-1 MQTT3-3.8.4-2 MQTT3-3.8.4-4 MQTT3-3.8.4-5 MQTT3-3.9.3-1 MQTT3-3.9.3-2 MQTT3-2.3.1-7',
  'one SUBACK answers all filters of a SUBSCRIBE, in their order',
  async (version) => {
    const client = await inside(version)
    const codes = await subscribeAll(client, [wish('a', { qos: 2 }), wish('$SYS/#'), wish('b', { qos: 0 }), wish('c')])
    assert.deepEqual(codes, [2, version === 5 ? 0x8f : 0x80, 0, 1])
  },
)

proves(
  'MQTT-3.8.4-3 MQTT3-3.8.4-3',
  'subscribing again takes the place of the subscription before',
  async (version) => {
    const client = await inside(version)
    await client.subscribe(`replaced/${version}`, { qos: 1 })
    await client.subscribe(`replaced/${version}`, { qos: 0 })
    client.publish(`replaced/${version}`, { qos: 1 })
    const packets = [await client.next(), await client.next()]
    const granted = packets.flatMap((packet) => (packet !== 'closed' && packet.type === 'publish' ? [packet.qos] : []))
    assert.deepEqual(granted, [0])
    await client.silent()
  },
)

proves('MQTT-3.8.3-3', 'No Local keeps a client’s own messages from it', async () => {
  const client = await inside(5)
  await client.subscribe('own', { noLocal: true })
  client.publish('own')
  await client.silent()
  const other = await inside(5)
  other.publish('own')
  await client.expect('publish')
})

proves(
  'MQTT-3.10.4-1 MQTT-3.10.4-2 MQTT-3.10.4-4 MQTT-3.10.4-5 MQTT-3.10.4-6 MQTT-3.11.3-1 MQTT-3.11.3-2 ' +
    'MQTT3-3.10.4-1 MQTT3-3.10.4-2 MQTT3-3.10.4-4 MQTT3-3.10.4-5 MQTT3-3.10.4-6',
  'one UNSUBACK answers all filters; those that are the same to the letter end',
  async (version) => {
    const client = await inside(version)
    await subscribeAll(client, [wish('ends/+'), wish('ends/a')])
    const codes = await unsubscribe(client, 'ends/+', 'ends/b', 'ends/A')
    assert.deepEqual(codes, version === 5 ? [0, 0x11, 0x11] : [])
    client.publish('ends/b')
    await client.silent()
    client.publish('ends/a')
    await client.expect('publish')
    assert.deepEqual(await unsubscribe(client, 'never'), version === 5 ? [0x11] : [])
  },
)

proves('MQTT-3.10.4-3 MQTT3-3.10.4-3', 'what is under way is completed after an UNSUBSCRIBE', async (version) => {
  const client = await inside(version)
  const topic = `completed/${version}`
  await client.subscribe(topic, { qos: 2 })
  const writer = await inside(version)
  writer.publish(topic, { qos: 2 })
  const { packetId = 0 } = await client.expect('publish')
  await unsubscribe(client, topic)
  client.send({ type: 'pubrec', packetId, reasonCode: 0, properties: NO_PROPERTIES })
  assert.equal((await client.expect('pubrel')).packetId, packetId)
})

proves('MQTT-3.12.4-1 MQTT3-3.12.4-1', 'a PINGREQ is answered', async (version) => {
  await (await inside(version)).silent()
})

proves('MQTT-4.7.2-1 MQTT3-4.7.2-1', 'a wildcard does not match a topic that begins with $', async (version) => {
  const client = await inside(version)
  await subscribeAll(client, [wish('#'), wish('+/here')])
  client.publish(`$dollar${version}/here`)
  await client.silent()
  await client.subscribe(`$dollar${version}/+`)
  client.publish(`$dollar${version}/here`)
  assert.equal((await client.expect('publish')).topic, `$dollar${version}/here`)
})

proves('MQTT-4.7.3-3 MQTT3-4.7.3-3', 'topics have up to 65,535 bytes', async (version) => {
  const client = await inside(version)
  const topic = 'é'.repeat(32_767)
  await client.subscribe(topic)
  client.publish(topic)
  assert.equal((await client.expect('publish')).topic, topic)
})

proves('MQTT-4.8.2-1 MQTT-4.8.2-2', 'a share without a name or a filter is none', async () => {
  for (const filter of ['$share//a', '$share/g', '$share/g/', '$share/+/a', '$share/#']) {
    const client = await inside(5)
    client.send({ type: 'subscribe', packetId: 1, subscriptions: [wish(filter)], properties: NO_PROPERTIES })
    const answer = await client.next()
    const refused = answer !== 'closed' && answer.type === 'suback' ? answer.reasonCodes[0] : await client.ended()
    assert.ok(refused === undefined || refused >= 0x80, filter)
  }
})

proves('MQTT-4.8.2-3', 'a member of a share gets the QoS that it was granted', async () => {
  const client = await inside(5)
  await client.subscribe('$share/g/shared/qos', { qos: 0 })
  const writer = await inside(5)
  writer.publish('shared/qos', { qos: 1 })
  assert.equal((await client.expect('publish')).qos, 0)
})

proves('MQTT-4.8.2-5', 'a message of QoS 2 whose receiver goes for good is not sent to another member', async () => {
  const [one, two, writer] = await Promise.all([inside(5), inside(5), inside(5)])
  for (const member of [one, two]) await member.subscribe('$share/g/gone', { qos: 2 })
  writer.publish('gone', { qos: 2 })
  await writer.expect('pubrec')
  for (const member of [one, two]) member.send({ type: 'pingreq' })
  const answers = [await one.next(), await two.next()]
  const isFirst = answers[0] !== 'closed' && answers[0]?.type === 'publish'
  const [chosen, other] = isFirst ? [one, two] : [two, one]
  chosen.bye()
  await chosen.ended()
  await other.silent()
})

proves('MQTT-4.8.2-6 MQTT-4.4.0-2', 'a message that a client refuses is not sent again, to nobody', async () => {
  const [one, two, writer] = await Promise.all([inside(5), inside(5), inside(5)])
  for (const member of [one, two]) await member.subscribe('$share/g/refused', { qos: 1 })
  writer.publish('refused', { qos: 1 })
  await writer.expect('puback')
  // Who was chosen answers; the other one has nothing.
  for (const member of [one, two]) member.send({ type: 'pingreq' })
  const answers = [await one.next(), await two.next()]
  const chosen = answers.findIndex((packet) => packet !== 'closed' && packet.type === 'publish')
  const [member, other] = chosen === 0 ? [one, two] : [two, one]
  await member.expect('pingresp')
  const message = answers[chosen]
  const packetId = message !== 'closed' && message?.type === 'publish' ? (message.packetId ?? 0) : 0
  member.send({ type: 'puback', packetId, reasonCode: 0x83, properties: NO_PROPERTIES })
  await member.silent()
  await other.silent()
})

proves(
  'MQTT-3.14.0-1 MQTT-3.14.2-2 MQTT-3.14.2-3 MQTT-3.14.2-4 MQTT-3.14.4-1 MQTT-3.14.4-2',
  'a DISCONNECT comes after a CONNACK, without an interval, no larger than allowed',
  async () => {
    const client = await inside(5, { properties: { maximumPacketSize: 128 } })
    client.send({ type: 'pubcomp', packetId: 1, reasonCode: 0, properties: NO_PROPERTIES })
    await client.silent()
    client.send({ type: 'pingresp' })
    const { properties } = await client.expect('disconnect')
    assert.equal(properties.sessionExpiryInterval, undefined)
    assert.equal(await client.next(), 'closed')
  },
)

proves(
  'MQTT-3.4.2-2 MQTT-3.4.2-3 MQTT-3.9.2-1 MQTT-3.9.2-2 MQTT-3.11.2-1 MQTT-3.11.2-2 ' +
    'MQTT-3.5.2-2 MQTT-3.5.2-3 MQTT-3.6.2-2 MQTT-3.6.2-3 ' +
    'MQTT-3.7.2-2 MQTT-3.7.2-3',
  'answers have neither words nor User Properties, so that they never grow beyond what a client takes',
  async () => {
    const client = await inside(5)
    client.publish('$aws/no', { qos: 1 })
    assert.ok(((await client.ended()) ?? 0) >= 0x80)
    const other = await inside(5)
    await other.subscribe('words')
    other.publish('words', { qos: 1 })
    for (const packet of [await other.next(), await other.next()]) {
      if (packet !== 'closed' && packet.type === 'puback') assert.deepEqual(packet.properties, {})
    }
  },
)

proves('MQTT-2.2.2-1', 'a packet without properties says so', async () => {
  const client = await inside(5)
  await client.subscribe('none')
  client.publish('none')
  assert.deepEqual((await client.expect('publish')).properties, {})
})

proves(
  'MQTT-4.2.0-1 MQTT3-7.1.1-1',
  'the server serves an ordered, lossless stream of bytes, however it is cut',
  async (version) => {
    const client = await inside(version)
    const bytes = version === 5 ? '30 05 0001 61 00 01' : '30 04 0001 61 01'
    await client.subscribe('a')
    for (const one of bytes.replaceAll(' ', '').match(/../g) ?? []) {
      client.sendHex(one)
      await new Promise((resolve) => void setImmediate(resolve))
    }
    assert.equal((await client.expect('publish')).topic, 'a')
  },
)
