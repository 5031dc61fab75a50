import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { AWS_PROFILE, type Delivery, parseTopicFilter } from '@birthmark/cloud/mqtt'
import type { AccessKeyRecord } from '@birthmark/cloud/registry'
import { instant, seconds } from '@birthmark/foundation/kernel'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { WebSocket } from 'ws'
import type { FrontOptions, SignatureVerdict } from './index.ts'
import { ManualTime } from './testing/manual-timers.ts'
import { closed, connected, firstMessage } from './testing/mqtt-client.ts'
import type { TestIdentity } from './testing/pki.ts'
import { ARN, commit, openTestCloud, type TestCloud } from './testing/test-cloud.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const KEY = 'AKIAIOSFODNN7EXAMPLE'

test('a device with a certificate speaks MQTT over WebSocket, in 3.1.1 and in 5', async (context) => {
  const cloud = await openCloud(context)
  const identity = await cloud.registeredDevice('press-1')
  for (const protocolVersion of [4, 5] as const) {
    const device = webSocket(context, cloud, { identity, clientId: 'press-1', protocolVersion })
    await connected(device)
    await device.subscribeAsync('dt/press-1/#', { qos: 1 })
    const received = firstMessage(device)
    await device.publishAsync('dt/press-1/t', Buffer.alloc(100_000, 'x'), { qos: 1 })
    assert.equal((await received).payload.length, 100_000)
    await device.endAsync()
  }
  await cloud.untilLogged('front.connection')
  const [attempt] = cloud.front.attempts.list({})
  assert.equal(attempt?.outcome, 'ended')
  assert.equal(attempt.cause, undefined)
  assert.equal(attempt.certificateId, identity.certificate.fingerprint)
  assert.deepEqual(
    attempt.steps.map(({ step }) => step).filter((step) => step === 'http' || step === 'session'),
    ['http', 'session'],
  )
})

test('old clients offer the subprotocol mqttv3.1 and get it', async (context) => {
  const cloud = await openCloud(context)
  const identity = await cloud.registeredDevice('press-1')
  const socket = raw(context, cloud, '/mqtt', ['mqttv3.1'], identity)
  await once(socket, 'open')
  assert.equal(socket.protocol, 'mqttv3.1')
})

