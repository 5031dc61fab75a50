import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AWS_PROFILE, STANDARD_PROFILE } from '@birthmark/cloud/mqtt'
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt'
import { closed, connected } from './testing/mqtt-client.ts'
import { ARN, commit, idOf, openTestCloud, policyRecord, type TestCloud } from './testing/test-cloud.ts'

const RETAINING = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:RetainPublish', Resource: `${ARN}topic/all/*` },
    { Effect: 'Deny', Action: 'iot:RetainPublish', Resource: `${ARN}topic/all/fleeting` },
  ],
})

/** A device that may retain on `all/…`, but for `all/fleeting`; and what it is sent. */
async function retainer(cloud: TestCloud, name: string, options: IClientOptions = {}): Promise<Peer> {
  const device = await cloud.registeredDevice(name)
  const policy = policyRecord(`retain-${name}`, RETAINING)
  await commit(cloud.scoped, [
    { do: 'create-policy', policy },
    { do: 'attach-policy', policyName: policy.name, certificateId: idOf(device.certificate) },
  ])
  const client = cloud.client(device, { clientId: name, protocolVersion: 5, ...options })
  const peer = new Peer(client)
  await connected(client)
  return peer
}

class Peer {
  readonly client: MqttClient
  readonly packets: IPublishPacket[] = []
  #changed: () => void = () => undefined

  constructor(client: MqttClient) {
    this.client = client
    client.on('message', (_topic, _payload, packet) => {
      this.packets.push(packet)
      this.#changed()
    })
  }

  /** Gives what came, once there are so many. */
  async until(count: number): Promise<string[]> {
    while (this.packets.length < count) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
    return this.packets.map(({ topic, payload, retain }) => `${topic} ${String(payload)}${retain ? ' retained' : ''}`)
  }

  retain(topic: string, text: string, properties: NonNullable<IPublishPacket['properties']> = {}): Promise<unknown> {
    return this.client.publishAsync(topic, text, { qos: 1, retain: true, properties })
  }
}

for (const version of [4, 5] as const) {
  test(`version ${version}: who subscribes gets what is retained, and then what is new`, async (context) => {
    const cloud = await openTestCloud(context)
    const publisher = await retainer(cloud, 'press-1', { protocolVersion: version })
    await publisher.retain('all/state', 'on')
    const other = await retainer(cloud, 'press-2', { protocolVersion: version })
    await other.client.subscribeAsync('all/state', { qos: 1 })
    assert.deepEqual(await other.until(1), ['all/state on retained'])
    // A wildcard gets nothing that is retained at AWS IoT; live messages come without the flag.
    await other.client.subscribeAsync('all/+', { qos: 1 })
    await publisher.client.publishAsync('all/news', 'live', { qos: 1, retain: true })
    assert.deepEqual((await other.until(2)).slice(1), ['all/news live'])
    // Subscribing again gives it again.
    await other.client.subscribeAsync('all/state', { qos: 0 })
    assert.deepEqual((await other.until(3)).slice(2), ['all/state on retained'])
    assert.equal(other.packets[2]?.qos, 0)
  })
}

test('an empty payload deletes what is retained and reaches who has subscribed', async (context) => {
  const cloud = await openTestCloud(context)
  const publisher = await retainer(cloud, 'press-1')
  const watcher = await retainer(cloud, 'press-2')
  await publisher.client.publishAsync('all/a', 'kept', { qos: 1, retain: true })
  await watcher.client.subscribeAsync(['all/a', 'all/last'], { qos: 1 })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await publisher.retain('all/a', '')
  assert.deepEqual(await watcher.until(2), ['all/a kept retained', 'all/a '])
  await watcher.client.subscribeAsync('all/a', { qos: 1 })
  await publisher.client.publishAsync('all/last', 'nothing came before', { qos: 1 })
  assert.deepEqual((await watcher.until(3)).slice(2), ['all/last nothing came before'])
})

test('properties come back, and what is left of the expiry', async (context) => {
  const cloud = await openTestCloud(context)
  const publisher = await retainer(cloud, 'press-1')
  const properties = {
    contentType: 'application/json',
    responseTopic: 'all/answers',
    correlationData: Buffer.from([1, 2]),
    userProperties: { line: ['7', '8'] },
    payloadFormatIndicator: true,
    messageExpiryInterval: 600,
  }
  await publisher.retain('all/a', '{}', properties)
  const reader = await retainer(cloud, 'press-2')
  await reader.client.subscribeAsync('all/a', { qos: 1 })
  await reader.until(1)
  const { messageExpiryInterval: left = 0, ...came } = reader.packets[0]?.properties ?? {}
  const { messageExpiryInterval: _, ...sent } = properties
  assert.deepEqual({ ...came, userProperties: { ...came.userProperties } }, sent)
  assert.ok(left > 500 && left <= 600)
})

