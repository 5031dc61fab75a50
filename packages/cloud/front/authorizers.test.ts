import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { AWS_PROFILE, type Delivery, parseTopicFilter } from '@birthmark/cloud/mqtt'
import { seconds } from '@birthmark/foundation/kernel'
import mqtt from 'mqtt'
import type { AuthorizerCredentials, AuthorizerGrant, AuthorizerPort, AuthorizerVerdict } from './index.ts'
import { ManualTime } from './testing/manual-timers.ts'
import { closed, connected } from './testing/mqtt-client.ts'
import { ARN, openTestCloud, type TestCloud } from './testing/test-cloud.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const PASSWORD = 'a-secret-password'
const USER = 'user?x-amz-customauthorizer-name=doors&token=a-secret-token'
const CLIENT = { clientId: 'meter-1', alpn: ['mqtt'], username: USER, password: PASSWORD, keepalive: 1200 }

/** Answers what a test has written down, and remembers what it was asked. */
class Doors implements AuthorizerPort {
  readonly asked: AuthorizerCredentials[] = []
  next: AuthorizerVerdict = { ok: true, grant: grant(['all']) }
  areThere = true

  async isThere(): Promise<boolean> {
    return this.areThere
  }

  async authorize(_scope: unknown, credentials: AuthorizerCredentials): Promise<AuthorizerVerdict> {
    this.asked.push(credentials)
    return this.next
  }
}

/** Lets a client connect, and use the topics below these. */
function grant(topics: readonly string[], change: Partial<AuthorizerGrant> = {}): AuthorizerGrant {
  const Resource = topics.flatMap((topic) => [`${ARN}topic/${topic}/*`, `${ARN}topicfilter/${topic}/*`])
  const Statement = [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Subscribe', 'iot:Receive'], Resource },
  ]
  const policies = [JSON.stringify({ Version: '2012-10-17', Statement })]
  const times = { disconnectAfter: 3600, refreshAfter: 300 }
  return {
    authorizer: 'doors',
    isSigned: true,
    principalId: 'meter1',
    policies,
    isCachedForHttp: false,
    ...times,
    ...change,
  }
}

interface Opened {
  readonly cloud: TestCloud
  readonly doors: Doors
  readonly time: ManualTime
  readonly tlsPort: number
}

async function open(context: TestContext): Promise<Opened> {
  const [doors, time] = [new Doors(), new ManualTime()]
  const cloud = await openTestCloud(context, {
    listeners: { mqtt: LOOPBACK, https: LOOPBACK },
    clock: time,
    timers: time,
    authorizers: doors,
    http: {
      answer(request, response, client) {
        void client.admit(request).then((admitted) => {
          const access = { action: 'iot:Publish', resource: `${ARN}topic/all/x` } as const
          const cause = admitted.ok ? admitted.principal.denial(access) : admitted.cause
          response.writeHead(cause === undefined ? 200 : 403).end(cause?.code ?? 'done')
          client.conclude({ detail: 'asked', cause })
        })
      },
      checkSignature: () => assert.fail('nobody has signed'),
    },
  })
  return { cloud, doors, time, tlsPort: cloud.front.addresses.https?.port ?? 0 }
}

test('an authorizer is told what a client says, and nobody else is', async (context) => {
  const { cloud, doors, tlsPort } = await open(context)
  const client = cloud.client(undefined, { ...CLIENT, tlsPort })
  await connected(client)
  await client.publishAsync('all/x', 'x', { qos: 1 })
  const [attempt] = cloud.front.attempts.list({})
  assert.deepEqual(doors.asked, [
    {
      connectionId: attempt?.id,
      serverName: 'localhost',
      mqtt: { username: USER, password: Buffer.from(PASSWORD).toString('base64'), clientId: 'meter-1' },
    },
  ])
  const step = attempt?.steps.find((each) => each.step === 'authorizer')
  assert.equal(step?.detail, 'authorizer doors, token signed, principal meter1, 1 policy')
  await client.endAsync()
  await cloud.untilLogged('front.connection')
  assert.doesNotMatch(JSON.stringify([cloud.front.attempts.list({}), cloud.logged]), /a-secret/)
})

test('a user name that names an authorizer is enough on the MQTT port, without a certificate', async (context) => {
  const { cloud, doors } = await open(context)
  await connected(cloud.client(undefined, { clientId: 'meter-1', username: USER, password: PASSWORD }))
  assert.equal(doors.asked.length, 1)
  await closed(cloud.client(undefined, { clientId: 'meter-2', username: 'somebody' }))
  await cloud.attemptWith('NO_CLIENT_CERTIFICATE')
  const device = await cloud.registeredDevice('press-1')
  await connected(cloud.client(device, { clientId: 'press-1', username: USER }))
  assert.equal(doors.asked.length, 1, 'who shows a certificate there is known by it')
})

test('a refusal is told to the client, with the first cause in the attempt', async (context) => {
  const { cloud, doors, tlsPort } = await open(context)
  for (const code of ['AUTHORIZER_REFUSED', 'AUTHORIZER_FAILED', 'AUTHORIZER_INACTIVE'] as const) {
    doors.next = { ok: false, code, why: 'the door is shut' }
    const client = cloud.client(undefined, { ...CLIENT, tlsPort, protocolVersion: 5 })
    const error = await new Promise<unknown>((resolve) => client.once('error', resolve))
    assert.ok(error instanceof mqtt.ErrorWithReasonCode)
    assert.equal(error.code, 0x87)
    assert.match((await cloud.attemptWith(code)).cause?.reason ?? '', /the door is shut/)
  }
  doors.next = { ok: true, grant: grant([], { policies: [] }) }
  await closed(cloud.client(undefined, { ...CLIENT, tlsPort }))
  await cloud.attemptWith('POLICY_DENIED_CONNECT')
})

