import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { CreatePolicyCommand, CreateThingCommand, DescribeThingCommand, GetPolicyCommand } from '@aws-sdk/client-iot'
import { type CloudAccess, iotClient } from 'birthmark/parts'
import {
  ANY_PORTS,
  type RunningServer,
  startBirthmark,
  startServerCommand,
  stopsInOrder,
} from '../testkit/run-birthmark.ts'
import { untilNoProcessNames } from '../testkit/running.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** `birthmark server` as its users meet it, through AWS's own SDK. */

test('the server says where it is, shows its secret once, and keeps what it acknowledged', async (context) => {
  const folder = await scratchFolder(context)
  const first = await startServerCommand(join(folder, 'cloud'))
  context.after(() => first.child.kill('SIGKILL'))
  const { mqtt, https, control, controlHttp, root, account, accessKeyId, secretAccessKey = '' } = first.ready
  assert.match(mqtt ?? '', /^localhost:\d+$/)
  assert.match(https ?? '', /^localhost:\d+$/)
  assert.match(control ?? '', /^https:\/\/localhost:\d+$/)
  assert.match(controlHttp ?? '', /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.match(account ?? '', /^[1-9]\d{11}$/)
  assert.equal(new X509Certificate(readFileSync(root ?? '')).ca, true)
  const client = iotClient(accessTo(first, secretAccessKey))
  const policyDocument = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:*","Resource":"*"}]}'
  const thing = await client.send(new CreateThingCommand({ thingName: 'meter-1' }))
  await client.send(new CreatePolicyCommand({ policyName: 'nothing', policyDocument }))
  const stopped = await stopsInOrder(first)
  assert.equal(stopped.stdout.trim().split('\n').length, 1)
  assert.doesNotMatch(stopped.stderr, new RegExp(secretAccessKey.replaceAll(/[+/]/g, '\\$&')))
  await untilNoProcessNames(folder)

  const second = await startServerCommand(join(folder, 'cloud'))
  context.after(() => second.child.kill('SIGKILL'))
  assert.equal(second.ready['secretAccessKey'], undefined)
  assert.deepEqual([second.ready['accessKeyId'], second.ready['account']], [accessKeyId, account])
  const again = iotClient(accessTo(second, secretAccessKey))
  const kept = await again.send(new DescribeThingCommand({ thingName: 'meter-1' }))
  assert.deepEqual([kept.thingId, kept.thingArn], [thing.thingId, thing.thingArn])
  assert.equal((await again.send(new GetPolicyCommand({ policyName: 'nothing' }))).policyDocument, policyDocument)
  await stopsInOrder(second)
  await untilNoProcessNames(folder)
})

test('people are shown the secret once, and Ctrl-C stops in order', async (context) => {
  const folder = await scratchFolder(context)
  const words = ['server', '--data', join(folder, 'cloud'), ...ANY_PORTS]
  const server = startBirthmark(words)
  await server.said(/secret +\S{40} {3}\(shown this once\)\nStop it with Ctrl-C\.\n/)
  server.child.kill('SIGINT')
  assert.equal((await server.ended).status, 0)
  await untilNoProcessNames(folder)
})

test('a request to stop while the server starts is kept', async (context) => {
  const folder = await scratchFolder(context)
  const server = startBirthmark(['server', '--data', join(folder, 'cloud'), ...ANY_PORTS])
  while (!existsSync(join(folder, 'cloud/run'))) await immediate()
  server.child.kill('SIGTERM')
  assert.equal((await server.ended).status, 0)
  await untilNoProcessNames(folder)
})

function accessTo({ ready }: RunningServer, secretAccessKey: string): CloudAccess {
  const { controlHttp = '', region = '', accessKeyId = '' } = ready
  return { endpoint: controlHttp, region, accessKeyId, secretAccessKey }
}
