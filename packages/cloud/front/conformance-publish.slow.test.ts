import assert from 'node:assert/strict'
import { NO_PROPERTIES, type Publish } from '@birthmark/cloud/mqtt'
import { openBench, proves } from './testing/proves.ts'
import { RawClient } from './testing/raw-client.ts'

/** The requirements of both standards on PUBLISH, its acknowledgements and retained messages, on a whole server. */
const { port } = await openBench()

function inside(version: 4 | 5, changes: Parameters<typeof RawClient.in>[2] = {}): Promise<RawClient> {
  return RawClient.in(port, version, changes)
}

/** A subscriber and a publisher, and topics that nobody else uses. */
async function pair(
  version: 4 | 5,
  topic: string,
  changes: Parameters<RawClient['subscribe']>[1] = {},
): Promise<{ readonly reader: RawClient; readonly writer: RawClient; readonly topic: string }> {
  const [reader, writer] = await Promise.all([inside(version), inside(version)])
  const own = `${topic}/${version}`
  await reader.subscribe(own, changes)
  return { reader, writer, topic: own }
}

function ack(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number) {
  return { type, packetId, reasonCode: 0, properties: NO_PROPERTIES } as const
}

/** Publishes at QoS 1 and waits until it is taken. */
async function taken(writer: RawClient, topic: string, changes: Partial<Publish> = {}): Promise<void> {
  writer.publish(topic, { qos: 1, ...changes })
  await writer.expect('puback')
}

proves(
  'MQTT-4.3.1-1 MQTT-3.3.1-2 MQTT-3.3.2-3 MQTT-2.2.1-2 MQTT3-3.3.1-2 MQTT3-4.3.1-1 MQTT3-2.3.1-5 MQTT3-3.3.2-3',
  'QoS 0 is sent without identifier and DUP, on the topic that was published to',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'zero/a', { qos: 0 })
    writer.publish(topic, { qos: 1 })
    const { dup, packetId, qos, topic: seen } = await reader.expect('publish')
    assert.deepEqual([dup, packetId, qos, seen], [false, undefined, 0, topic])
  },
)

proves(
  'MQTT-2.2.1-4 MQTT-2.2.1-5 MQTT-3.3.4-1 MQTT-4.3.2-1 MQTT-4.3.2-2 MQTT-4.3.2-4 MQTT-4.3.2-5 MQTT-3.4.2-1 ' +
    'MQTT3-2.3.1-4 MQTT3-2.3.1-6 MQTT3-3.3.4-1 MQTT3-4.3.2-1 MQTT3-4.3.2-2',
  'QoS 1 has identifiers that are free, and is acknowledged with its own',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'one')
    for (const packetId of [5, 5, 9]) {
      writer.publish(topic, { qos: 1, packetId })
      assert.equal((await writer.expect('puback')).packetId, packetId)
    }
    const seen = [await reader.expect('publish'), await reader.expect('publish'), await reader.expect('publish')]
    assert.deepEqual(
      seen.map(({ dup, qos }) => [dup, qos]),
      seen.map(() => [false, 1]),
    )
    assert.equal(new Set(seen.map(({ packetId }) => packetId)).size, 3)
  },
)

proves(
  'MQTT-4.3.3-2 MQTT-4.3.3-8 MQTT-4.3.3-10 MQTT-4.3.3-11 MQTT-4.3.3-12 MQTT-3.5.2-1 MQTT-3.7.2-1 MQTT-3.6.2-1 ' +
    'MQTT3-4.3.3-1 MQTT3-4.3.3-2 MQTT3-3.6.1-1',
  'QoS 2 goes its four steps both ways, and a repetition is not delivered again',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'two', { qos: 2 })
    writer.publish(topic, { qos: 2, packetId: 3 })
    await writer.expect('pubrec')
    writer.publish(topic, { qos: 2, packetId: 3, dup: true })
    assert.equal((await writer.expect('pubrec')).packetId, 3)
    writer.send(ack('pubrel', 3))
    assert.equal((await writer.expect('pubcomp')).packetId, 3)
    const { packetId = 0, qos, dup } = await reader.expect('publish')
    assert.deepEqual([qos, dup], [2, false])
    await reader.silent()
    reader.send(ack('pubrec', packetId))
    assert.equal((await reader.expect('pubrel')).packetId, packetId)
    reader.send(ack('pubcomp', packetId))
    writer.publish(topic, { qos: 2, packetId: 3 })
    await writer.expect('pubrec')
    await reader.expect('publish')
  },
)

