import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '@birthmark/cloud/mqtt'
import { decodeUtf8, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { startRegistryEvents } from './registry-events.ts'

const { client, registry, scope } = await startTestControlPlane()
const heard: { topic: string; payload: Record<string, unknown> }[] = []
let wake = (): void => undefined

async function publish({ topic, payload }: Message): Promise<void> {
  heard.push({ topic, payload: JSON.parse(decodeUtf8(payload) ?? '') as Record<string, unknown> })
  wake()
}

test('changes of the registry are told once their kind is turned on, in their order', async () => {
  const stop = startRegistryEvents({ registry, busOf: () => ({ publish }), clock: systemClock, log: silentLog })
  await client.createThing({ thingName: 'before' })
  const kinds = ['THING', 'THING_TYPE', 'THING_TYPE_ASSOCIATION', 'THING_GROUP', 'THING_GROUP_HIERARCHY'] as const
  const on = [...kinds, 'THING_GROUP_MEMBERSHIP'].map((kind) => [kind, { Enabled: true }])
  await client.updateEventConfigurations({ eventConfigurations: Object.fromEntries(on) })

  await client.createThingType({ thingTypeName: 'press' })
  await client.createThing({ thingName: 't', thingTypeName: 'press' })
  await client.createThingGroup({ thingGroupName: 'hall' })
  await client.createThingGroup({ thingGroupName: 'line', parentGroupName: 'hall' })
  await client.addThingToThingGroup({ thingName: 't', thingGroupName: 'line' })
  await client.updateThing({ thingName: 't', removeThingType: true })
  await client.removeThingFromThingGroup({ thingName: 't', thingGroupName: 'line' })
  await client.deleteThingGroup({ thingGroupName: 'line' })
  await client.deprecateThingType({ thingTypeName: 'press' })
  await client.deleteThing({ thingName: 't' })
  await client.deleteThing({ thingName: 't' })
  const expected = [
    'thingType/press/created',
    'thing/t/created',
    'thingTypeAssociation/thing/t/thingType/press/added',
    'thingGroup/hall/created',
    'thingGroup/line/created',
    'thingGroupHierarchy/thingGroup/hall/childThingGroup/line/added',
    'thingGroupMembership/thingGroup/line/thing/t/added',
    'thing/t/updated',
    'thingTypeAssociation/thing/t/thingType/press/removed',
    'thingGroupMembership/thingGroup/line/thing/t/removed',
    'thingGroup/line/deleted',
    'thingGroupHierarchy/thingGroup/hall/childThingGroup/line/removed',
    'thingType/press/updated',
    'thing/t/deleted',
  ]
  while (heard.length < expected.length) await new Promise<void>((resolve) => (wake = resolve))
  stop()
  assert.deepEqual(
    heard.map(({ topic }) => topic.replace('$aws/events/', '')),
    expected,
  )
  const [, created] = heard
  assert.deepEqual(created && { ...created.payload, eventId: '', timestamp: 0, thingId: '' }, {
    eventType: 'THING_EVENT',
    eventId: '',
    timestamp: 0,
    operation: 'CREATED',
    accountId: scope.account,
    thingId: '',
    thingName: 't',
    versionNumber: 1,
    thingTypeName: 'press',
    attributes: {},
  })
  const deleted = heard.at(-1)?.payload
  assert.deepEqual(
    [deleted?.['operation'], deleted?.['versionNumber'], deleted?.['thingTypeName']],
    ['DELETED', 2, null],
  )
})
