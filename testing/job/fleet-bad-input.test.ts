/** What fleet provisioning answers to requests that are wrong, over MQTT, to a client that we did not write. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, type TestContext, test } from 'node:test'
import { decode, encode } from 'cborg'
import mqtt, { type MqttClient } from 'mqtt'
import { prepareClaims } from '../testkit/agent-cloud.ts'
import { newCsrPem } from '../testkit/new-csr.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const claim = await prepareClaims(cloud)
const CREATE = '$aws/certificates/create-from-csr'
const PROVISION = '$aws/provisioning-templates/meters/provision'

type Format = 'json' | 'cbor'
type Members = Readonly<Record<string, unknown>>

let clients = 0

async function connect(context: TestContext, device = claim): Promise<MqttClient> {
  clients += 1
  const client = await mqtt.connectAsync({
    protocol: 'mqtts',
    ...cloud.mqtt,
    ca: readFileSync(cloud.rootPath),
    cert: readFileSync(device.certificate),
    key: readFileSync(device.key),
    clientId: `asker-${clients}`,
    reconnectPeriod: 0,
  })
  context.after(() => client.end(true))
  const topics = [CREATE, PROVISION].flatMap((topic) => [`${topic}/json/+`, `${topic}/cbor/+`])
  await client.subscribeAsync(topics, { qos: 1 })
  return client
}

/** Publishes bytes, or a value in the topic's format, and gives the next answer, with the last level of its topic. */
async function ask(client: MqttClient, topic: string, format: Format, request: unknown): Promise<Members> {
  const { promise, resolve } = Promise.withResolvers<Members>()
  client.once('message', (at, bytes) => {
    const answer: unknown = format === 'json' ? JSON.parse(bytes.toString()) : decode(bytes)
    resolve({ ...Object(answer), at: at.split('/').at(-1) })
  })
  const written = format === 'json' ? Buffer.from(JSON.stringify(request)) : Buffer.from(encode(request))
  await client.publishAsync(`${topic}/${format}`, request instanceof Buffer ? request : written, { qos: 1 })
  return promise
}

function codeOf({ at, statusCode, errorCode, errorMessage }: Members): string {
  assert.ok(at === 'accepted' || (typeof errorMessage === 'string' && errorMessage.length > 0))
  return at === 'accepted' ? 'accepted' : `${String(statusCode)} ${String(errorCode)}`
}

const csr = await newCsrPem()
/** The same request with another signature's last byte: the key that it names did not make it. */
const forged = forgeLastByte(csr)
const token = 'f'.repeat(64)
const TOKEN = '400 InvalidCertificateOwnershipToken'

const WRONG: readonly (readonly [what: string, topic: string, request: unknown, answer: string])[] = [
  ['an object that is cut off', CREATE, Buffer.from('{"certificateSigningRequest":'), '400 InvalidPayload'],
  ['bytes that are nothing', CREATE, Buffer.from([0xff, 0xfe, 0x00]), '400 InvalidPayload'],
  ['a list', CREATE, [csr], '400 InvalidPayload'],
  ['no CSR', CREATE, {}, '400 InvalidParameters'],
  ['a CSR that is a number', CREATE, { certificateSigningRequest: 7 }, '400 InvalidParameters'],
  ['a CSR that is none', CREATE, { certificateSigningRequest: 'csr' }, '400 InvalidCertificateSigningRequest'],
  [
    'a CSR that its key did not sign',
    CREATE,
    { certificateSigningRequest: forged },
    '400 InvalidCertificateSigningRequest',
  ],
  ['a CSR that is too long', CREATE, { certificateSigningRequest: csr.padEnd(4097) }, '400 InvalidParameters'],
  ['no token', PROVISION, { parameters: { SerialNumber: 'x' } }, TOKEN],
  ['a token that nobody gave', PROVISION, { certificateOwnershipToken: token }, TOKEN],
  ['a token that is an object', PROVISION, { certificateOwnershipToken: {} }, TOKEN],
  ['a token without end', PROVISION, { certificateOwnershipToken: 'x'.repeat(60_000) }, TOKEN],
]

function forgeLastByte(pem: string): string {
  const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64')
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1)
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
}

for (const format of ['json', 'cbor'] as const) {
  test(`wrong requests in ${format} are told what is wrong with them, and the connection lives on`, async (context) => {
    const client = await connect(context)
    for (const [what, topic, request, answer] of WRONG) {
      assert.equal(codeOf(await ask(client, topic, format, request)), answer, what)
    }
    const made = await ask(client, CREATE, format, { certificateSigningRequest: csr })
    assert.equal(made['at'], 'accepted')
    const { certificateOwnershipToken } = made
    const provision = (parameters: unknown): Promise<Members> =>
      ask(client, PROVISION, format, { certificateOwnershipToken, parameters })
    const SerialNumber = `bad-input-${format}`
    assert.equal(codeOf(await provision({})), '400 InvalidParameters', 'a parameter is missing')
    assert.equal(codeOf(await provision({ SerialNumber: 7 })), '400 InvalidParameters', 'a parameter is a number')
    assert.equal(codeOf(await provision({ SerialNumber: 'a b' })), '400 InvalidParameters', 'no name of a thing')
    assert.equal(codeOf(await provision({ SerialNumber: 'x'.repeat(4097) })), '400 InvalidParameters', 'oversized')
    assert.equal(codeOf(await provision({ SerialNumber })), 'accepted')
    assert.equal(codeOf(await provision({ SerialNumber })), 'accepted', 'a replay of the same changes nothing')
    assert.equal(codeOf(await provision({ SerialNumber: 'other' })), TOKEN, 'a replay for another thing')
    const stranger = await connect(context, await cloud.newDevice(`stranger-${format}`, 'claim'))
    const stolen = { certificateOwnershipToken, parameters: { SerialNumber } }
    assert.equal(codeOf(await ask(stranger, PROVISION, format, stolen)), TOKEN, 'a token of another identity')
    const absent = '$aws/provisioning-templates/absent/provision'
    await cloud.createPolicy(`anything-${format}`, [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
    const free = await connect(context, await cloud.newDevice(`free-${format}`, `anything-${format}`))
    await free.subscribeAsync(`${absent}/${format}/+`)
    assert.equal(codeOf(await ask(free, absent, format, stolen)), '404 ResourceNotFound')
  })
}

test('an answer goes to the connection that asked, though others of the claim listen too', async (context) => {
  const [asker, other] = [await connect(context), await connect(context)]
  const heard: string[] = []
  other.on('message', (topic) => heard.push(topic))
  const made = await ask(asker, CREATE, 'json', { certificateSigningRequest: csr })
  assert.equal(made['at'], 'accepted')
  // What the other asks later is answered later: anything for it would have come by then.
  assert.equal(codeOf(await ask(other, PROVISION, 'json', {})), TOKEN)
  assert.deepEqual(heard, [`${PROVISION}/json/rejected`])
})

test('one request twice gives two certificates with one key', async (context) => {
  const client = await connect(context)
  const request = { certificateSigningRequest: csr }
  const [first, second] = [await ask(client, CREATE, 'json', request), await ask(client, CREATE, 'json', request)]
  assert.notEqual(first['certificateId'], second['certificateId'])
})

test('a topic without its format, and a message beyond 128 KB, end the connection', async (context) => {
  for (const [topic, payload] of [
    ['$aws/certificates/create-from-csr', '{}'],
    [`${CREATE}/json`, 'x'.repeat(140_000)],
  ] as const) {
    const client = await connect(context)
    client.on('error', () => undefined)
    const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)))
    client.publish(topic, payload, { qos: 1 })
    await closed
  }
})
