import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** `birthmark explain --follow` and `birthmark policy test` on a running server that Mosquitto’s client connects to. */
const cloud = await startRunningCloud()
after(() => cloud.close())
const arn = `arn:aws:iot:${cloud.region}:${cloud.account}`
await cloud.createPolicy('mine', [
  { Sid: 'Own', Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/\${iot:Connection.Thing.ThingName}` },
])
const press = await cloud.newDevice('press', 'mine')
const env = {
  AWS_ENDPOINT_URL: cloud.controlHttp,
  AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
  AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
  AWS_REGION: cloud.region,
}

async function connect(clientId: string): Promise<void> {
  const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath]
  const who = ['--cert', press.certificate, '--key', press.key, '-i', clientId]
  await runProgram('mosquitto_pub', [...where, ...who, '-t', 'a', '-m', 'x'])
}

test('explain --follow shows what was, then each refusal once as it comes', async () => {
  await connect('first')
  await cloud.refusal({ clientId: 'first' })
  const following = startBirthmark(['explain', '--follow', '--outcome', 'refused', '--json'], { env })
  await following.said(/"clientId":"first"/)
  for (const clientId of ['second', 'third']) {
    await connect(clientId)
    await following.said(new RegExp(`"clientId":"${clientId}"`))
  }
  const { stdout } = await stopsInOrder(following)
  const lines = stdout.trimEnd().split('\n')
  const attempts = lines.map((line) => JSON.parse(line))
  assert.deepEqual(
    attempts.map(({ clientId, cause }) => [clientId, cause.code]),
    ['first', 'second', 'third'].map((clientId) => [clientId, 'POLICY_DENIED_CONNECT']),
  )
})

test('policy test answers as the front does, with the statement that decides', async () => {
  const ask = (clientId: string) =>
    runBirthmark(['policy', 'test', 'connect', clientId, '--certificate-id', press.certificateId], { env })
  const allowed = await ask('press')
  assert.equal(allowed.status, 0, allowed.stderr)
  assert.match(allowed.stderr, /is allowed by Statement\[0\] \("Own"\) of policy "mine"/)
  const denied = await ask('other')
  assert.equal(denied.status, 1)
  await connect('other')
  const { cause } = await cloud.refusal({ clientId: 'other' })
  assert.ok(denied.stderr.includes(cause?.reason ?? 'no cause'), denied.stderr)
})

test('policy test refuses an action that does not exist as wrong usage', async () => {
  const { status, stderr } = await runBirthmark(['policy', 'test', 'fly', 'a', '--certificate-id', 'b'], { env })
  assert.equal(status, 2)
  assert.match(stderr, /the actions are connect, publish/)
})