proves(
  'MQTT-4.4.0-1 MQTT-3.3.1-1 MQTT-4.6.0-1 MQTT-4.8.2-4 MQTT-4.3.2-3 MQTT-4.3.3-3 MQTT-4.3.3-6 ' +
    'MQTT3-4.4.0-1 MQTT3-3.3.1-1 MQTT3-2.3.1-3 MQTT3-4.6.0-1',
  'what was not acknowledged comes again on the next connection only: same identifier, DUP, same order',
  async (version) => {
    const lasting = { clientId: `again-${version}`, cleanStart: false, properties: { sessionExpiryInterval: 60 } }
    const first = await inside(version, lasting)
    const topic = `again/${version}`
    await first.subscribe(topic, { qos: 2 })
    const writer = await inside(version)
    await taken(writer, topic, { payload: Uint8Array.of(1) })
    writer.publish(topic, { qos: 2, packetId: 2, payload: Uint8Array.of(2) })
    await writer.expect('pubrec')
    await taken(writer, topic, { payload: Uint8Array.of(3) })
    const seen = [await first.expect('publish'), await first.expect('publish'), await first.expect('publish')]
    const released = seen[1]?.packetId ?? 0
    first.send(ack('pubrec', released))
    await first.expect('pubrel')
    await first.silent()
    first.vanish()
    const second = await inside(version, lasting)
    const again = [await second.next(), await second.next(), await second.next()]
    assert.deepEqual(
      again.map((packet) => packet !== 'closed' && packet.type === 'publish' && [packet.packetId, packet.dup]),
      [[seen[0]?.packetId, true], false, [seen[2]?.packetId, true]],
    )
    assert.deepEqual(again[1] !== 'closed' && again[1]?.type === 'pubrel' && again[1].packetId, released)
  },
)

proves('MQTT-3.3.1-3 MQTT3-3.3.1-3', 'the DUP of a publisher is not passed on', async (version) => {
  const { reader, writer, topic } = await pair(version, 'dup')
  await taken(writer, topic, { dup: true })
  assert.equal((await reader.expect('publish')).dup, false)
})

proves('MQTT-3.3.1-4 MQTT3-3.3.1-4', 'a QoS of 3 ends the connection', async (version) => {
  const client = await inside(version)
  client.sendHex(version === 5 ? '36 07 0001 61 0001 00 01' : '36 06 0001 61 0001 01')
  assert.equal(await client.ended(), version === 5 ? 0x81 : undefined)
})

proves(
  'MQTT-3.3.1-5 MQTT-3.3.1-9 MQTT-3.3.1-12 MQTT3-3.3.1-5 MQTT3-3.3.1-6 MQTT3-3.3.1-8 MQTT3-3.3.1-9 MQTT3-3.1.2-7',
  'what is retained takes the place of the one before and comes to new subscribers, flagged, others not',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'kept')
    await taken(writer, topic, { retain: true, payload: Uint8Array.of(1) })
    await taken(writer, topic, { retain: true, payload: Uint8Array.of(2) })
    assert.equal((await reader.expect('publish')).retain, false)
    writer.bye()
    const later = await inside(version)
    await later.subscribe(`kept/+`)
    const seen = await later.expect('publish')
    // Topics of the other version match too.
    const own = seen.topic === topic ? seen : await later.expect('publish')
    assert.deepEqual([own.retain, own.qos, ...own.payload], [true, 1, 2])
  },
)

proves(
  'MQTT-3.3.1-6 MQTT-3.3.1-7 MQTT-3.3.1-8 MQTT3-3.3.1-10 MQTT3-3.3.1-11 MQTT3-3.3.1-12 MQTT3-3.3.1-7',
  'an empty retained message ends the one before and is not kept; one without RETAIN changes nothing',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'empty')
    writer.publish(topic, { retain: true, payload: Uint8Array.of(1) })
    await taken(writer, topic, { payload: Uint8Array.of(2) })
    await reader.expect('publish')
    await reader.expect('publish')
    const early = await inside(version)
    await early.subscribe(topic)
    assert.deepEqual([...(await early.expect('publish')).payload], [1])
    await taken(writer, topic, { retain: true, payload: new Uint8Array(0) })
    assert.equal((await reader.expect('publish')).payload.length, 0)
    const late = await inside(version)
    await late.subscribe(topic)
    await late.silent()
  },
)

