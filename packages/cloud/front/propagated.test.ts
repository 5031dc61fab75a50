import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { connected } from './testing/mqtt-client.ts'
import { commit, openTestCloud } from './testing/test-cloud.ts'

test('a thing type adds attributes to what its things publish, as user properties', async (context) => {
  const cloud = await openTestCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const reader = cloud.client(await cloud.registeredDevice('desk'), { clientId: 'desk', protocolVersion: 5 })
  await connected(reader)
  await reader.subscribeAsync('all/#', { qos: 1 })
  const received = (): Promise<unknown> =>
    new Promise((resolve) => {
      reader.once('message', (_topic, _payload, packet) => resolve({ ...packet.properties?.userProperties }))
    })
  await commit(cloud.scoped, [
    {
      do: 'create-thing-type',
      type: {
        name: 'press',
        id: randomUUID(),
        description: undefined,
        searchableAttributes: [],
        propagatingAttributes: [
          { userPropertyKey: 'hall', thingAttribute: 'hall' },
          { userPropertyKey: 'absent', thingAttribute: 'toString' },
          { userPropertyKey: 'client', connectionAttribute: 'iot:ClientId' },
          { userPropertyKey: 'thing', connectionAttribute: 'iot:Thing.ThingName' },
        ],
        createdAt: instant(0),
        deprecatedAt: undefined,
      },
    },
    { do: 'update-thing', name: 'press-1', attributes: { hall: 'north' }, typeName: 'press' },
  ])

  // Whoever publishes with 3.1.1 cannot add any of its own, and is enriched all the same.
  const old = cloud.client(device, { clientId: 'press-1', protocolVersion: 4 })
  await connected(old)
  const first = received()
  await old.publishAsync('all/a', 'x', { qos: 1 })
  assert.deepEqual(await first, { hall: 'north', client: 'press-1', thing: 'press-1' })

  // A change of the thing reaches its connection while it lasts.
  await commit(cloud.scoped, [
    { do: 'update-thing', name: 'press-1', attributes: { hall: 'south' }, typeName: 'press' },
  ])
  const second = received()
  await old.publishAsync('all/a', 'x', { qos: 1 })
  assert.deepEqual(await second, { hall: 'south', client: 'press-1', thing: 'press-1' })

  const plain = received()
  await reader.publishAsync('all/a', 'x', { qos: 1, properties: { userProperties: { own: '1' } } })
  assert.deepEqual(await plain, { own: '1' })
})
