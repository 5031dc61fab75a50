import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { UpdateCertificateCommand } from '@aws-sdk/client-iot'
import {
  DeleteConnectionCommand,
  GetRetainedMessageCommand,
  GetThingShadowCommand,
  InvalidRequestException,
  IoTDataPlaneClient,
  ListRetainedMessagesCommand,
  ListSubscriptionsCommand,
  PublishCommand,
  RequestEntityTooLargeException,
  ResourceNotFoundException,
} from '@aws-sdk/client-iot-data-plane'
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt'
import { type Done, runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/**
 * The HTTP data plane from clients that we did not write, unmodified, against `birthmark server`: AWS's SDK, the AWS
 * CLI (Debian package awscli) with SigV4, and curl (Debian package curl) with a client certificate.
 */
const cloud = await startRunningCloud()
after(() => cloud.close())

const arn = `arn:aws:iot:${cloud.region}:${cloud.account}`
await cloud.createPolicy('below-dt', [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
  {
    Effect: 'Allow',
    Action: ['iot:Publish', 'iot:Receive', 'iot:RetainPublish', 'iot:GetRetainedMessage'],
    Resource: `${arn}:topic/dt/*`,
  },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${arn}:topicfilter/dt/*` },
])
const press = await cloud.newDevice('press', 'below-dt')
const stranger = await cloud.newDevice('stranger')
const { endpoint: controlHttp, region, accessKeyId, secretAccessKey } = cloud.access
const device = `https://localhost:${cloud.httpsPort}`

/** A client of MQTT that prints what it gets. */
async function listener(context: TestContext, clientId: string, filter: string): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtts://localhost:${cloud.mqtt.port}`, {
    ca: readFileSync(cloud.rootPath),
    key: readFileSync(press.key),
    cert: readFileSync(press.certificate),
    clientId,
    protocolVersion: 5,
    reconnectPeriod: 0,
  })
  client.on('error', () => undefined)
  context.after(() => client.end(true))
  await client.subscribeAsync(filter, { qos: 1 })
  return client
}

function nextMessage(client: MqttClient): Promise<IPublishPacket> {
  return new Promise((resolve) => client.once('message', (_topic, _payload, packet) => resolve(packet)))
}

function dataClient(endpoint: string): IoTDataPlaneClient {
  const agent = new Agent({ ca: readFileSync(cloud.rootPath) })
  const credentials = { accessKeyId, secretAccessKey }
  const client = new IoTDataPlaneClient({
    endpoint,
    region,
    credentials,
    maxAttempts: 1,
    requestHandler: { httpsAgent: agent },
  })
  after(() => client.destroy())
  return client
}

