import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { encodePacket, NO_PROPERTIES, type Publish } from '@birthmark/cloud/mqtt'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { readAttempts } from 'birthmark/parts'
import { connectAsync, type MqttClient } from 'mqtt'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/**
 * Clients that break every rule, as fast as they can, while honest ones work: these must come through, and the server
 * must stop growing. Honest round trips are compared with a calm time of the same server.
 */
const FLOOD = millis(1500)
const ATTACKERS = 16
const HONEST = 4
/** What honest clients keep at least of their calm rate: floods share two cores with them and with this test. */
const KEPT_AT_LEAST = 1 / 20
/** Floods after which the server's records of attempts are full: from then on, the newest push out the oldest. */
const FULL_AFTER = 4
/** What the server may grow by afterwards, in KiB. */
const GROWTH_MAX = 200 * 1024

const unlimited = ['publishes-in-per-second', 'publishes-out-per-second', 'connects-per-client-per-second']
const limit = unlimited.map((name) => `${name}=unlimited`)
const cloud = await startRunningCloud(undefined, { 'mqtt-plain-port': 0, limit })
after(() => cloud.close())
const plainPort = Number(String(cloud.process.ready['mqttPlain']).split(':')[1])
await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const device = await cloud.newDevice('honest', 'everything')

/** What attackers send, first to last; `wants` is the cause that their attempts must name, `holds` keeps them open. */
interface Flood {
  readonly what: string
  readonly bytes: () => Uint8Array
  readonly wants: string
  readonly holds?: boolean
}

const FLOODS: readonly Flood[] = [
  { what: 'packets before CONNECT', bytes: () => hex('3005 0001 61 00 01'), wants: 'CONNECT_EXPECTED' },
  { what: 'packets that are too large before CONNECT', bytes: tooLarge, wants: 'MQTT_LIMIT_REACHED' },
  { what: 'connections that say nothing', bytes: () => hex('10'), wants: 'CONNECTION_LOST', holds: true },
  {
    what: 'a CONNECT with a reserved flag',
    bytes: () => hex('100d 00044d515454 05 03 003c 00 0000'),
    wants: 'MQTT_PROTOCOL_ERROR',
  },
  {
    what: 'properties that a packet has not',
    bytes: () => inside(hex('300a 0001 61 05 11 00000001 01')),
    wants: 'MQTT_PROTOCOL_ERROR',
  },
  { what: 'topics with U+0000', bytes: () => inside(hex('3007 0003 610062 00 01')), wants: 'MQTT_PROTOCOL_ERROR' },
  {
    what: 'topics with half a surrogate pair',
    bytes: () => inside(hex('3007 0003 eda080 00 01')),
    wants: 'MQTT_PROTOCOL_ERROR',
  },
  { what: 'topics with a wildcard', bytes: () => inside(hex('3007 0003 612f23 00 01')), wants: 'MQTT_PROTOCOL_ERROR' },
  { what: 'topics of 10,000 levels', bytes: () => inside(publish('/'.repeat(10_000))), wants: 'MQTT_LIMIT_REACHED' },
  { what: 'packet identifiers in use', bytes: inUse, wants: 'MQTT_PROTOCOL_ERROR' },
  {
    what: 'aliases out of range',
    bytes: () => inside(hex('3008 0001 61 03 23 0065 01')),
    wants: 'MQTT_PROTOCOL_ERROR',
  },
  { what: 'QoS 2', bytes: () => inside(hex('3407 0001 61 0001 00 01')), wants: 'MQTT_FEATURE_UNSUPPORTED' },
  {
    what: 'enhanced authentication',
    bytes: () => hex('1011 00044d515454 05 02 003c 04 15 0001 78 0000'),
    wants: 'MQTT_FEATURE_UNSUPPORTED',
  },
  { what: 'noise', bytes: noise, wants: 'CONNECT_EXPECTED' },
]

test('honest clients work while others flood the server with every kind of nonsense', async (context) => {
  const clients = await Promise.all(Array.from({ length: HONEST }, (_, index) => honest(index)))
  const calm = await trips(clients, async () => pause(FLOOD))
  assert.ok(calm > 0)
  let size = 0
  for (const [index, flood] of FLOODS.entries()) {
    if (index === FULL_AFTER) size = residentKiB()
    let sent = 0
    const kept = await trips(clients, async () => {
      sent = await attack(flood)
    })
    context.diagnostic(`${flood.what}: ${sent} attacks, ${kept} round trips (${calm} in calm)`)
    assert.ok(sent > 0, flood.what)
    assert.ok(kept >= calm * KEPT_AT_LEAST, `${flood.what}: ${kept} round trips, ${calm} in calm`)
    await attemptsName(flood)
  }
  assert.ok(residentKiB() < size + GROWTH_MAX, `the server grew from ${size} KiB to ${residentKiB()} KiB`)
  for (const client of clients) await client.endAsync()
})

