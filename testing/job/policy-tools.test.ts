/** `birthmark policy`, `birthmark alarms` and the webhook of a running `birthmark server`, from the command line. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AttachPolicyCommand } from '@aws-sdk/client-iot'
import { connectAsync, type MqttClient } from 'mqtt'
import { runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { type FileDevice, startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud(undefined, { 'abuse-rule': ['key-take-overs=2/600'] })
after(() => cloud.close())
const arn = `arn:aws:iot:${cloud.region}:${cloud.account}`
const THING = '${iot:Connection.Thing.ThingName}'
await cloud.createPolicy('own', [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/${THING}` },
  { Sid: 'Talk', Effect: 'Allow', Action: 'iot:Publish', Resource: `${arn}:topic/dt/${THING}/*` },
])
await cloud.createPolicy('all', [{ Effect: 'Allow', Action: 'iot:Publish', Resource: '*' }])
const press = await cloud.newDevice('press-1', 'own')
const other = await cloud.newDevice('press-2', 'own')
const spy = await cloud.newDevice('spy', 'all')
const env = {
  AWS_ENDPOINT_URL: cloud.controlHttp,
  AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
  AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
  AWS_REGION: cloud.region,
}

const birthmark = (...words: readonly string[]) => runBirthmark(words, { env })

/** Gives the lines of JSON on standard output. */
function linesOf(stdout: string): readonly Readonly<Record<string, unknown>>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('policy who-can names each device that may, and the statement', async () => {
  const { status, stdout, stderr } = await birthmark('policy', 'who-can', 'publish', 'dt/press-1/t', '--json')
  assert.equal(status, 0, stderr)
  const found = linesOf(stdout).map(({ certificateId, clientId, mayConnect, allowedBy }) => [
    certificateId,
    clientId,
    mayConnect,
    Reflect.get(Object(allowedBy), 'policy'),
  ])
  assert.deepEqual(
    new Map(found.map((row) => [row[0], row])),
    new Map([
      [press.certificateId, [press.certificateId, 'press-1', true, 'own']],
      [spy.certificateId, [spy.certificateId, 'spy', false, 'all']],
    ]),
  )
  const people = await birthmark('policy', 'who-can', 'publish', 'dt/press-1/t', '--limit', '1')
  assert.match(people.stderr, /^1 may, of 3 certificates that were looked at\.$/m)
  const connects = await birthmark('policy', 'who-can', 'connect', 'press-2', '--json')
  assert.deepEqual(
    linesOf(connects.stdout).map(({ certificateId }) => certificateId),
    [other.certificateId],
  )
  assert.equal((await birthmark('policy', 'who-can', 'fly', 'x')).status, 2)
})

test('policy check finds faults and mistakes where they are, and what has no value for a device', async () => {
  const file = join(cloud.folder, 'policy.json')
  const check = (text: string, ...words: readonly string[]) => {
    writeFileSync(file, text)
    return birthmark('policy', 'check', file, ...words)
  }
  const broken = await check(
    '{"Version": "2012-10-17",\n "Statement": {"Effect": "allow", "Action": "fly", "Resource": "*"}}',
  )
  assert.equal(broken.status, 1)
  assert.match(broken.stderr, /policy\.json:2:26: error POLICY_MALFORMED: The effect must be/)
  assert.match(broken.stderr, /policy\.json:2:45: error POLICY_MALFORMED: "fly" is no action/)
  const statement = { Effect: 'Allow', Action: 'iot:Publish', Resource: `${arn}:topic/${THING}` }
  const text = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  const good = await check(text, '--strict')
  assert.equal(good.status, 0, good.stderr)
  const device = ['--certificate-id', press.certificateId, '--json', '--strict']
  const bound = await check(text, ...device, '--client-id', 'press-1')
  assert.deepEqual(JSON.parse(bound.stdout).findings, [])
  const unbound = await check(text, ...device, '--client-id', 'stranger')
  assert.equal(unbound.status, 1)
  assert.equal(JSON.parse(unbound.stdout).findings[0].code, 'VARIABLE_UNRESOLVED')
})

test('alarms are listed and followed as they come', async () => {
  const none = await birthmark('alarms')
  assert.match(none.stderr, /No alarm fits\./)
  const following = startBirthmark(['alarms', '--follow', '--json'], { env })
  await cloud.iot.send(new AttachPolicyCommand({ policyName: 'own', target: spy.certificateArn }))
  for (let again = 0; again < 4; again += 1) await connect(spy, 'spy')
  const [line] = await following.said(/^\{.*"rule":"KEY_SHARED".*\}$/m)
  assert.match(String(JSON.parse(line).reason), /client id spy was taken over 3 times while it was connected/)
  await stopsInOrder(following)
  const { stdout } = await birthmark('alarms', '--rule', 'KEY_SHARED', '--certificate-id', spy.certificateId, '--json')
  assert.equal(linesOf(stdout).length, 1)
  const people = await birthmark('alarms')
  assert.match(
    people.stderr,
    /KEY_SHARED\n {4}Certificate [0-9a-f]{64} is used by two devices, as it seems: .*\n {4}done: none/,
  )
})

function connect({ certificate, key }: FileDevice, clientId: string): Promise<MqttClient> {
  const identity = { cert: readFileSync(certificate), key: readFileSync(key), ca: readFileSync(cloud.rootPath) }
  const client = connectAsync(
    `mqtts://localhost:${cloud.mqtt.port}`,
    { ...identity, clientId, reconnectPeriod: 0 },
    false,
  )
  after(async () => (await client).end(true))
  return client
}
