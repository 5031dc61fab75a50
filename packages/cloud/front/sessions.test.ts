import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AWS_PROFILE, type Message, NO_PROPERTIES, parseTopicName } from '@birthmark/cloud/mqtt'
import { encodeUtf8 } from '@birthmark/foundation/kernel'
import { closed, connected, Inbox } from './testing/mqtt-client.ts'
import { ARN, commit, idOf, now, openTestCloud, policyRecord } from './testing/test-cloud.ts'

for (const protocolVersion of [4, 5] as const) {
  test(`version ${protocolVersion}: messages of QoS 0 and 1 reach two subscribers`, async (context) => {
    const cloud = await openTestCloud(context)
    const names = ['press-1', 'press-2', 'press-3']
    const [publisher, one, two] = await Promise.all(
      names.map(async (name, index) => {
        const maxVersion = index === 0 ? 'TLSv1.2' : 'TLSv1.3'
        const client = cloud.client(await cloud.registeredDevice(name), { clientId: name, protocolVersion, maxVersion })
        await connected(client)
        return client
      }),
    )
    const inboxes = [new Inbox(one!), new Inbox(two!)]
    await one!.subscribeAsync('all/+', { qos: 1 })
    await two!.subscribeAsync('all/#', { qos: 0 })
    await publisher!.publishAsync('all/news', 'first', { qos: 0 })
    await publisher!.publishAsync('all/news', 'second', { qos: 1 })
    for (const inbox of inboxes) assert.deepEqual(await inbox.until(2), ['first', 'second'])
    assert.deepEqual(
      inboxes.map(({ messages }) => messages.map(({ qos }) => qos)),
      [
        [0, 1],
        [0, 0],
      ],
    )
  })

  test(`version ${protocolVersion}: a will is for a connection that breaks, not after a good-bye`, async (context) => {
    const cloud = await openTestCloud(context)
    const watcher = cloud.client(await cloud.registeredDevice('watcher'), { clientId: 'watcher', protocolVersion })
    await connected(watcher)
    const inbox = new Inbox(watcher)
    await watcher.subscribeAsync('all/wills', { qos: 1 })
    const will = (text: string) => ({ topic: 'all/wills', payload: Buffer.from(text), qos: 1 as const, retain: false })
    const device = await cloud.registeredDevice('press-1')

    const polite = cloud.client(device, { clientId: 'press-1', protocolVersion, will: will('polite') })
    await connected(polite)
    await polite.endAsync()
    const broken = cloud.client(device, { clientId: 'press-1', protocolVersion, will: will('broken') })
    await connected(broken)
    broken.stream.destroy()
    assert.deepEqual(await inbox.until(1), ['broken'])
    assert.equal((await cloud.attemptWith('CONNECTION_LOST')).outcome, 'ended')
  })

  test(`version ${protocolVersion}: a second connection with the client id ends the first`, async (context) => {
    const cloud = await openTestCloud(context)
    const device = await cloud.registeredDevice('press-1')
    const first = cloud.client(device, { clientId: 'press-1', protocolVersion })
    await connected(first)
    const end = closed(first)
    const second = cloud.client(device, { clientId: 'press-1', protocolVersion })
    await connected(second)
    assert.equal((await end).code, protocolVersion === 5 ? 0x8e : undefined)
    assert.equal((await cloud.attemptWith('CLIENT_ID_TAKEN_OVER')).clientId, 'press-1')
    await second.publishAsync('all/a', 'still here', { qos: 1 })
  })

  test(`version ${protocolVersion}: revoking its certificate ends a live session at once`, async (context) => {
    const cloud = await openTestCloud(context)
    const device = await cloud.registeredDevice('press-1')
    const client = cloud.client(device, { clientId: 'press-1', protocolVersion })
    await connected(client)
    const end = closed(client)
    const id = idOf(device.certificate)
    await commit(cloud.scoped, [{ do: 'set-certificate-status', id, from: ['ACTIVE'], to: 'REVOKED', at: now() }])
    const attempt = await cloud.attemptWith('CERTIFICATE_REVOKED')
    assert.equal(attempt.outcome, 'ended')
    assert.equal((await end).code, protocolVersion === 5 ? 0x87 : undefined)
  })

  test(`version ${protocolVersion}: an endpoint that stops says so`, async (context) => {
    const cloud = await openTestCloud(context)
    const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1', protocolVersion })
    await connected(client)
    const end = closed(client)
    await cloud.front.close()
    assert.equal((await end).code, protocolVersion === 5 ? 0x8b : undefined)
    await cloud.attemptWith('SERVER_SHUTTING_DOWN')
  })
}

test('a denied publish ends a 3.1.1 connection, and the attempt says what came near', async (context) => {
  const cloud = await openTestCloud(context)
  const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1' })
  await connected(client)
  const end = closed(client)
  client.publish('dt/press-2/a', 'x', { qos: 1 })
  await end
  const attempt = await cloud.attemptWith('POLICY_DENIED_PUBLISH')
  assert.match(
    attempt.cause?.reason ?? '',
    /iot:Publish on .*topic\/dt\/press-2\/a is denied.*Statement\[1\] of policy "device"/,
  )
  assert.ok(attempt.steps.some(({ step }) => step === 'publish'))
})

