import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { seconds } from '@birthmark/foundation/kernel'
import mqtt, { type MqttClient } from 'mqtt'
import { ManualTime } from './testing/manual-timers.ts'
import { connected, firstMessage } from './testing/mqtt-client.ts'
import type { TestIdentity } from './testing/pki.ts'
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts'

/** A second address of this machine: to the front it is another host. */
const ELSEWHERE = '127.0.0.2'

test('a signature that takes half a minute lets its device in and keeps nobody waiting', async (context) => {
  const time = new ManualTime()
  const cloud = await openTestCloud(context, { clock: time, timers: time })
  const held = await holdingProxy(context, cloud.front.addresses.mqtt.port)
  const slow = cloud.client(await cloud.registeredDevice('slow'), { clientId: 'slow', tlsPort: held.port })
  const slowIsIn = connected(slow)
  await held.isHolding
  const other = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1' })
  await connected(other)
  await roundTrip(other, 'all/before')
  time.pass(seconds(30))
  await roundTrip(other, 'all/after')
  held.release()
  await slowIsIn
  await roundTrip(slow, 'all/slow')
})

test('half-open handshakes of one address drive out those of that address, and nobody else', async (context) => {
  const limits = { halfOpenMax: 1000, halfOpenPerAddressMax: 4 }
  const cloud = await openTestCloud(context, { limits })
  const held = await holdingProxy(context, cloud.front.addresses.mqtt.port, ELSEWHERE)
  const slow = cloud.client(await cloud.registeredDevice('slow'), { clientId: 'slow', tlsPort: held.port })
  const slowIsIn = connected(slow)
  await held.isHolding
  const flood = await openSockets(context, cloud, 40)
  await cloud.untilLogged('front.connection', ({ code }) => code === 'TLS_HANDSHAKE_TIMEOUT')
  held.release()
  await slowIsIn
  await roundTrip(slow, 'all/slow')
  const { cause } = await cloud.attemptWith('TLS_HANDSHAKE_TIMEOUT')
  assert.match(cause?.reason ?? '', /more than 4 newer connections of its address/)
  assert.ok(
    flood.some((socket) => !socket.destroyed),
    'the newest ones still have their time',
  )
})

for (const [what, bytes] of [
  ['say nothing', ''],
  ['send the begin of a ClientHello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['send no TLS', 'GET / HTTP/1.1\r\n\r\n'],
] as const) {
  test(`devices come in and work while hundreds of sockets ${what}`, async (context) => {
    const cloud = await openTestCloud(context, { limits: { halfOpenMax: 100, halfOpenPerAddressMax: 50 } })
    const devices = await Promise.all(['a', 'b', 'c'].map((name) => cloud.registeredDevice(name)))
    for (let wave = 0; wave < 3; wave++) {
      await openSockets(context, cloud, 100, bytes)
      for (const [index, device] of devices.entries()) {
        const client = fromElsewhere(context, cloud, device, ['a', 'b', 'c'][index] ?? '')
        await connected(client)
        await roundTrip(client, `all/${index}`)
        await client.endAsync(true)
      }
    }
    // What the crowd left does not push out what a device was refused for.
    const stranger = cloud.client(undefined, { clientId: 'stranger' })
    await once(stranger.stream, 'close')
    await cloud.attemptWith('NO_CLIENT_CERTIFICATE')
  })
}

/** Passes bytes on, but of the client only the ClientHello until it is told: as when a signature takes long. */
async function holdingProxy(
  context: TestContext,
  to: number,
  localAddress = '127.0.0.1',
): Promise<{ readonly port: number; readonly isHolding: Promise<void>; release(): void }> {
  const holding = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const server = createServer((client) => {
    const upstream = connectTcp({ host: '127.0.0.1', port: to, localAddress })
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined)
      context.after(() => socket.destroy())
    }
    upstream.pipe(client)
    client.once('data', (hello) => {
      upstream.write(hello)
      client.once('data', (rest) => {
        client.pause()
        holding.resolve()
        void released.promise.then(() => {
          upstream.write(rest)
          client.pipe(upstream)
        })
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, isHolding: holding.promise, release: () => released.resolve() }
}

async function openSockets(context: TestContext, cloud: TestCloud, count: number, bytes = ''): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connectTcp(cloud.front.addresses.mqtt.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume()
    context.after(() => socket.destroy())
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) if (bytes !== '') socket.write(bytes, 'latin1')
  return sockets
}

function fromElsewhere(
  context: TestContext,
  { front, root }: TestCloud,
  { keyPem, certificate }: TestIdentity,
  clientId: string,
): MqttClient {
  const { port } = front.addresses.mqtt
  const identity = { key: keyPem, cert: certificate.toPem(), ca: root.certificate.toPem() }
  const options = { localAddress: ELSEWHERE, clientId, reconnectPeriod: 0, servername: 'localhost' }
  const client = mqtt.connect({ protocol: 'mqtts', host: '127.0.0.1', port, ...identity, ...options })
  client.on('error', () => undefined)
  context.after(() => client.end(true))
  return client
}

async function roundTrip(client: MqttClient, topic: string): Promise<void> {
  await client.subscribeAsync(topic, { qos: 1 })
  const received = firstMessage(client)
  await client.publishAsync(topic, 'x', { qos: 1 })
  assert.equal((await received).topic, topic)
}
