import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { encodePacket } from '@birthmark/cloud/mqtt'
import { seconds } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { ManualTime } from './testing/manual-timers.ts'
import { connected } from './testing/mqtt-client.ts'
import type { TestIdentity } from './testing/pki.ts'
import { connectPacket } from './testing/raw-client.ts'
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts'

const CONNECT = encodePacket(connectPacket(4, { clientId: 'press-1' }), 4)

test('arbitrary bytes, with and without a CONNECT before them, end in a cause and harm nobody', async (context) => {
  const cloud = await openTestCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 })
  const opening = fc.constantFrom(new Uint8Array(0), CONNECT)
  await fc.assert(
    fc.asyncProperty(opening, bytes, async (first, garbage) => {
      const socket = await secure(context, cloud, device)
      // Ends our direction too, so that what needs more bytes to be wrong is over as well.
      socket.end(Buffer.concat([first, garbage]))
      await gone(socket)
    }),
    { numRuns: 60 },
  )
  await cloud.untilLogged('front.connection', () => connections(cloud).length >= 60)
  for (const attempt of cloud.front.attempts.list({ limit: 1000 })) {
    assert.notEqual(attempt.outcome, 'open')
    assert.notEqual(attempt.cause?.code, 'SERVER_ERROR', JSON.stringify(attempt))
    const saidGoodBye = attempt.steps.at(-1)?.detail.startsWith('the client disconnected')
    assert.ok(attempt.cause !== undefined || saidGoodBye, JSON.stringify(attempt))
  }
  assert.equal(cloud.logged.filter(({ event }) => event !== 'front.connection').length, 0)
  await connected(cloud.client(device, { clientId: 'press-1' }))
})

const RAW: readonly (readonly [what: string, bytes: Uint8Array, code: string])[] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'CONNECT_EXPECTED'],
  ['a PUBLISH first', Uint8Array.of(0x30, 0x04, 0x00, 0x01, 0x61, 0x62), 'CONNECT_EXPECTED'],
  [
    'MQTT 3.1',
    Buffer.from('\x10\x14\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x06press1', 'latin1'),
    'CONNECT_PROTOCOL_VERSION',
  ],
  ['a CONNECT above the size that strangers may send', Uint8Array.of(0x10, 0xff, 0x7f), 'MQTT_LIMIT_REACHED'],
  ['a second CONNECT', Buffer.concat([CONNECT, CONNECT]), 'MQTT_PROTOCOL_ERROR'],
  [
    'a QoS 2 message',
    Buffer.concat([CONNECT, Uint8Array.of(0x34, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01)]),
    'MQTT_FEATURE_UNSUPPORTED',
  ],
  [
    'a topic of nine levels',
    Buffer.concat([CONNECT, Buffer.from('\x30\x13\x00\x11a/b/c/d/e/f/g/h/i', 'latin1')]),
    'MQTT_LIMIT_REACHED',
  ],
]

for (const [what, bytes, code] of RAW) {
  test(`${what} ends in ${code}`, async (context) => {
    const cloud = await openTestCloud(context)
    const device = await cloud.registeredDevice('press-1')
    const socket = await secure(context, cloud, device)
    socket.write(bytes)
    await gone(socket)
    const { cause } = await cloud.attemptWith(code)
    assert.notEqual(cause?.remedy, '')
  })
}

test('what does not speak TLS ends in an attempt that says so', async (context) => {
  const cloud = await openTestCloud(context)
  const sent = ['GET / HTTP/1.1\r\n\r\n', CONNECT, 'x', '']
  for (const bytes of sent) {
    const socket = tcp(context, cloud)
    socket.end(bytes)
    await gone(socket)
  }
  await cloud.untilLogged('front.connection', () => connections(cloud).length === sent.length)
  const reasons = cloud.front.attempts.list({ outcome: 'refused' }).map(({ cause }) => cause)
  assert.deepEqual(new Set(reasons.map((cause) => cause?.code)), new Set(['TLS_EXPECTED', 'TLS_HANDSHAKE_FAILED']))
  assert.ok(reasons.some((cause) => cause?.reason.includes('speaks HTTP without TLS')))
  assert.ok(reasons.some((cause) => cause?.reason.includes('does not speak TLS')))
})

test('a client that does not trust the endpoint is told apart', async (context) => {
  const cloud = await openTestCloud(context)
  const socket = connectTls({ host: '127.0.0.1', port: cloud.front.addresses.mqtt.port, servername: 'localhost' })
  await assert.rejects(once(socket, 'secureConnect'))
  const attempt = await cloud.attemptWith('TLS_HANDSHAKE_FAILED')
  assert.equal(attempt.outcome, 'refused')
})