test('a publish that is denied is answered to an MQTT 5 client, which stays', async (context) => {
  const cloud = await openTestCloud(context)
  const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1', protocolVersion: 5 })
  await connected(client)
  await assert.rejects(client.publishAsync('dt/press-2/a', 'x', { qos: 1 }), { code: 0x87 })
  await client.publishAsync('dt/press-1/a', 'x', { qos: 1 })
  const [attempt] = cloud.front.attempts.list({ outcome: 'open' })
  assert.equal(attempt?.cause?.code, 'POLICY_DENIED_PUBLISH')
})

test('a denied subscription ends a 3.1.1 connection, unless deniedSubscribe is suback', async (context) => {
  const strict = await openTestCloud(context)
  const client = strict.client(await strict.registeredDevice('press-1'), { clientId: 'press-1' })
  await connected(client)
  const end = closed(client)
  client.subscribe('dt/press-2/#')
  await end
  const { cause } = await strict.attemptWith('POLICY_DENIED_SUBSCRIBE')
  assert.match(cause?.reason ?? '', /iot:Subscribe on .*topicfilter\/dt\/press-2\/# is denied/)

  const lenient = await openTestCloud(context, { deniedSubscribe: 'suback' })
  const other = lenient.client(await lenient.registeredDevice('press-1'), { clientId: 'press-1' })
  await connected(other)
  const grants = await other.subscribeAsync({ 'dt/press-2/#': { qos: 0 }, 'all/a': { qos: 0 } }).catch(() => 'refused')
  assert.equal(grants, 'refused')
  await other.publishAsync('all/a', 'still here', { qos: 1 })
})

test('policies that change bind a live connection before its next decision', async (context) => {
  const cloud = await openTestCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const client = cloud.client(device, { clientId: 'press-1', protocolVersion: 5 })
  await connected(client)
  const inbox = new Inbox(client)
  await client.subscribeAsync('all/#', { qos: 1 })
  const denied = { code: 0x87 }

  const statement = { Effect: 'Deny', Action: 'iot:Publish', Resource: `${ARN}topic/all/secret` }
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statement })
  await commit(cloud.scoped, [
    { do: 'create-policy', policy: policyRecord('deny', document) },
    { do: 'attach-policy', policyName: 'deny', certificateId: idOf(device.certificate) },
  ])
  await assert.rejects(client.publishAsync('all/secret', 'x', { qos: 1 }), denied)
  await client.publishAsync('all/open', 'one', { qos: 1 })

  const noReceive = { Effect: 'Deny', Action: 'iot:Receive', Resource: `${ARN}topic/all/open` }
  await commit(cloud.scoped, [
    {
      do: 'create-policy-version',
      policyName: 'deny',
      document: JSON.stringify({ Version: '2012-10-17', Statement: noReceive }),
      setAsDefault: true,
      at: now(),
    },
  ])
  await client.publishAsync('all/open', 'two', { qos: 1 })
  await client.publishAsync('all/secret', 'three', { qos: 1 })
  assert.deepEqual(await inbox.until(2), ['one', 'three'])

  await commit(cloud.scoped, [
    { do: 'detach-policy', policyName: 'deny', certificateId: idOf(device.certificate) },
    { do: 'detach-thing-principal', thingName: 'press-1', certificateId: idOf(device.certificate) },
  ])
  await assert.rejects(client.publishAsync('dt/press-1/a', 'x', { qos: 1 }), denied)
  await client.publishAsync('all/open', 'four', { qos: 1 })
  assert.deepEqual(await inbox.until(3), ['one', 'three', 'four'])
})

test('messages for a connection whose policies are being loaded wait for the new ones', async (context) => {
  const cloud = await openTestCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const client = cloud.client(device, { clientId: 'press-1' })
  await connected(client)
  const inbox = new Inbox(client)
  await client.subscribeAsync('all/#')
  cloud.registry.onCommit((_scope, [change]) => {
    // This listener runs after the front's: the connection is held, and nothing has been loaded yet.
    if (change?.do === 'create-policy') void cloud.bus.publish(message('all/secret', 'too late'))
  })
  const deny = { Effect: 'Deny', Action: 'iot:Receive', Resource: `${ARN}topic/all/secret` }
  await commit(cloud.scoped, [
    { do: 'create-policy', policy: policyRecord('deny', JSON.stringify({ Version: '2012-10-17', Statement: deny })) },
    { do: 'attach-policy', policyName: 'deny', certificateId: idOf(device.certificate) },
  ])
  await cloud.bus.publish(message('all/open', 'allowed'))
  assert.deepEqual(await inbox.until(1), ['allowed'])
})

function message(topic: string, text: string): Message {
  return {
    topic: parseTopicName(topic, AWS_PROFILE),
    payload: encodeUtf8(text),
    qos: 0,
    properties: NO_PROPERTIES,
    publisher: undefined,
    receivedAt: now(),
  }
}