test('a message is not retained without the right to, nor on a reserved topic', async (context) => {
  const cloud = await openTestCloud(context, { services: [{ name: 'rules', receive: () => undefined }] })
  const publisher = await retainer(cloud, 'press-1')
  await assert.rejects(publisher.retain('all/fleeting', 'x'), /Not authorized/)
  const end = closed(publisher.client)
  publisher.client.publish('$aws/rules/r/t', 'x', { qos: 0, retain: true })
  await end
  assert.match(String((await cloud.attemptWith('POLICY_DENIED_PUBLISH')).cause?.reason), /iot:RetainPublish/)
})

test('version 3.1.1: a message that may not be retained ends the connection', async (context) => {
  const cloud = await openTestCloud(context)
  const publisher = await retainer(cloud, 'press-1', { protocolVersion: 4 })
  const end = closed(publisher.client)
  publisher.client.publish('all/fleeting', 'x', { qos: 1, retain: true })
  await end
  const { cause } = await cloud.attemptWith('POLICY_DENIED_PUBLISH')
  assert.match(String(cause?.reason), /iot:RetainPublish/)
})

test('a will is retained', async (context) => {
  const cloud = await openTestCloud(context)
  const will = { topic: 'all/gone', payload: Buffer.from('press-1'), qos: 1 as const, retain: true }
  const dying = await retainer(cloud, 'press-1', { will })
  const watcher = await retainer(cloud, 'press-2')
  await watcher.client.subscribeAsync('all/+', { qos: 1 })
  dying.client.stream.destroy()
  assert.deepEqual(await watcher.until(1), ['all/gone press-1'])
  await watcher.client.subscribeAsync('all/gone', { qos: 1 })
  assert.deepEqual((await watcher.until(2)).slice(1), ['all/gone press-1 retained'])
})

test('a topic that is retained faster than once a second is refused, and says so', async (context) => {
  const cloud = await openTestCloud(context)
  const publisher = await retainer(cloud, 'press-1')
  await publisher.retain('all/a', 'first')
  await assert.rejects(publisher.retain('all/a', 'second'), /Quota exceeded/)
  const reader = await retainer(cloud, 'press-2')
  await reader.client.subscribeAsync('all/a', { qos: 1 })
  assert.deepEqual(await reader.until(1), ['all/a first retained'])
})

test('a session that lasts keeps what it was given of retained messages until it is acknowledged', async (context) => {
  const cloud = await openTestCloud(context)
  const publisher = await retainer(cloud, 'press-1')
  await publisher.retain('all/a', 'on')
  const device = await cloud.registeredDevice('press-2')
  const options = {
    clientId: 'press-2',
    protocolVersion: 5,
    clean: false,
    properties: { sessionExpiryInterval: 60 },
  } as const
  const first = cloud.client(device, options)
  first.handleMessage = () => undefined
  const sent = new Promise((resolve) => void first.on('packetreceive', ({ cmd }) => cmd === 'publish' && resolve(cmd)))
  await connected(first)
  await first.subscribeAsync('all/a', { qos: 1 })
  await sent
  const lost = closed(first)
  first.stream.destroy()
  await lost
  const second = new Peer(cloud.client(device, options))
  assert.deepEqual(await second.until(1), ['all/a on retained'])
})

test('profile standard: wildcards get what is retained, as the option Retain Handling says', async (context) => {
  const cloud = await openTestCloud(context, { profile: STANDARD_PROFILE })
  const publisher = await retainer(cloud, 'press-1')
  await publisher.retain('all/a', '1')
  await publisher.retain('all/b/c', '2')
  const reader = await retainer(cloud, 'press-2')
  await reader.client.subscribeAsync('all/#', { qos: 1 })
  assert.deepEqual((await reader.until(2)).toSorted(), ['all/a 1 retained', 'all/b/c 2 retained'])
  await reader.client.subscribeAsync('all/#', { qos: 1, rh: 1 })
  await reader.client.subscribeAsync('all/#', { qos: 1, rh: 2 })
  await reader.client.subscribeAsync('all/+', { qos: 1, rh: 1, rap: true, nl: false })
  assert.deepEqual((await reader.until(3)).slice(2), ['all/a 1 retained'])
  // Retain As Published: the flag stays for one subscription that wants it.
  await publisher.client.publishAsync('all/d', '3', { qos: 1, retain: true })
  assert.deepEqual((await reader.until(4)).slice(3), ['all/d 3 retained'])
})

test('without a place for them retained messages are refused as not available', async (context) => {
  const cloud = await openTestCloud(context, { profile: { ...AWS_PROFILE, retainAvailable: false } })
  const publisher = await retainer(cloud, 'press-1')
  const end = closed(publisher.client)
  publisher.client.publish('all/a', 'x', { qos: 1, retain: true })
  assert.equal((await end).code, 0x9a)
})