/** An attempt is complete a moment after its client is gone; the test's own time limit ends a wait that has no end. */
async function attemptsName({ wants }: Flood): Promise<void> {
  for (;;) {
    const attempts = await readAttempts(cloud.access, { limit: '1000' })
    if (attempts.some(({ cause }) => cause?.code === wants)) return
    await pause(millis(50))
  }
}

function honest(index: number): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host: 'localhost',
    port: cloud.mqtt.port,
    ca: readFileSync(cloud.rootPath),
    cert: readFileSync(device.certificate),
    key: readFileSync(device.key),
    clientId: `honest-${index}`,
    protocolVersion: 5,
    reconnectPeriod: 0,
  })
}

/** Counts what honest clients send to themselves and get back, until `meanwhile` has ended; each trip must end. */
async function trips(clients: readonly MqttClient[], meanwhile: () => Promise<void>): Promise<number> {
  let isOver = false
  let count = 0
  const travel = async (client: MqttClient, index: number): Promise<void> => {
    await client.subscribeAsync(`honest/${index}`, { qos: 1 })
    while (!isOver) {
      const back = new Promise((resolve) => client.once('message', resolve))
      await client.publishAsync(`honest/${index}`, 'there and back', { qos: 1 })
      await back
      count++
    }
  }
  const travels = Promise.all(clients.map(travel))
  await meanwhile()
  isOver = true
  await travels
  return count
}

/** Attacks for a while; gives how many connections it took. */
async function attack(flood: Flood): Promise<number> {
  let isOver = false
  let count = 0
  const held: Socket[] = []
  const attacker = async (): Promise<void> => {
    while (!isOver) {
      count++
      const socket = connectTcp({ host: '127.0.0.1', port: plainPort })
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.on('error', () => undefined)
      socket.resume()
      socket.write(flood.bytes())
      if (flood.holds === true) {
        held.push(socket)
        await pause(millis(5))
      } else {
        socket.end()
        await closed
      }
    }
  }
  const attackers = Promise.all(Array.from({ length: ATTACKERS }, attacker))
  await pause(FLOOD)
  isOver = true
  await attackers
  for (const socket of held) socket.destroy()
  await pause(millis(50))
  return count
}

/** Bytes that follow a CONNECT which is accepted. */
function inside(...packets: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([hex('100d 00044d515454 05 02 003c 00 0000'), ...packets])
}

function publish(topic: string, changes: Partial<Publish> = {}): Uint8Array {
  const plain = { payload: Uint8Array.of(1), qos: 0, retain: false, dup: false, packetId: undefined } as const
  return encodePacket({ type: 'publish', topic, ...plain, properties: NO_PROPERTIES, ...changes }, 5)
}

/** Its session is to last, so each message to itself waits for the disk before it is acknowledged. */
function inUse(): Uint8Array {
  sessions++
  const topic = Buffer.from(`own/${sessions}`)
  const subscribe = Buffer.from([0x82, topic.length + 6, 0, 1, 0, 0, topic.length, ...topic, 1])
  const messages = Array.from({ length: 20 }, () => publish(topic.toString(), { qos: 1, packetId: 1 }))
  return Buffer.concat([hex('1012 00044d515454 05 02 003c 05 11 0000003c 0000'), subscribe, ...messages])
}

let sessions = 0

function tooLarge(): Uint8Array {
  return Buffer.concat([hex('10ff7f 00044d515454 05 02 003c'), Buffer.alloc(16_000)])
}

let seed = 1

/** Bytes of no meaning; the first of them never makes a CONNECT. */
function noise(): Uint8Array {
  return Uint8Array.from({ length: 64 }, (_, index) => {
    seed = (seed * 48_271) % 2_147_483_647
    return index === 0 ? 0x30 | (seed & 0x01) : seed & 0xff
  })
}

function hex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

function residentKiB(): number {
  const status = readFileSync(`/proc/${cloud.process.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
}
