import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AWS_PROFILE, type Delivery, parseTopicFilter } from '@birthmark/cloud/mqtt'
import { decodeUtf8 } from '@birthmark/foundation/kernel'
import type { MqttClient } from 'mqtt'
import { commit, idOf, now, openTestCloud, type TestCloud } from './testing/test-cloud.ts'

interface Told {
  readonly topic: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** Collects the events of a cloud. */
function listen({ bus }: TestCloud): {
  readonly events: readonly Told[]
  readonly until: (topic: string) => Promise<Told>
} {
  const events: Told[] = []
  const waiting = new Set<() => void>()
  const deliver = ({ message }: Delivery): void => {
    events.push({ topic: message.topic, payload: JSON.parse(decodeUtf8(message.payload) ?? '') })
    for (const check of waiting) check()
  }
  const receiver = { connectionId: undefined, deliver }
  bus.subscribe(parseTopicFilter('$aws/events/#', AWS_PROFILE), receiver, { qos: 1, noLocal: false })
  const until = (topic: string): Promise<Told> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = events.find((event) => event.topic === topic)
        if (found !== undefined) resolve(found)
      }
      waiting.add(check)
      check()
    })
  return { events, until }
}

function connected(client: MqttClient): Promise<unknown> {
  return new Promise((resolve) => client.once('connect', resolve))
}

test('a connection, its subscriptions and its end are told', async (context) => {
  const cloud = await openTestCloud(context)
  const { events, until } = listen(cloud)
  const device = await cloud.registeredDevice('press-1')
  const client = cloud.client(device, { clientId: 'press-1' })
  await connected(client)
  await client.subscribeAsync(['dt/press-1/a', 'all/b'])
  await client.unsubscribeAsync('all/b')
  await client.endAsync()
  const { payload } = await until('$aws/events/presence/disconnected/press-1')
  assert.deepEqual(
    events.map((event) => event.payload['eventType']),
    ['connected', 'subscribed', 'unsubscribed', 'disconnected'],
  )
  assert.deepEqual(events[1]?.payload['topics'], ['dt/press-1/a', 'all/b'])
  assert.equal(payload['disconnectReason'], 'CLIENT_INITIATED_DISCONNECT')
  assert.equal(payload['principalIdentifier'], idOf(device.certificate))
  assert.equal(new Set(events.map((event) => event.payload['sessionIdentifier'])).size, 1)
})

test('a client that is replaced, and one that is revoked, are told of with the reason', async (context) => {
  const cloud = await openTestCloud(context)
  const { events, until } = listen(cloud)
  const device = await cloud.registeredDevice('press-1')
  for (let round = 0; round < 2; round++) await connected(cloud.client(device, { clientId: 'press-1' }))
  const replaced = await until('$aws/events/presence/disconnected/press-1')
  assert.deepEqual([replaced.payload['disconnectReason'], replaced.payload['versionNumber']], ['DUPLICATE_CLIENTID', 0])
  const id = idOf(device.certificate)
  await commit(cloud.scoped, [{ do: 'set-certificate-status', id, from: ['ACTIVE'], to: 'REVOKED', at: now() }])
  const last = events.at(-1)
  assert.deepEqual([last?.payload['disconnectReason'], last?.payload['versionNumber']], ['AUTH_ERROR', 1])
  cloud.client(device, { clientId: 'press-1' })
  const failed = await until('$aws/events/presence/connect_failed/press-1')
  assert.equal(failed.payload['connectFailureReason'], 'AUTHORIZATION_FAILED')
})