for (const [what, endpoint] of [
  ["the devices' port", device],
  ["the control plane's port", controlHttp],
] as const) {
  const data = dataClient(endpoint)

  test(`AWS's SDK publishes with every property, at ${what}`, async (context) => {
    const client = await listener(context, `listener ${endpoint}`, 'dt/sdk/+')
    const received = nextMessage(client)
    await data.send(
      new PublishCommand({
        topic: 'dt/sdk/x y%',
        qos: 1,
        payload: Buffer.from('{"t":21}'),
        contentType: 'application/json',
        responseTopic: 'dt/answer',
        correlationData: Buffer.from('abc').toString('base64'),
        messageExpiry: 60,
        payloadFormatIndicator: 'UTF8_DATA',
        userProperties: JSON.stringify([{ a: '1' }, { a: '2' }]),
      }),
    )
    const { topic, payload, qos, properties } = await received
    assert.equal(topic, 'dt/sdk/x y%')
    assert.equal(String(payload), '{"t":21}')
    assert.equal(qos, 1)
    assert.equal(properties?.contentType, 'application/json')
    assert.equal(properties.responseTopic, 'dt/answer')
    assert.equal(String(properties.correlationData), 'abc')
    assert.equal(properties.payloadFormatIndicator, true)
    assert.deepEqual({ ...properties.userProperties }, { a: ['1', '2'] })
  })

  test(`retained messages are kept, read, listed page by page and deleted, at ${what}`, async () => {
    const name = endpoint === device ? 'one' : 'two'
    for (const each of ['a', 'b', 'c']) {
      const userProperties = JSON.stringify([{ from: 'sdk' }])
      const message = {
        topic: `dt/kept/${name}/${each}`,
        qos: 1,
        retain: true,
        payload: Buffer.from(each),
        userProperties,
      }
      await data.send(new PublishCommand(message))
    }
    const kept = await data.send(new GetRetainedMessageCommand({ topic: `dt/kept/${name}/b` }))
    assert.equal(Buffer.from(kept.payload ?? []).toString(), 'b')
    assert.equal(kept.qos, 1)
    assert.ok(Math.abs(Date.now() - Number(kept.lastModifiedTime)) < 3_600_000, 'milliseconds')
    assert.equal(Buffer.from(kept.userProperties ?? []).toString(), '[{"from":"sdk"}]')
    const topics: string[] = []
    for (let nextToken: string | undefined; ; ) {
      const page = await data.send(new ListRetainedMessagesCommand({ maxResults: 2, nextToken }))
      topics.push(...(page.retainedTopics ?? []).map(({ topic = '' }) => topic))
      nextToken = page.nextToken
      if (nextToken === undefined) break
    }
    const mine = topics.filter((topic) => topic.startsWith(`dt/kept/${name}/`))
    assert.deepEqual(mine, [`dt/kept/${name}/a`, `dt/kept/${name}/b`, `dt/kept/${name}/c`])
    const gone = { topic: `dt/kept/${name}/c`, qos: 1, retain: true }
    await new Promise((resolve) => setTimeout(resolve, ONE_PER_SECOND_MS))
    await data.send(new PublishCommand(gone))
    await assert.rejects(data.send(new GetRetainedMessageCommand({ topic: gone.topic })), ResourceNotFoundException)
  })

  test(`a connection is deleted at ${what}`, async (context) => {
    const clientId = `deleted ${endpoint === device}`
    const client = await listener(context, clientId, 'dt/x')
    const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)))
    await data.send(new DeleteConnectionCommand({ clientId, cleanSession: true }))
    await closed
    await assert.rejects(data.send(new DeleteConnectionCommand({ clientId })), ResourceNotFoundException)
  })

  test(`what is wrong is refused in the data plane's form at ${what}`, async () => {
    const publish = (input: ConstructorParameters<typeof PublishCommand>[0]) => data.send(new PublishCommand(input))
    await assert.rejects(publish({ topic: 'dt/+/x' }), InvalidRequestException)
    await assert.rejects(publish({ topic: '$aws/things/x/shadow/get' }), InvalidRequestException)
    await assert.rejects(publish({ topic: 'dt/x', qos: 2 }), InvalidRequestException)
    await assert.rejects(publish({ topic: 'a/b/c/d/e/f/g/h/i' }), InvalidRequestException)
    await assert.rejects(publish({ topic: 'dt/x', userProperties: '{"a":1}' }), InvalidRequestException)
    await assert.rejects(publish({ topic: 'dt/x', payload: Buffer.alloc(131_073) }), RequestEntityTooLargeException)
    const shadow = data.send(new GetThingShadowCommand({ thingName: 'press' }))
    await assert.rejects(shadow, { name: 'NotImplementedException', message: /GetThingShadow is not implemented/ })
    const subscriptions = data.send(new ListSubscriptionsCommand({ clientId: 'x' }))
    await assert.rejects(subscriptions, { name: 'NotImplementedException', message: /ListSubscriptions/ })
  })
}

test('the AWS CLI publishes at both ports', async (context) => {
  const client = await listener(context, 'listener of the CLI', 'dt/cli')
  const payload = join(cloud.folder, 'payload')
  writeFileSync(payload, 'hello')
  for (const endpoint of [device, controlHttp]) {
    const received = nextMessage(client)
    const words = ['iot-data', 'publish', '--topic', 'dt/cli', '--qos', '1', '--payload', `fileb://${payload}`]
    const { status, output } = await aws(endpoint, words)
    assert.equal(status, 0, output)
    assert.equal(String((await received).payload), 'hello')
  }
})

test("the control plane is not served at the devices' port", async () => {
  const { status, output } = await aws(device, ['iot', 'list-things'])
  assert.notEqual(status, 0)
  assert.match(output, /InvalidSignatureException|ResourceNotFoundException/)
})

/** Runs the AWS CLI with the first key and no configuration but ours. */
function aws(endpoint: string, words: readonly string[]): Promise<Done> {
  const environment = [
    `AWS_ACCESS_KEY_ID=${accessKeyId}`,
    `AWS_SECRET_ACCESS_KEY=${secretAccessKey}`,
    `AWS_DEFAULT_REGION=${region}`,
    `AWS_CA_BUNDLE=${cloud.rootPath}`,
    'AWS_PAGER=',
  ]
  return runProgram('env', [...environment, 'aws', '--endpoint-url', endpoint, ...words])
}

/** Runs curl as a device; its output ends with the status. */
function curl(who: typeof press | undefined, ...words: readonly string[]): Promise<Done> {
  const identity = who === undefined ? [] : ['--cert', who.certificate, '--key', who.key]
  return runProgram('curl', ['-s', '--cacert', cloud.rootPath, ...identity, '-w', ' %{http_code}', ...words])
}

