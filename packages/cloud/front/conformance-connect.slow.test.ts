import assert from 'node:assert/strict'
import { encodePacket, NO_PROPERTIES, type Will } from '@birthmark/cloud/mqtt'
import { openBench, proves } from './testing/proves.ts'
import { connectPacket, publishPacket, RawClient } from './testing/raw-client.ts'

/** The requirements of both standards on CONNECT, CONNACK and wills, on a whole server. */
const { port } = await openBench()

const LASTING = { cleanStart: false, properties: { sessionExpiryInterval: 60 } } as const

function open(version: 4 | 5): Promise<RawClient> {
  return RawClient.open(port, version)
}

function inside(version: 4 | 5, changes: Parameters<typeof RawClient.in>[2] = {}): Promise<RawClient> {
  return RawClient.in(port, version, changes)
}

function will(topic: string, changes: Partial<Will> = {}): { readonly will: Will } {
  return { will: { topic, payload: Uint8Array.of(7), qos: 1, retain: false, properties: NO_PROPERTIES, ...changes } }
}

/** A CONNECT in hex: level, flags, and what follows the keep-alive. */
function hexConnect(version: 4 | 5, flags: number, payload: string, level: number = version): string {
  const properties = level >= 5 ? '00' : ''
  const body = `00044d515454${byte(level)}${byte(flags)}003c${properties}${payload.replaceAll(' ', '')}`
  return `10${byte(body.length / 2)}${body}`
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

proves('MQTT-3.1.0-1 MQTT3-3.1.0-1', 'another first packet than a CONNECT ends the connection', async (version) => {
  const client = await open(version)
  client.sendHex('c000')
  assert.equal(await client.ended(), undefined)
})

proves('MQTT-3.1.0-2 MQTT3-3.1.0-2', 'a second CONNECT ends the connection', async (version) => {
  const client = await inside(version)
  client.send(connectPacket(version))
  assert.equal(await client.ended(), version === 5 ? 0x82 : undefined)
})

proves('MQTT-3.1.2-1 MQTT3-3.1.2-1', 'another protocol name is not gone on with', async (version) => {
  const client = await open(version)
  client.sendHex('10 0d 0004 4d515458 04 02 003c 0001 61')
  assert.equal(await client.ended(), undefined)
})

proves('MQTT-3.1.2-2 MQTT3-3.1.2-2', 'a version that is not served is refused as such', async (version) => {
  const client = await open(version)
  client.sendHex(hexConnect(version, 2, '0001 61', version === 5 ? 6 : 3))
  assert.equal(await client.ended(), version === 5 ? 0x84 : 1)
})

const MALFORMED: readonly (readonly [numbers: string, what: string, flags: number, payload: string])[] = [
  ['MQTT-3.1.2-3 MQTT3-3.1.2-3', 'the reserved flag', 0x03, '0001 61'],
  ['MQTT-3.1.2-9 MQTT3-3.1.2-9', 'a will flag without a will', 0x06, '0001 61'],
  ['MQTT-3.1.2-11 MQTT3-3.1.2-11 MQTT3-3.1.2-13', 'a will QoS without a will', 0x0a, '0001 61'],
  ['MQTT-3.1.2-12 MQTT3-3.1.2-14', 'a will QoS of 3', 0x1e, '0001 61 0001 62 0001 63'],
  ['MQTT-3.1.2-13 MQTT3-3.1.2-15', 'a will retain without a will', 0x22, '0001 61'],
  ['MQTT-3.1.2-16 MQTT3-3.1.2-18', 'a user name without its flag', 0x02, '0001 61 0001 62'],
  ['MQTT-3.1.2-17 MQTT3-3.1.2-19', 'a user name flag without one', 0x82, '0001 61'],
  ['MQTT-3.1.2-18 MQTT3-3.1.2-20', 'a password without its flag', 0x82, '0001 61 0001 62 0001 63'],
  ['MQTT-3.1.2-19 MQTT3-3.1.2-21', 'a password flag without one', 0xc2, '0001 61 0001 62'],
  ['MQTT-3.1.3-4 MQTT3-3.1.3-4', 'a client identifier that is no UTF-8', 0x02, '0001 ff'],
  ['MQTT-3.1.3-12 MQTT3-3.1.3-11', 'a user name that is no UTF-8', 0x82, '0001 61 0002 eda0'],
  ['MQTT-3.1.4-1 MQTT-3.1.4-2 MQTT3-3.1.4-1', 'no client identifier at all', 0x02, ''],
]

for (const [numbers, what, flags, payload] of MALFORMED) {
  proves(numbers, `${what} ends the connection without letting it in`, async (version) => {
    const client = await open(version)
    // A will of 5.0 begins with its properties.
    const hasWill = version === 5 && (flags & 4) !== 0 && payload.length > 10
    client.sendHex(hexConnect(version, flags, hasWill ? payload.replace('0001 62', '00 0001 62') : payload))
    assert.notEqual(await client.ended(), 0)
  })
}

proves('MQTT3-3.1.2-22', 'a password without a user name ends the connection', async (version) => {
  const client = await open(version)
  client.sendHex(hexConnect(version, 0x42, '0001 61 0001 62'))
  assert.equal(await client.ended(), undefined)
})

proves('MQTT-3.1.3-11 MQTT3-3.1.3-10', 'a will topic that is no UTF-8 ends the connection', async (version) => {
  const client = await open(version)
  client.sendHex(hexConnect(version, 0x06, `0001 61 ${version === 5 ? '00' : ''} 0001 ff 0001 63`))
  assert.notEqual(await client.ended(), 0)
})

proves(
  'MQTT-3.1.2-5 MQTT-3.1.2-6 MQTT-3.1.2-23 MQTT-3.2.2-1 MQTT-3.2.2-3 MQTT-4.1.0-1 MQTT-4.5.0-1 ' +
    'MQTT3-3.1.2-4 MQTT3-3.1.2-5 MQTT3-3.2.2-2 MQTT3-3.2.2-3 MQTT3-4.1.0-1 MQTT3-4.1.0-2 MQTT3-4.5.0-1',
  'a session goes on where its connection ended, with what came meanwhile',
  async (version) => {
    const clientId = `lasts-${version}`
    const first = await open(version)
    assert.equal((await first.connect({ ...LASTING, clientId })).sessionPresent, false)
    await first.subscribe(`lasts/${version}`)
    first.bye()
    await first.ended()
    const publisher = await inside(version)
    publisher.publish(`lasts/${version}`, { qos: 1 })
    await publisher.expect('puback')
    const second = await open(version)
    assert.equal((await second.connect({ ...LASTING, clientId })).sessionPresent, true)
    assert.equal((await second.expect('publish')).topic, `lasts/${version}`)
  },
)

proves(
  'MQTT-3.1.2-4 MQTT-3.1.4-4 MQTT-3.2.2-2 MQTT3-3.1.2-6 MQTT3-3.1.4-3 MQTT3-3.2.2-1',
  'a clean start has nothing of an earlier session',
  async (version) => {
    const clientId = `cleans-${version}`
    const first = await inside(version, { ...LASTING, clientId })
    await first.subscribe(`cleans/${version}`)
    first.bye()
    await first.ended()
    const second = await open(version)
    assert.equal((await second.connect({ clientId })).sessionPresent, false)
    const publisher = await inside(version)
    publisher.publish(`cleans/${version}`, { qos: 1 })
    await publisher.expect('puback')
    await second.silent()
  },
)

proves('MQTT-4.1.0-2', 'a session ends when its interval has passed', async (version) => {
  const clientId = 'short'
  const first = await inside(version, { clientId, properties: { sessionExpiryInterval: 0 } })
  await first.subscribe('short')
  first.bye()
  await first.ended()
  const second = await open(version)
  assert.equal((await second.connect({ ...LASTING, clientId })).sessionPresent, false)
})

proves(
  'MQTT-3.1.2-7 MQTT-3.1.2-8 MQTT-3.1.2-14 MQTT-3.1.3-10 MQTT3-3.1.2-8 MQTT3-3.1.2-16',
  'a will is published when the connection breaks, as it was given and not retained',
  async (version) => {
    const watcher = await inside(version)
    await watcher.subscribe(`will/${version}`)
    const userProperties = [
      ['b', '1'],
      ['a', '2'],
    ] as const
    const dying = await inside(version, will(`will/${version}`, { properties: { userProperties } }))
    dying.vanish()
    const { payload, properties, qos, retain } = await watcher.expect('publish')
    assert.deepEqual([[...payload], qos, retain], [[7], 1, false])
    if (version === 5) assert.deepEqual(properties.userProperties, userProperties)
    const later = await inside(version)
    await later.subscribe(`will/${version}`)
    await later.silent()
  },
)

proves('MQTT-3.1.2-15 MQTT3-3.1.2-17', 'a will with Will Retain is retained', async (version) => {
  const topic = `will/retained/${version}`
  const watcher = await inside(version)
  await watcher.subscribe(topic)
  const dying = await inside(version, will(topic, { retain: true }))
  dying.vanish()
  await watcher.expect('publish')
  const later = await inside(version)
  await later.subscribe(topic)
  assert.equal((await later.expect('publish')).retain, true)
})

proves(
  'MQTT-3.1.2-10 MQTT-3.14.4-3 MQTT3-3.1.2-10 MQTT3-3.1.2-12 MQTT3-3.14.4-3',
  'a will is not published after a good-bye, and without one there is none',
  async (version) => {
    const watcher = await inside(version)
    await watcher.subscribe(`polite/${version}`)
    const polite = await inside(version, will(`polite/${version}`))
    polite.bye()
    await polite.ended()
    const plain = await inside(version)
    plain.vanish()
    await watcher.silent()
  },
)

proves(
  'MQTT-3.1.2-24 MQTT-3.1.2-25',
  'what is larger than the client takes does not come, and counts as sent',
  async () => {
    const client = await inside(5, { properties: { maximumPacketSize: 200, receiveMaximum: 1 } })
    await client.subscribe('sizes')
    const publisher = await inside(5)
    for (const bytes of [300, 10]) {
      publisher.publish('sizes', { qos: 1, payload: new Uint8Array(bytes) })
      await publisher.expect('puback')
    }
    assert.equal((await client.expect('publish')).payload.length, 10)
  },
)

proves(
  'MQTT-3.1.2-28 MQTT-3.2.2-8',
  'Response Information is not sent unasked, and CONNACK has a code of its own',
  async () => {
    const client = await open(5)
    const { properties, reasonCode } = await client.connect()
    assert.deepEqual([properties.responseInformation, reasonCode], [undefined, 0])
  },
)

proves('MQTT-3.1.2-29', 'with Request Problem Information 0 no answer has words', async () => {
  const client = await inside(5, { properties: { requestProblemInformation: false } })
  const subscription = {
    filter: '$SYS/#',
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  } as const
  client.send({ type: 'subscribe', packetId: 1, subscriptions: [subscription], properties: NO_PROPERTIES })
  const { properties, reasonCodes } = await client.expect('suback')
  assert.deepEqual([properties.reasonString, properties.userProperties, reasonCodes], [undefined, undefined, [0x8f]])
})

proves(
  'MQTT-3.1.3-1 MQTT-3.1.3-3 MQTT-3.1.3-5 MQTT3-3.1.3-1 MQTT3-3.1.3-3 MQTT3-3.1.3-5',
  'identifiers of 1 to 23 letters and digits are served, with all other fields behind them',
  async (version) => {
    const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
    const ids = ['0', letters.slice(0, 23), letters.slice(23, 46), letters.slice(46)]
    const all = { ...will('fields'), userName: 'name', password: Uint8Array.of(1) }
    for (const clientId of ids) assert.equal((await (await open(version)).connect({ clientId, ...all })).reasonCode, 0)
  },
)

proves(
  'MQTT-3.1.3-6 MQTT-3.1.3-7 MQTT-3.2.2-16 MQTT3-3.1.3-6',
  'a client without an identifier gets one of its own',
  async (version) => {
    const ids = new Set<string | undefined>()
    for (let count = 0; count < 3; count++) {
      const client = await open(version)
      const { properties, reasonCode } = await client.connect({ clientId: '' })
      assert.equal(reasonCode, 0)
      ids.add(properties.assignedClientIdentifier)
      await client.silent()
    }
    if (version === 5) assert.equal(ids.size, 3)
  },
)

proves(
  'MQTT-3.1.3-8 MQTT-3.2.2-6 MQTT-3.2.2-7 MQTT-4.13.2-1 MQTT3-3.1.3-8 MQTT3-3.1.3-9 MQTT3-3.2.2-4 MQTT3-3.2.2-5',
  'an identifier that is refused is answered as such, and the connection ends',
  async (version) => {
    const client = await open(version)
    const refused = await client.connect(version === 5 ? { clientId: '$own' } : { clientId: '', cleanStart: false })
    assert.deepEqual([refused.reasonCode, refused.sessionPresent], [version === 5 ? 0x85 : 2, false])
    assert.equal(await client.next(), 'closed')
  },
)

proves('MQTT3-3.2.2-6', 'what 3.1.1 has no code for ends the connection without a CONNACK', async (version) => {
  const client = await open(version)
  client.send(connectPacket(version, will('$aws/reserved')))
  assert.equal(await client.next(), 'closed')
})

proves(
  'MQTT-3.1.3-2 MQTT-3.1.4-3 MQTT3-3.1.3-2 MQTT3-3.1.4-2',
  'a client that comes with an identifier takes the place of the one before',
  async (version) => {
    const clientId = `twice-${version}`
    const first = await inside(version, { clientId })
    const second = await inside(version, { clientId })
    assert.equal(await first.ended(), version === 5 ? 0x8e : undefined)
    await second.silent()
  },
)

proves(
  'MQTT-3.1.4-5 MQTT-3.2.0-1 MQTT-3.2.0-2 MQTT3-3.1.4-4 MQTT3-3.2.0-1',
  'a CONNACK comes first, whatever was sent behind the CONNECT, and only one',
  async (version) => {
    const client = await open(version)
    client.send(connectPacket(version))
    client.send({ type: 'pingreq' })
    assert.equal((await client.expect('connack')).reasonCode, 0)
    await client.expect('pingresp')
    await client.silent()
  },
)

proves('MQTT-3.1.4-6 MQTT3-3.1.4-5', 'what is sent behind a refused CONNECT is not looked at', async (version) => {
  const topic = `refused/${version}`
  const client = await open(version)
  const refused = encodePacket(connectPacket(version, { clientId: '$own' }), version)
  const behind = encodePacket(publishPacket(topic, { retain: true }), version)
  client.sendHex(Buffer.concat([refused, behind]).toString('hex'))
  await client.ended()
  const later = await inside(version)
  await later.subscribe(topic)
  await later.silent()
})

proves('MQTT-3.2.2-22', 'without a Server Keep Alive the wish of the client is in force', async () => {
  const client = await open(5)
  assert.equal((await client.connect({ keepAlive: 7 })).properties.serverKeepAlive, undefined)
})

proves('MQTT-4.12.0-1 MQTT-4.12.0-4', 'enhanced authentication is refused by its reason', async () => {
  const client = await open(5)
  client.send(connectPacket(5, { properties: { authenticationMethod: 'SCRAM-SHA-1' } }))
  assert.equal(await client.ended(), 0x8c)
})

proves('MQTT-4.12.0-6', 'without a method nothing of authentication is sent', async () => {
  const client = await open(5)
  const { properties } = await client.connect()
  assert.deepEqual([properties.authenticationMethod, properties.authenticationData], [undefined, undefined])
  client.send({ type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'x' } })
  assert.equal(await client.ended(), 0x82)
})
