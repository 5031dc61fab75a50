import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import mqtt from 'mqtt'
import { closed, connected } from './testing/mqtt-client.ts'
import { openTestCloud, type TestCloud } from './testing/test-cloud.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

test('the HTTPS listener knows a client of MQTT that offers no protocol by its first byte', async (context) => {
  const cloud = await openTestCloud(context, { listeners: { mqtt: LOOPBACK, https: LOOPBACK } })
  const device = await cloud.registeredDevice('press-1')
  const tlsPort = cloud.front.addresses.https?.port ?? 0
  await connected(cloud.client(device, { clientId: 'press-1', tlsPort }))
  const [attempt] = cloud.front.attempts.list({})
  assert.equal(attempt?.alpn, undefined)
  assert.equal(attempt?.listener, 'https')
})

for (const protocolVersion of [4, 5] as const) {
  test(`ALPN mqtt on the HTTPS listener asks for an authorizer, refused in ${protocolVersion}`, async (context) => {
    const cloud = await openTestCloud(context, { listeners: { mqtt: LOOPBACK, https: LOOPBACK } })
    const device = await cloud.registeredDevice('press-1')
    const tlsPort = cloud.front.addresses.https?.port ?? 0
    const client = cloud.client(device, { clientId: 'press-1', alpn: ['mqtt'], tlsPort, protocolVersion })
    const error = await new Promise<unknown>((resolve) => client.once('error', resolve))
    assert.ok(error instanceof mqtt.ErrorWithReasonCode)
    assert.equal(error.code, protocolVersion === 4 ? 5 : 0x87)
    await cloud.attemptWith('AUTHORIZER_UNKNOWN')
  })
}

for (const alpn of [undefined, ['x-amzn-mqtt-ca'], ['mqtt'], ['h2', 'something-else']]) {
  test(`the MQTT listener takes clients that offer ${alpn?.join(' and ') ?? 'no protocol'}`, async (context) => {
    const cloud = await openTestCloud(context)
    const device = await cloud.registeredDevice('press-1')
    await connected(cloud.client(device, { clientId: 'press-1', ...(alpn && { alpn }) }))
    const [attempt] = cloud.front.attempts.list({})
    assert.equal(attempt?.alpn, alpn?.[0])
    assert.equal(attempt?.listener, 'mqtt')
  })
}

test('the HTTPS listener serves MQTT by ALPN, and HTTP to everybody else', async (context) => {
  const cloud = await openTestCloud(context, {
    listeners: { mqtt: LOOPBACK, https: LOOPBACK },
    http: {
      answer: (request, response, client) => {
        response.end(`path ${request.url}`)
        client.conclude({ detail: 'answered', cause: undefined })
      },
      checkSignature: () => assert.fail('nobody has signed'),
    },
  })
  const device = await cloud.registeredDevice('press-1')
  const tlsPort = cloud.front.addresses.https?.port ?? 0
  await connected(cloud.client(device, { clientId: 'press-1', alpn: ['x-amzn-mqtt-ca'], tlsPort }))
  assert.equal(await read(cloud, tlsPort), 'path /x')
  await cloud.untilLogged('front.connection')
  const [attempt] = cloud.front.attempts.list({ outcome: 'ended' })
  assert.equal(attempt?.listener, 'https')
  assert.equal(attempt.cause, undefined)
})

test('without anybody to serve HTTPS a connection ends with a cause', async (context) => {
  const cloud = await openTestCloud(context, { listeners: { mqtt: LOOPBACK, https: LOOPBACK } })
  assert.equal(await read(cloud, cloud.front.addresses.https?.port ?? 0), '')
  await cloud.attemptWith('HTTP_REQUEST_REFUSED')
})

test('the plain listener asks nobody who they are, and listens on loopback only', async (context) => {
  const cloud = await openTestCloud(context, { listeners: { mqtt: LOOPBACK, plain: LOOPBACK } })
  const client = mqtt.connect({ host: '127.0.0.1', port: cloud.front.addresses.plain?.port ?? 0, reconnectPeriod: 0 })
  context.after(() => client.end(true))
  await connected(client)
  await client.subscribeAsync('anything/#')
  await client.publishAsync('anything/at/all', 'x', { qos: 1 })
  await assert.rejects(openTestCloud(context, { listeners: { mqtt: LOOPBACK, plain: { host: '0.0.0.0', port: 0 } } }), {
    code: 'PLAIN_LISTENER_EXPOSED',
  })
})

test('a port in use and an unusable key keep a front from starting', async (context) => {
  const server = createServer().listen(0, '127.0.0.1')
  context.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await assert.rejects(openTestCloud(context, { listeners: { mqtt: { host: '127.0.0.1', port } } }), {
    code: 'LISTEN_FAILED',
  })
  await assert.rejects(openTestCloud(context, { endpoints: { endpoint: { key: 'x', certificate: 'y' } } }), {
    code: 'ENDPOINT_UNUSABLE',
  })
})

test('a front that closes ends handshakes and HTTPS connections too', async (context) => {
  const served = Promise.withResolvers<void>()
  const cloud = await openTestCloud(context, {
    listeners: { mqtt: LOOPBACK, https: LOOPBACK },
    http: { answer: () => served.resolve(), checkSignature: () => assert.fail('nobody has signed') },
  })
  const device = await cloud.registeredDevice('press-1')
  const tlsPort = cloud.front.addresses.https?.port ?? 0
  const client = cloud.client(device, { clientId: 'press-1', tlsPort })
  const request = assert.rejects(read(cloud, tlsPort))
  const handshake = connect(cloud.front.addresses.mqtt.port, '127.0.0.1')
  const ends = Promise.all([closed(client), request, once(handshake.resume(), 'close')])
  await Promise.all([served.promise, once(handshake, 'connect')])
  await cloud.front.close()
  await ends
})

function read(cloud: TestCloud, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const ca = cloud.root.certificate.toPem()
    const request = get(
      { host: '127.0.0.1', port, servername: 'localhost', ca, path: '/x', agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      },
    )
    request.on('error', reject)
  })
}