test('curl publishes with a client certificate, with slashes as they are and encoded', async (context) => {
  const client = await listener(context, 'listener of curl', 'dt/curl/+')
  for (const path of ['dt/curl/a', 'dt%2Fcurl%2Fa']) {
    const received = nextMessage(client)
    const { output } = await curl(press, '--data', 'hello', `${device}/topics/${path}?qos=1`)
    assert.match(output, /^\{"message":"OK","traceId":"[0-9a-f-]{36}"\} 200$/)
    assert.equal(String((await received).payload), 'hello')
  }
})

test('requests follow each other on one connection', async () => {
  const url = `${device}/topics/dt/many?qos=0`
  const { output } = await curl(
    press,
    '--data',
    'x',
    url,
    '--next',
    '-s',
    '--cacert',
    cloud.rootPath,
    '--cert',
    press.certificate,
    '--key',
    press.key,
    '--data',
    'y',
    '-w',
    ' %{http_code} %{num_connects}',
    url,
  )
  assert.match(output, / 200.* 200 0$/s)
})

test('a device may offer x-amzn-http-ca, and nothing at all', async () => {
  for (const ALPNProtocols of [['x-amzn-http-ca'], []]) {
    const identity = { key: readFileSync(press.key), cert: readFileSync(press.certificate) }
    const agent = new Agent({ ca: readFileSync(cloud.rootPath), ...identity, ALPNProtocols })
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${device}/topics/dt/x`, { method: 'POST', agent }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode))
      })
      sent.on('error', reject).end('x')
    })
    agent.destroy()
    assert.equal(status, 200)
  }
})

test('a device is bound by its policies over HTTP, and the attempt says what stood against it', async () => {
  const denied = await curl(press, '--data', 'x', `${device}/topics/elsewhere?qos=1`)
  assert.match(denied.output, /^\{"message":"Forbidden","traceId":"[0-9a-f-]{36}"\} 403$/)
  const attempt = await cloud.refusal({ certificateId: press.certificateId }, 'POLICY_DENIED_REQUEST')
  assert.match(attempt.cause?.reason ?? '', /iot:Publish on .*topic\/elsewhere/)
  const retain = await curl(press, '-X', 'POST', '--data', 'x', `${device}/topics/dt/retained?qos=1&retain=true`)
  assert.match(retain.output, / 200$/)
  const list = await curl(press, `${device}/retainedMessage`)
  assert.match(list.output, / 403$/)
  const read = await curl(press, `${device}/retainedMessage/dt%2Fretained`)
  assert.match(read.output, /"payload":"eA==".* 200$/)
  const without = await curl(stranger, '--data', 'x', `${device}/topics/dt/x`)
  assert.match(without.output, / 403$/)
  await cloud.refusal({ certificateId: stranger.certificateId }, 'NO_POLICY_ATTACHED')
})

test('nobody is refused, and a deactivated certificate is refused at once', async () => {
  const nobody = await curl(undefined, '--data', 'x', `${device}/topics/dt/x`)
  assert.match(nobody.output, /"Missing Authentication Token".* 403$/)
  await cloud.refusal({}, 'NO_CLIENT_CERTIFICATE')
  const old = await cloud.newDevice('old', 'below-dt')
  assert.match((await curl(old, '--data', 'x', `${device}/topics/dt/x`)).output, / 200$/)
  await cloud.iot.send(new UpdateCertificateCommand({ certificateId: old.certificateId, newStatus: 'INACTIVE' }))
  assert.match((await curl(old, '--data', 'x', `${device}/topics/dt/x`)).output, / 403$/)
  await cloud.refusal({ certificateId: old.certificateId }, 'CERTIFICATE_INACTIVE')
})

test('a wrong secret is refused, and a key that may not publish is forbidden', async () => {
  const agent = new Agent({ ca: readFileSync(cloud.rootPath) })
  const credentials = { accessKeyId, secretAccessKey: 'wrong' }
  const wrong = new IoTDataPlaneClient({
    endpoint: device,
    region,
    credentials,
    maxAttempts: 1,
    requestHandler: { httpsAgent: agent },
  })
  await assert.rejects(wrong.send(new PublishCommand({ topic: 'dt/x' })), { name: 'InvalidSignatureException' })
  wrong.destroy()
  await cloud.refusal({}, 'SIGNATURE_REFUSED')
})

/** A retained message of a topic may be replaced once in a second. */
const ONE_PER_SECOND_MS = 1100
