import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import mqtt, { type IClientOptions } from 'mqtt'
import { WebSocket } from 'ws'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { presignRequest, signRequest } from '../testkit/sign-request.ts'

/**
 * MQTT over WebSocket from clients that we did not write, unmodified, against `birthmark server`: mqtt (npm), AWS's
 * device SDK for JavaScript v1 and v2 (testing/clients).
 */
const cloud = await startRunningCloud()
after(() => cloud.close())

const arn = `arn:aws:iot:${cloud.region}:${cloud.account}`
await cloud.createPolicy('below-dt', [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/*` },
  { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${arn}:topic/dt/*` },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${arn}:topicfilter/dt/*` },
])
const press = await cloud.newDevice('press', 'below-dt')
const root = readFileSync(cloud.rootPath)

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** A temporary key of an operator: it comes with a session token. */
async function temporaryKey(): Promise<Credentials> {
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const env = {
    HOME: cloud.folder,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  const words = ['access', 'create', '--name', 'tool', '--role', 'operator', '--for', '30m', '--json']
  const { status, stdout, stderr } = await runBirthmark(words, { env })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}
const temporary = await temporaryKey()
const KEYS: readonly (readonly [what: string, credentials: Credentials])[] = [
  ['a key', cloud.access],
  ['a temporary key', temporary],
]

/** Connects, publishes to what it has subscribed to, and gives what came back. */
async function echo(context: TestContext, url: string, options: IClientOptions): Promise<string> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ca: root, ...options })
  context.after(() => client.end(true))
  await client.subscribeAsync('dt/echo', { qos: 1 })
  const received = new Promise<string>((resolve) =>
    client.once('message', (_topic, payload) => resolve(String(payload))),
  )
  await client.publishAsync('dt/echo', `from ${options.clientId}`, { qos: 1 })
  return received
}

const CLIENTS = join(import.meta.dirname, '../clients')
const at = `wss://localhost:${cloud.httpsPort}/mqtt`

for (const protocolVersion of [4, 5] as const) {
  test(`mqtt (npm) speaks MQTT ${protocolVersion} over WebSocket with a client certificate`, async (context) => {
    const identity = { key: readFileSync(press.key), cert: readFileSync(press.certificate) }
    const options = { ...identity, clientId: `cert-${protocolVersion}`, protocolVersion }
    assert.equal(await echo(context, at, options), `from cert-${protocolVersion}`)
  })
}

/** What is signed of `GET /mqtt`, with the host as clients send it. */
function opening(): Parameters<typeof signRequest>[0] {
  const { hostname, port, pathname: path } = new URL(at)
  const headers = { host: `${hostname}:${port}` }
  return { method: 'GET', protocol: 'https:', hostname, port: Number(port), path, headers, query: {} }
}

for (const [what, credentials] of KEYS) {
  const signing = { credentials, region: cloud.region, service: 'iotdevicegateway' }

  test(`mqtt (npm) connects with SigV4 in the header, by ${what}`, async (context) => {
    const { headers } = await signRequest(opening(), signing)
    const clientId = `header ${what}`
    assert.equal(await echo(context, at, { clientId, wsOptions: { headers } }), `from ${clientId}`)
  })

  test(`mqtt (npm) connects with a presigned address, by ${what}`, async (context) => {
    const { query = {} } = await presignRequest(opening(), 300, signing)
    const clientId = `presigned ${what}`
    const url = `${at}?${new URLSearchParams(query as Record<string, string>).toString()}`
    assert.equal(await echo(context, url, { clientId, protocolVersion: 5 }), `from ${clientId}`)
  })

  test(`AWS's device SDK v1 connects over WebSocket, by ${what}`, async (context) => {
    const { accessKeyId, secretAccessKey: secretKey, sessionToken } = credentials
    const client = startForeignServer(
      context,
      process.execPath,
      [
        join(CLIENTS, 'websocket-v1.js'),
        JSON.stringify({ ...where('v1'), ...keyed({ accessKeyId, secretKey, sessionToken }) }),
      ],
      // What the SDK is told as its CA does not reach its WebSocket.
      { NODE_EXTRA_CA_CERTS: cloud.rootPath },
    )
    await client.says(/^received hello/m)
  })

  test(`AWS's device SDK v2 connects over WebSocket, by ${what}`, async (context) => {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const { host, port, topic, message, clientId, region } = where('v2')
    const words = { host, port, topic, message, clientId, region, root: cloud.rootPath }
    const script = join(CLIENTS, 'websocket-v2.js')
    const given = JSON.stringify({ ...words, accessKeyId, secretAccessKey, sessionToken })
    const client = startForeignServer(context, process.execPath, [script, given])
    await client.says(/^3\.1\.1 received hello/m)
    await client.says(/^5 received hello/m)
  })
}

test("AWS's device SDK v1 connects with a certificate", async (context) => {
  const identity = { keyPath: press.key, certPath: press.certificate, caPath: cloud.rootPath }
  const options = { ...where('v1-cert'), protocol: 'mqtts', port: cloud.mqtt.port, ...identity }
  const words = [join(CLIENTS, 'websocket-v1.js'), JSON.stringify(options)]
  await startForeignServer(context, process.execPath, words).says(/^received hello/m)
})

test('a wrong secret, a wrong service and an old signature are refused, and the attempts say so', async () => {
  const { accessKeyId } = cloud.access
  const wrongSecret = { accessKeyId, secretAccessKey: 'wrong' }
  const hourAgo = new Date(Date.now() - 3_600_000)
  const wrong = [
    { credentials: wrongSecret, region: cloud.region, service: 'iotdevicegateway' },
    { credentials: cloud.access, region: cloud.region, service: 'iotdata' },
    { credentials: cloud.access, region: cloud.region, service: 'iotdevicegateway', at: hourAgo },
  ]
  for (const signing of wrong) {
    const { query = {} } = await presignRequest(opening(), 300, signing)
    const url = `${at}?${new URLSearchParams(query as Record<string, string>).toString()}`
    const socket = new WebSocket(url, 'mqtt', { ca: root }).on('error', () => undefined)
    const [, answer] = await once(socket, 'unexpected-response')
    assert.equal(answer.statusCode, 403)
    assert.equal(answer.headers['x-amzn-errortype'], 'InvalidSignatureException')
    socket.terminate()
  }
  const attempt = await cloud.refusal({}, 'SIGNATURE_REFUSED')
  assert.equal(attempt.listener, 'https')
})

function where(
  clientId: string,
): Record<'host' | 'topic' | 'message' | 'clientId' | 'region' | 'protocol', string> & { port: number } {
  const topic = `dt/${clientId}`
  return {
    host: 'localhost',
    port: cloud.httpsPort,
    protocol: 'wss',
    region: cloud.region,
    clientId,
    topic,
    message: 'hello',
  }
}

/** Without the members that are not there: the SDK looks whether they are. */
function keyed(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = Object.entries(members).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries(pairs)
}