test('a client that signs is bound by the permissions of its key, whatever certificate it has', async (context) => {
  const cloud = await openCloud(context)
  await addKey(cloud, [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${ARN}client/tool-*` },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${ARN}topic/all/*` },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${ARN}topicfilter/all/*` },
  ])
  const tool = webSocket(context, cloud, { path: SIGNED, clientId: 'tool-1', protocolVersion: 5 })
  await connected(tool)
  await tool.subscribeAsync('all/#', { qos: 1 })
  await assert.rejects(tool.subscribeAsync('dt/#', { qos: 1 }))
  const received = firstMessage(tool)
  await tool.publishAsync('all/x', 'hello', { qos: 1 })
  assert.equal((await received).topic, 'all/x')
  const [attempt] = cloud.front.attempts.list({ clientId: 'tool-1' })
  assert.equal(attempt?.certificateId, undefined)
  const identity = await cloud.registeredDevice('press-1')
  const refused = webSocket(context, cloud, { path: SIGNED, identity, clientId: 'press-1' })
  await closed(refused)
  await cloud.attemptWith('POLICY_DENIED_CONNECT')
})

test('a key that is revoked ends the WebSockets that it signed', async (context) => {
  const cloud = await openCloud(context)
  await addKey(cloud, [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  const tool = webSocket(context, cloud, { path: SIGNED, clientId: 'tool-1' })
  await connected(tool)
  const ended = closed(tool)
  await commit(cloud.scoped, [{ do: 'revoke-access-key', id: KEY }])
  await ended
  await cloud.attemptWith('SIGNATURE_REFUSED')
})

test('a WebSocket that a temporary key has signed ends with the key', async (context) => {
  const time = new ManualTime()
  const cloud = await openCloud(context, { clock: time, timers: time }, instant(time.now() + seconds(900)))
  await addKey(cloud, [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
  const tool = webSocket(context, cloud, { path: SIGNED, clientId: 'tool-1', keepalive: 1200 })
  await connected(tool)
  const told: string[] = []
  const deliver = ({ message }: Delivery): void => void told.push(Buffer.from(message.payload).toString())
  const filter = parseTopicFilter('$aws/events/presence/disconnected/+', AWS_PROFILE)
  cloud.bus.subscribe(filter, { connectionId: undefined, deliver }, { qos: 0, noLocal: false })
  const ended = closed(tool)
  time.pass(seconds(900))
  await ended
  assert.match(told.join('\n'), /"disconnectReason":"WEBSOCKET_TTL_EXPIRATION"/)
  const attempt = await cloud.attemptWith('WEBSOCKET_EXPIRED')
  assert.equal(attempt.outcome, 'ended')
})

const REFUSALS: readonly (readonly [
  what: string,
  path: string,
  protocols: readonly string[],
  status: number,
  code: string,
])[] = [
  ['without certificate and signature', '/mqtt', ['mqtt'], 403, 'NO_CLIENT_CERTIFICATE'],
  ['at another path', '/elsewhere', ['mqtt'], 404, 'WEBSOCKET_REFUSED'],
  ['without a subprotocol', '/mqtt', [], 400, 'WEBSOCKET_REFUSED'],
  ['with another subprotocol', '/mqtt', ['chat'], 400, 'WEBSOCKET_REFUSED'],
  ['with a wrong signature', '/mqtt?X-Amz-Signature=wrong', ['mqtt'], 403, 'SIGNATURE_REFUSED'],
  ['for an authorizer', '/mqtt?x-amz-customauthorizer-name=a', ['mqtt'], 403, 'AUTHORIZER_UNKNOWN'],
]

for (const [what, path, protocols, status, code] of REFUSALS) {
  test(`a WebSocket ${what} is refused with ${status}, and its attempt says ${code}`, async (context) => {
    const cloud = await openCloud(context)
    const socket = raw(context, cloud, path, protocols)
    const [, answer] = await once(socket, 'unexpected-response')
    assert.equal(answer.statusCode, status)
    socket.terminate()
    const attempt = await cloud.attemptWith(code)
    assert.equal(attempt.outcome, 'refused')
  })
}

test('MQTT in messages of text ends the connection [MQTT-6.0.0-1 MQTT3-6.0.0-1]', async (context) => {
  const cloud = await openCloud(context)
  const socket = raw(context, cloud, '/mqtt', ['mqtt'], await cloud.registeredDevice('press-1'))
  await once(socket, 'open')
  socket.send('hello')
  await once(socket, 'close')
  const attempt = await cloud.attemptWith('CONNECTION_LOST')
  assert.match(attempt.cause?.reason ?? '', /text/)
})

test('a message beyond the limit ends the connection, and pings are answered', async (context) => {
  const cloud = await openCloud(context)
  const socket = raw(context, cloud, '/mqtt', ['mqtt'], await cloud.registeredDevice('press-1'))
  await once(socket, 'open')
  socket.ping('are you there')
  const [pong] = await once(socket, 'pong')
  assert.equal(String(pong), 'are you there')
  socket.send(Buffer.alloc(200_000))
  const [code] = await once(socket, 'close')
  assert.equal(code, 1009)
})

test('packets across messages [MQTT-6.0.0-2 MQTT-6.0.0-4 MQTT3-6.0.0-2 MQTT3-6.0.0-4]', async (context) => {
  const cloud = await openCloud(context)
  const socket = raw(context, cloud, '/mqtt', ['mqtt'], await cloud.registeredDevice('press-1'))
  await once(socket, 'open')
  assert.equal(socket.protocol, 'mqtt')
  const connect = Buffer.from('101300044d5154540402003c000770726573732d31', 'hex')
  const ping = Buffer.from('c000', 'hex')
  const answers: Buffer[] = []
  const all = new Promise<void>((resolve) => {
    socket.on('message', (message: Buffer) => {
      answers.push(message)
      if (Buffer.concat(answers).length === 6) resolve()
    })
  })
  socket.send(connect.subarray(0, 9))
  socket.send(Buffer.concat([connect.subarray(9), ping]))
  await all
  assert.equal(Buffer.concat(answers).toString('hex'), '20020000d000')
})

test('a front that closes ends WebSockets', async (context) => {
  const cloud = await openCloud(context)
  const identity = await cloud.registeredDevice('press-1')
  const device = webSocket(context, cloud, { identity, clientId: 'press-1' })
  await connected(device)
  const ended = closed(device)
  await cloud.front.close()
  await ended
})

const SIGNED = '/mqtt?X-Amz-Signature=right'

/** Signatures are judged by what they say: how they are made is for the tests with real clients. */
function openCloud(
  context: TestContext,
  options: Partial<FrontOptions> = {},
  expiresAt?: ReturnType<typeof instant>,
): Promise<TestCloud> {
  const scope = { account: ARN.split(':')[4] ?? '', region: ARN.split(':')[3] ?? '' }
  const right: SignatureVerdict = { ok: true, key: { id: KEY, scope, expiresAt } }
  const wrong: SignatureVerdict = { ok: false, status: 403, exception: 'InvalidSignatureException', why: 'it is wrong' }
  return openTestCloud(context, {
    listeners: { mqtt: LOOPBACK, https: LOOPBACK },
    http: {
      answer: () => assert.fail('this is no request'),
      checkSignature: async ({ url = '' }) => (url.includes('right') ? right : wrong),
    },
    ...options,
  })
}

async function addKey({ scoped }: TestCloud, statements: readonly object[]): Promise<void> {
  const permissions = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  const made = { name: 'tool', createdAt: instant(Date.now()), role: 'custom', session: undefined }
  const key: AccessKeyRecord = { id: KEY, secret: 'secret', permissions, ...made }
  await commit(scoped, [{ do: 'create-access-key', key }])
}

function webSocket(
  context: TestContext,
  { front, root }: TestCloud,
  { path = '/mqtt', identity, ...options }: IClientOptions & { path?: string; identity?: TestIdentity },
): MqttClient {
  const client = mqtt.connect(`wss://localhost:${front.addresses.https?.port}${path}`, {
    reconnectPeriod: 0,
    ca: root.certificate.toPem(),
    ...(identity && { key: identity.keyPem, cert: identity.certificate.toPem() }),
    ...options,
  })
  client.on('error', () => undefined)
  context.after(() => client.end(true))
  return client
}

function raw(
  context: TestContext,
  { front, root }: TestCloud,
  path: string,
  protocols: readonly string[],
  identity?: TestIdentity,
): WebSocket {
  const socket = new WebSocket(`wss://localhost:${front.addresses.https?.port}${path}`, [...protocols], {
    ca: root.certificate.toPem(),
    ...(identity && { key: identity.keyPem, cert: identity.certificate.toPem() }),
  })
  socket.on('error', () => undefined)
  context.after(() => socket.terminate())
  return socket
}