test('an authorizer is asked again: other policies bind the session, and a refusal ends it', async (context) => {
  const { cloud, doors, time, tlsPort } = await open(context)
  const client = cloud.client(undefined, { ...CLIENT, tlsPort, protocolVersion: 5 })
  await connected(client)
  await client.subscribeAsync('all/#', { qos: 1 })
  doors.next = { ok: true, grant: grant(['other'], { refreshAfter: 600 }) }
  time.pass(seconds(300))
  await untilReloaded(cloud)
  await client.subscribeAsync('other/#', { qos: 1 })
  await assert.rejects(client.subscribeAsync('all/more', { qos: 1 }))
  assert.equal(doors.asked.length, 2)
  assert.deepEqual(doors.asked[1], doors.asked[0])
  time.pass(seconds(300))
  assert.equal(doors.asked.length, 2, 'the last answer says when')
  doors.next = { ok: false, code: 'AUTHORIZER_REFUSED', why: 'the door is shut' }
  const ended = closed(client)
  time.pass(seconds(300))
  assert.equal((await ended).code, 0x87)
  const attempt = await cloud.attemptWith('POLICY_DENIED_SUBSCRIBE')
  assert.match(attempt.steps.at(-1)?.detail ?? '', /not-authorized/)
})

test('a connection lasts as long as the authorizer said when it began', async (context) => {
  const { cloud, doors, time, tlsPort } = await open(context)
  doors.next = { ok: true, grant: grant(['all'], { disconnectAfter: 300, refreshAfter: 86_400 }) }
  const told: string[] = []
  const deliver = ({ message }: Delivery): void => void told.push(Buffer.from(message.payload).toString())
  const filter = parseTopicFilter('$aws/events/presence/#', AWS_PROFILE)
  cloud.bus.subscribe(filter, { connectionId: undefined, deliver }, { qos: 0, noLocal: false })
  const client = cloud.client(undefined, { ...CLIENT, tlsPort })
  await connected(client)
  const ended = closed(client)
  time.pass(seconds(300))
  await ended
  assert.match(told.join('\n'), /"eventType":"connected".*"principalIdentifier":"meter1"/)
  assert.match(told.join('\n'), /"disconnectReason":"CUSTOMAUTH_TTL_EXPIRATION"/)
  await cloud.attemptWith('AUTHORIZATION_EXPIRED')
})

test('a client that has gone is not asked about any more', async (context) => {
  const { cloud, doors, time, tlsPort } = await open(context)
  const client = cloud.client(undefined, { ...CLIENT, tlsPort })
  await connected(client)
  await client.endAsync()
  await cloud.untilLogged('front.connection')
  time.pass(seconds(7200))
  assert.equal(doors.asked.length, 1)
})

test('a request over HTTP is judged anew each time, unless the authorizer lets its answer be kept', async (context) => {
  const { cloud, doors, time, tlsPort } = await open(context)
  const socket = await secure(context, cloud, tlsPort)
  const header = 'x-amz-customauthorizer-name: doors\r\n'
  assert.match(await ask(socket, header), / 200 /)
  assert.match(await ask(socket, header), / 200 /)
  assert.equal(doors.asked.length, 2)
  const { http, mqtt: none } = doors.asked[0] ?? {}
  assert.deepEqual(
    [http?.headers['x-amz-customauthorizer-name'], http?.queryString, none],
    ['doors', '?qos=1', undefined],
  )
  doors.next = { ok: true, grant: grant(['all'], { isCachedForHttp: true }) }
  for (let round = 0; round < 3; round++) assert.match(await ask(socket, header), / 200 /)
  assert.equal(doors.asked.length, 3)
  await ask(socket, `${header}token: another\r\n`)
  assert.equal(doors.asked.length, 4, 'who says something else is somebody else')
  time.pass(seconds(5))
  doors.next = { ok: false, code: 'AUTHORIZER_REFUSED', why: 'the door is shut' }
  assert.match(await ask(socket, `${header}token: third\r\n`), /AUTHORIZER_REFUSED/)
  doors.next = { ok: false, code: 'AUTHORIZER_UNKNOWN', why: 'there is no such door' }
  assert.match(await ask(socket, ''), /NO_CLIENT_CERTIFICATE/)
})

async function untilReloaded({ front }: TestCloud): Promise<void> {
  const isReloaded = (): boolean => front.attempts.list({}).some(({ steps }) => steps.some(saysReloaded))
  while (!isReloaded()) await setImmediate()
}

function saysReloaded({ detail }: { readonly detail: string }): boolean {
  return detail.startsWith('reloaded')
}

async function secure(context: TestContext, cloud: TestCloud, port: number): Promise<TLSSocket> {
  const ca = cloud.root.certificate.toPem()
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] })
  context.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function ask(socket: TLSSocket, headers: string): Promise<string> {
  socket.write(`POST /topics/all/x?qos=1 HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: 0\r\n\r\n`)
  let answer = ''
  while (!/\r\n\r\n[^]*\r\n0\r\n\r\n$|\r\n\r\n\S+$/.test(answer)) answer += String((await once(socket, 'data'))[0])
  return answer
}
