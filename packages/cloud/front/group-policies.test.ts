import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Change } from '@birthmark/cloud/registry'
import { instant } from '@birthmark/foundation/kernel'
import { connected } from './testing/mqtt-client.ts'
import { ARN, commit, openTestCloud, policyRecord } from './testing/test-cloud.ts'

const denied = { code: 0x87 }

test('the policies of groups hold for the client named like the thing, and change while it lives', async (context) => {
  const cloud = await openTestCloud(context)
  const device = await cloud.registeredDevice('press-1')
  const client = cloud.client(device, { clientId: 'press-1', protocolVersion: 5 })
  await connected(client)
  const allow = { Effect: 'Allow', Action: 'iot:Publish', Resource: `${ARN}topic/hall/*` }
  const document = JSON.stringify({ Version: '2012-10-17', Statement: allow })
  await commit(cloud.scoped, [
    { do: 'create-policy', policy: policyRecord('hall', document) },
    group('plant'),
    group('hall', 'plant'),
    { do: 'attach-group-policy', policyName: 'hall', groupName: 'plant' },
  ])
  await assert.rejects(client.publishAsync('hall/a', 'x', { qos: 1 }), denied, 'not in the group yet')

  const member = { thingName: 'press-1', groupName: 'hall' } as const
  await commit(cloud.scoped, [{ do: 'add-to-thing-group', ...member }])
  await client.publishAsync('hall/a', 'x', { qos: 1 })

  await commit(cloud.scoped, [{ do: 'detach-group-policy', policyName: 'hall', groupName: 'plant' }])
  await assert.rejects(client.publishAsync('hall/a', 'x', { qos: 1 }), denied)
  await commit(cloud.scoped, [{ do: 'attach-group-policy', policyName: 'hall', groupName: 'hall' }])
  await client.publishAsync('hall/a', 'x', { qos: 1 })

  await commit(cloud.scoped, [{ do: 'remove-from-thing-group', ...member }])
  await assert.rejects(client.publishAsync('hall/a', 'x', { qos: 1 }), denied)
  await commit(cloud.scoped, [{ do: 'add-to-thing-group', ...member }])
  await client.publishAsync('hall/a', 'x', { qos: 1 })
  await commit(cloud.scoped, [{ do: 'delete-thing-group', name: 'hall', dynamic: false }])
  await assert.rejects(client.publishAsync('hall/a', 'x', { qos: 1 }), denied)
})

function group(name: string, parentName?: string): Change {
  const record = { parentName, description: undefined, attributes: {}, query: undefined, version: 1 }
  return { do: 'create-thing-group', group: { name, id: randomUUID(), ...record, createdAt: instant(0) } }
}