test('silent sockets beyond the limit make room for an honest client, oldest first', async (context) => {
  const cloud = await openTestCloud(context, { limits: { halfOpenMax: 4 } })
  const device = await cloud.registeredDevice('press-1')
  const silent: Socket[] = []
  for (let index = 0; index < 4; index++) {
    const socket = tcp(context, cloud)
    await once(socket, 'connect')
    silent.push(socket)
  }
  const secured = await secure(context, cloud, device)
  await gone(silent[0]!)
  const client = cloud.client(device, { clientId: 'press-1' })
  await connected(client)
  await gone(silent[1]!)
  const { cause } = await cloud.attemptWith('TLS_HANDSHAKE_TIMEOUT')
  assert.match(cause?.reason ?? '', /made room for one of more than 4 newer connections/)
  assert.equal(secured.destroyed, false)
})

test('a handshake, and a CONNECT, that do not come in time end the connection', async (context) => {
  const time = new ManualTime()
  const cloud = await openTestCloud(context, { clock: time, timers: time })
  const device = await cloud.registeredDevice('press-1')
  const silent = tcp(context, cloud)
  await once(silent, 'connect')
  const secured = await secure(context, cloud, device)
  secured.write(CONNECT.subarray(0, 5))
  const partial = await secure(context, cloud, device)
  time.pass(seconds(46))
  await Promise.all([gone(silent), gone(secured), gone(partial)])
  const late = await cloud.attemptWith('TLS_HANDSHAKE_TIMEOUT')
  assert.match(late.cause?.reason ?? '', /45 seconds have passed/)
  const silentAfterTls = await cloud.attemptWith('CONNECT_TIMEOUT')
  assert.equal(silentAfterTls.certificateId, device.certificate.fingerprint)
})

test('a client that falls silent is ended after one and a half keep-alives', async (context) => {
  const time = new ManualTime()
  const cloud = await openTestCloud(context, { clock: time, timers: time })
  const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1', keepalive: 60 })
  await connected(client)
  time.pass(seconds(91))
  const { cause } = await cloud.attemptWith('KEEP_ALIVE_TIMEOUT')
  assert.match(cause?.reason ?? '', /90 seconds/)
})

test('connections beyond the limit are closed before TLS begins, and logged', async (context) => {
  const cloud = await openTestCloud(context, { limits: { connectionsMax: 1 } })
  const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1' })
  await connected(client)
  const refused = tcp(context, cloud)
  await gone(refused)
  await cloud.untilLogged('front.limit')
})

test('a client that does not read is told no more than its queue holds, and the others are served', async (context) => {
  const cloud = await openTestCloud(context)
  const slow = await secure(context, cloud, await cloud.registeredDevice('press-1'))
  slow.write(CONNECT)
  slow.write(Uint8Array.of(0x82, 0x0a, 0x00, 0x01, 0x00, 0x05, ...Buffer.from('all/#'), 0x00))
  await once(slow, 'data')
  slow.pause()
  const publisher = cloud.client(await cloud.registeredDevice('press-2'), { clientId: 'press-2' })
  await connected(publisher)
  const payload = Buffer.alloc(100_000)
  for (let count = 0; count < 200; count++) await publisher.publishAsync('all/bulk', payload, { qos: 1 })
  slow.destroy()
  await cloud.untilLogged('front.connection', ({ clientId }) => clientId === 'press-1')
  const [attempt] = cloud.front.attempts.list({ clientId: 'press-1' })
  assert.match(attempt?.steps.at(-1)?.detail ?? '', /messages did not reach the client/)
})

function connections(cloud: TestCloud): readonly unknown[] {
  return cloud.logged.filter(({ event }) => event === 'front.connection')
}

function tcp(context: TestContext, cloud: TestCloud): Socket {
  const socket = connectTcp(cloud.front.addresses.mqtt.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  context.after(() => socket.destroy())
  return socket
}

async function secure(
  context: TestContext,
  cloud: TestCloud,
  { keyPem, certificate }: TestIdentity,
): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: cloud.front.addresses.mqtt.port,
    servername: 'localhost',
    ca: cloud.root.certificate.toPem(),
    key: keyPem,
    cert: certificate.toPem(),
  })
  socket.on('error', () => undefined)
  socket.resume()
  context.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function gone(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
}