proves('MQTT-3.3.1-10 MQTT-3.3.1-11 MQTT-3.8.4-4', 'Retain Handling says when retained messages come', async () => {
  const writer = await inside(5)
  await taken(writer, 'handling', { retain: true })
  const client = await inside(5)
  await client.subscribe('handling', { retainHandling: 2 })
  await client.silent()
  await client.subscribe('handling', { retainHandling: 1 })
  await client.silent()
  await client.subscribe('handling', { retainHandling: 0 })
  assert.equal((await client.expect('publish')).retain, true)
  const other = await inside(5)
  await other.subscribe('handling', { retainHandling: 1 })
  assert.equal((await other.expect('publish')).retain, true)
})

proves('MQTT-3.3.1-13', 'with Retain As Published the flag stays what it was', async () => {
  const { reader, writer, topic } = await pair(5, 'flag', { retainAsPublished: true })
  await taken(writer, topic, { retain: true })
  await taken(writer, topic)
  assert.equal((await reader.expect('publish')).retain, true)
  assert.equal((await reader.expect('publish')).retain, false)
})

proves(
  'MQTT-3.3.2-1 MQTT-3.3.2-2 MQTT-4.7.0-1 MQTT-4.7.3-1 MQTT-1.5.4-1 MQTT-1.5.4-2 MQTT-4.7.3-2 MQTT-4.13.1-1 ' +
    'MQTT3-3.3.2-1 MQTT3-3.3.2-2 MQTT3-4.7.1-1 MQTT3-4.7.3-1 MQTT3-1.5.3-1 MQTT3-1.5.3-2 MQTT3-4.7.3-2 MQTT3-4.8.0-1',
  'a topic with a wildcard, without a character, with U+0000 or half a pair ends the connection',
  async (version) => {
    const end = version === 5 ? '0001' : '01'
    for (const topic of ['0003 612f23', '0001 2b', '0000', '0001 00', '0003 eda080', '0001 ff']) {
      const client = await inside(version)
      const body = `${topic}${end}`.replaceAll(' ', '')
      client.sendHex(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`)
      const code = await client.ended()
      assert.ok(version === 4 ? code === undefined : code !== undefined && code >= 0x80, topic)
    }
  },
)

proves(
  'MQTT-1.5.4-3 MQTT-4.7.3-4 MQTT3-1.5.3-3 MQTT3-4.7.3-4',
  'text is passed on as it is: U+FEFF stays, and nothing is normalised',
  async (version) => {
    const client = await inside(version)
    await client.subscribe(`odd/${version}/+`)
    for (const name of ['\ufeffx', 'e\u0301', '\u00e9', 'A', ' ']) {
      client.publish(`odd/${version}/${name}`)
      assert.equal((await client.expect('publish')).topic, `odd/${version}/${name}`)
    }
  },
)

proves(
  'MQTT-3.3.2-4 MQTT-3.3.2-15 MQTT-3.3.2-16 MQTT-3.3.2-17 MQTT-3.3.2-18 MQTT-3.3.2-20 MQTT-1.5.7-1',
  'the properties of a message reach its receivers as they were, in their order',
  async () => {
    const { reader, writer, topic } = await pair(5, 'properties')
    const properties = {
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      responseTopic: 'answers/7',
      correlationData: Uint8Array.of(1, 2, 3),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    } as const
    await taken(writer, topic, { properties })
    assert.deepEqual((await reader.expect('publish')).properties, properties)
  },
)

proves('MQTT-3.3.2-5 MQTT-3.3.2-6', 'a message comes with what is left of its interval, or not at all', async () => {
  const writer = await inside(5)
  await taken(writer, 'expiring', { retain: true, properties: { messageExpiryInterval: 1000 } })
  const reader = await inside(5)
  await reader.subscribe('expiring')
  const { messageExpiryInterval: left = 0 } = (await reader.expect('publish')).properties
  assert.ok(left > 900 && left <= 1000)
})

proves(
  'MQTT-3.3.2-7 MQTT-3.3.2-12',
  'aliases hold on their own connection, up to the maximum that CONNACK names',
  async () => {
    const { reader, writer, topic } = await pair(5, 'alias')
    writer.publish(topic, { properties: { topicAlias: 100 } })
    writer.publish('', { properties: { topicAlias: 100 } })
    await reader.expect('publish')
    assert.equal((await reader.expect('publish')).topic, topic)
    const other = await inside(5)
    other.publish('', { properties: { topicAlias: 100 } })
    assert.equal(await other.ended(), 0x82)
  },
)

proves(
  'MQTT-3.3.2-8 MQTT-3.3.2-9 MQTT-3.2.2-17 MQTT-3.2.2-18',
  'an alias of 0 or above the maximum ends the connection',
  async () => {
    for (const alias of ['0000', '0065']) {
      const client = await inside(5)
      client.sendHex(`30 08 0001 61 03 23 ${alias} 01`)
      assert.equal(await client.ended(), 0x94)
    }
  },
)

proves(
  'MQTT-3.3.2-13 MQTT-3.3.2-14 MQTT-3.3.2-19',
  'a Response Topic with a wildcard, and text that is none, end the connection',
  async () => {
    for (const property of ['08 0001 23', '08 0001 ff', '03 0001 ff']) {
      const client = await inside(5)
      client.sendHex(`30 08 0001 61 04 ${property} `.concat(''))
      assert.ok(((await client.ended()) ?? 0) >= 0x80, property)
    }
  },
)

proves(
  'MQTT-3.3.4-2 MQTT-3.8.4-8 MQTT3-3.3.5-1 MQTT3-3.8.4-6',
  'overlapping subscriptions give the best QoS, the lower of both sides',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'best', { qos: 0 })
    await reader.subscribe(`best/#`, { qos: 2 })
    await taken(writer, topic)
    assert.equal((await reader.expect('publish')).qos, 1)
    await reader.silent()
  },
)

proves('MQTT-3.3.4-3 MQTT-3.3.4-4', 'a message names the subscriptions that it comes by', async () => {
  const reader = await inside(5)
  await reader.subscribe('named/a', {}, 7)
  await reader.subscribe('named/+', {}, 300)
  reader.publish('named/a')
  const { properties } = await reader.expect('publish')
  assert.deepEqual(
    [...(properties.subscriptionIdentifiers ?? [])].toSorted((a, b) => a - b),
    [7, 300],
  )
})

proves('MQTT-3.3.4-6', 'a subscription identifier in a PUBLISH of a client ends the connection', async () => {
  const client = await inside(5)
  client.publish('a', { properties: { subscriptionIdentifiers: [1] } })
  assert.equal(await client.ended(), 0x82)
})

proves(
  'MQTT-3.3.4-9 MQTT-3.3.4-10 MQTT-4.9.0-1 MQTT-4.9.0-2 MQTT-4.9.0-3',
  'no more than Receive Maximum is under way, and everything else goes on',
  async () => {
    const reader = await inside(5, { properties: { receiveMaximum: 1 } })
    await reader.subscribe('quota')
    const writer = await inside(5)
    for (const payload of [1, 2]) await taken(writer, 'quota', { payload: Uint8Array.of(payload) })
    const { packetId = 0 } = await reader.expect('publish')
    await reader.silent()
    assert.equal(await reader.subscribe('other'), 1)
    reader.send(ack('puback', packetId))
    assert.deepEqual([...(await reader.expect('publish')).payload], [2])
  },
)

proves('MQTT-3.3.4-7', 'more than our Receive Maximum ends the connection', async () => {
  const writer = await inside(5)
  for (let packetId = 1; packetId <= 101; packetId++) writer.publish('flood', { qos: 2, packetId })
  assert.equal(await writer.ended(), 0x93)
})

proves(
  'MQTT-4.6.0-5 MQTT-4.6.0-6 MQTT3-4.6.0-5 MQTT3-4.6.0-6',
  'messages of one publisher to one topic keep their order',
  async (version) => {
    const { reader, writer, topic } = await pair(version, 'order')
    const numbers = Array.from({ length: 50 }, (_, number) => number)
    for (const number of numbers) {
      writer.publish(topic, { qos: 1, packetId: number + 1, payload: Uint8Array.of(number) })
    }
    for (const number of numbers) {
      assert.equal((await writer.expect('puback')).packetId, number + 1)
      assert.deepEqual([...(await reader.expect('publish')).payload], [number])
    }
  },
)
