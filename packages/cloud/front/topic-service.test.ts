import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeUtf8, encodeUtf8 } from '@birthmark/foundation/kernel'
import type { MqttClient } from 'mqtt'
import { ARN, commit, idOf, openTestCloud, policyRecord } from './testing/test-cloud.ts'
import type { ServiceRequest } from './topic-service.ts'

const ASK = '$aws/certificates/create/json'
const ACCEPTED = '$aws/certificates/create/json/accepted'

/** Allows what is about certificates. */
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Subscribe'], Resource: `${ARN}*/$aws/certificates/create/*` },
    { Effect: 'Allow', Action: 'iot:Receive', Resource: `${ARN}topic/$aws/certificates/create/*` },
  ],
})

function connected(client: MqttClient): Promise<unknown> {
  return new Promise((resolve) => client.once('connect', resolve))
}

test('a service hears what clients publish to its topics, and answers the one that asked', async (context) => {
  const asked: ServiceRequest[] = []
  const cloud = await openTestCloud(context, {
    services: [{ name: 'provisioning', receive: (request) => void asked.push(request) }],
  })
  const clients: MqttClient[] = []
  const heard: string[] = []
  for (const name of ['press-1', 'press-2']) {
    const device = await cloud.registeredDevice(name)
    await commit(cloud.scoped, [
      ...(clients.length === 0 ? [{ do: 'create-policy', policy: policyRecord('claim', POLICY) } as const] : []),
      { do: 'attach-policy', policyName: 'claim', certificateId: idOf(device.certificate) },
    ])
    const client = cloud.client(device, { clientId: name })
    await connected(client)
    client.on('message', (topic, payload) => heard.push(`${name} ${topic} ${payload.toString()}`))
    await client.subscribeAsync(ACCEPTED, { qos: 1 })
    clients.push(client)
  }
  const [first] = clients
  await first?.publishAsync(ASK, '{}', { qos: 1 })
  const [request] = asked
  assert.equal(request?.client.clientId, 'press-1')
  assert.equal(request.client.thingName, 'press-1')
  assert.equal(decodeUtf8(request.message.payload), '{}')
  const answered = new Promise((resolve) => first?.once('message', resolve))
  assert.equal(request.reply(ACCEPTED, encodeUtf8('yes')), true)
  await answered
  assert.equal(request.reply('$aws/certificates/create/json/rejected', encodeUtf8('no')), false, 'not subscribed')
  await first?.unsubscribeAsync(ACCEPTED)
  assert.equal(request.reply(ACCEPTED, encodeUtf8('late')), false, 'not any more')
  assert.deepEqual(heard, [`press-1 ${ACCEPTED} yes`])
})
