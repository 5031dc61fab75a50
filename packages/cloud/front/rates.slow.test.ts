import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AWS_PROFILE } from '@birthmark/cloud/mqtt'
import { instant, later, seconds } from '@birthmark/foundation/kernel'
import { closed, connected, Inbox } from './testing/mqtt-client.ts'
import { openTestCloud } from './testing/test-cloud.ts'

test('a client identifier is let in once in a second; the connection that it has stays', async (context) => {
  let now = instant(Date.now())
  const cloud = await openTestCloud(context, {
    clock: { now: () => now },
    limits: { connectsPerClientPerSecond: 1 },
  })
  const device = await cloud.registeredDevice('press-1')
  const first = cloud.client(device, { clientId: 'press-1', protocolVersion: 5 })
  await connected(first)
  assert.equal((await closed(cloud.client(device, { clientId: 'press-1', protocolVersion: 5 }))).code, 0x97)
  assert.match(String((await cloud.attemptWith('CLIENT_ID_TOO_FAST')).cause?.reason), /more than 1 times in a second/)
  assert.equal(first.connected, true)
  // 3.1.1 has no word for it.
  assert.equal((await closed(cloud.client(device, { clientId: 'press-1' }))).code, undefined)
  now = later(now, seconds(1))
  const taken = closed(first)
  await connected(cloud.client(device, { clientId: 'press-1', protocolVersion: 5 }))
  assert.equal((await taken).code, 0x8e)
})

test('who sends more bytes than its rate is read more slowly, and loses nothing', async (context) => {
  const cloud = await openTestCloud(context, {
    profile: { ...AWS_PROFILE, bytesInPerSecond: 65_536, publishesInPerSecond: Number.POSITIVE_INFINITY },
  })
  const device = await cloud.registeredDevice('press-1')
  const client = cloud.client(device, { clientId: 'press-1', protocolVersion: 5 })
  await connected(client)
  const inbox = new Inbox(client)
  await client.subscribeAsync('all/large', { qos: 0 })
  const payload = Buffer.alloc(32_768, 'x')
  await Promise.all(Array.from({ length: 6 }, () => client.publishAsync('all/large', payload, { qos: 1 })))
  assert.equal((await inbox.until(6)).length, 6)
})
