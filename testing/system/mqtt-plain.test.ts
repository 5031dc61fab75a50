import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { CreatePolicyCommand, DeletePolicyCommand } from '@aws-sdk/client-iot'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** MQTT without TLS, by Mosquitto's clients (Debian package mosquitto-clients): the principal `local`, its policy. */
const cloud = await startRunningCloud(undefined, { 'mqtt-plain-port': 0, listen: '0.0.0.0' })
after(() => cloud.close())
const [host = '', port = ''] = String(cloud.process.ready['mqttPlain']).split(':')

function publish(clientId: string, ...words: readonly string[]): ReturnType<typeof runProgram> {
  return runProgram('mosquitto_pub', ['-h', host, '-p', port, '-i', clientId, '-V', 'mqttv5', '-q', '1', ...words])
}

test('it listens on loopback, whatever the other listeners do', () => {
  assert.equal(host, '127.0.0.1')
})

test('without a policy of its own it may do what MQTT clients may', async (context) => {
  const words = ['-oL', 'mosquitto_sub', '-d', '-h', host, '-p', port, '-i', 'listener', '-t', 'a/#', '-F', '%t:%p']
  const listening = startForeignServer(context, 'stdbuf', words)
  await listening.says(/^Subscribed \(/m)
  const { status, output } = await publish('first', '-t', 'a/b', '-m', 'hello', '-r')
  assert.equal(status, 0, output)
  await listening.says(/^a\/b:hello$/m)
})

test('the policy birthmark-local is in force as soon as it is there, also for who is connected', async (context) => {
  const words = ['-oL', 'mosquitto_sub', '-d', '-h', host, '-p', port, '-i', 'stays', '-t', 'a/#', '-F', '%t:%p']
  const listening = startForeignServer(context, 'stdbuf', words)
  await listening.says(/^Subscribed \(/m)
  const allow = (Action: string[], Resource: string): object => ({ Effect: 'Allow', Action, Resource })
  const resource = `arn:aws:iot:${cloud.region}:${cloud.account}:`
  const Statement = [
    allow(['iot:Connect', 'iot:Receive', 'iot:Subscribe'], '*'),
    allow(['iot:Publish'], `${resource}topic/a/allowed`),
  ]
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
  await cloud.iot.send(new CreatePolicyCommand({ policyName: 'birthmark-local', policyDocument }))
  const denied = await publish('second', '-t', 'a/denied', '-m', 'x')
  assert.match(denied.output, /Not authorized/i)
  const { cause, steps } = await cloud.refusal({ clientId: 'second' }, 'POLICY_DENIED_PUBLISH')
  assert.match(String(cause?.reason), /iot:Publish/)
  assert.ok(steps.some(({ detail }) => detail.includes('principal local, policies: birthmark-local')))
  assert.equal((await publish('third', '-t', 'a/allowed', '-m', 'seen')).status, 0)
  await listening.says(/^a\/allowed:seen$/m)
  await cloud.iot.send(new DeletePolicyCommand({ policyName: 'birthmark-local' }))
  assert.equal((await publish('fourth', '-t', 'a/denied', '-m', 'again')).status, 0)
  await listening.says(/^a\/denied:again$/m)
})
