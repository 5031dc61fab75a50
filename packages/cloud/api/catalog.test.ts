import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paginateListThingGroups, paginateListThingsInThingGroup } from '@aws-sdk/client-iot'
import { instant } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'

let skipped = 0
const clock = { now: () => instant(systemClock.now() + skipped) }
const { client } = await startTestControlPlane({ clock })
const ARN = 'arn:aws:iot:eu-central-1:123456789012'
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }],
})

test('a thing type is created once, described, listed, changed, deprecated, and deleted 5 minutes later', async () => {
  const thingTypeName = 'meter'
  const thingTypeProperties = {
    thingTypeDescription: 'measures',
    searchableAttributes: ['site'],
    mqtt5Configuration: { propagatingAttributes: [{ userPropertyKey: 'site', thingAttribute: 'site' }] },
  }
  const created = await client.createThingType({ thingTypeName, thingTypeProperties })
  assert.equal(created.thingTypeArn, `${ARN}:thingtype/meter`)
  const again = await client.createThingType({ thingTypeName, thingTypeProperties })
  assert.equal(again.thingTypeId, created.thingTypeId)
  const described = await client.describeThingType({ thingTypeName })
  assert.deepEqual(described.thingTypeProperties, thingTypeProperties)
  assert.equal(described.thingTypeMetadata?.deprecated, false)
  await client.updateThingType({ thingTypeName, thingTypeProperties: { thingTypeDescription: 'counts' } })
  const listed = await client.listThingTypes({ thingTypeName })
  assert.deepEqual(
    listed.thingTypes?.map((type) => type.thingTypeProperties),
    [{ ...thingTypeProperties, thingTypeDescription: 'counts' }],
  )
  assert.deepEqual((await client.listThingTypes({ thingTypeName: 'absent' })).thingTypes, [])

  await client.createThing({ thingName: 'typed', thingTypeName })
  await refuses(client.deleteThingType({ thingTypeName }), 'InvalidRequestException', 400, /Deprecate it first/)
  await client.deprecateThingType({ thingTypeName })
  const deprecated = await client.describeThingType({ thingTypeName })
  assert.equal(deprecated.thingTypeMetadata?.deprecated, true)
  assert.ok(deprecated.thingTypeMetadata.deprecationDate)
  const late = client.createThing({ thingName: 'late', thingTypeName })
  await refuses(late, 'InvalidRequestException', 400, /Can not create thing with deprecated thing type:meter/)
  await refuses(client.deleteThingType({ thingTypeName }), 'InvalidRequestException', 400, /wait for 5 minutes/)
  skipped += 300_000
  await refuses(client.deleteThingType({ thingTypeName }), 'InvalidRequestException', 400, /things associated/)
  await client.updateThing({ thingName: 'typed', removeThingType: true })
  await client.deleteThingType({ thingTypeName })
  await refuses(client.describeThingType({ thingTypeName }), 'ResourceNotFoundException', 404, /cannot be found/)
})

test('the deprecation of a thing type is taken back', async () => {
  const thingTypeName = 'undone'
  await client.createThingType({ thingTypeName })
  await client.deprecateThingType({ thingTypeName })
  await client.deprecateThingType({ thingTypeName, undoDeprecate: true })
  await client.createThing({ thingName: 'of-undone', thingTypeName })
  assert.equal((await client.describeThing({ thingName: 'of-undone' })).thingTypeName, thingTypeName)
})

test('thing groups make a hierarchy that is described and listed', async () => {
  const root = await client.createThingGroup({
    thingGroupName: 'plant',
    thingGroupProperties: { thingGroupDescription: 'all', attributePayload: { attributes: { site: 'north' } } },
  })
  assert.equal(root.thingGroupArn, `${ARN}:thinggroup/plant`)
  await client.createThingGroup({ thingGroupName: 'plant-hall', parentGroupName: 'plant' })
  await client.createThingGroup({ thingGroupName: 'plant-line', parentGroupName: 'plant-hall' })
  const line = await client.describeThingGroup({ thingGroupName: 'plant-line' })
  assert.equal(line.thingGroupMetadata?.parentGroupName, 'plant-hall')
  assert.deepEqual(line.thingGroupMetadata.rootToParentThingGroups, [
    { groupName: 'plant', groupArn: `${ARN}:thinggroup/plant` },
    { groupName: 'plant-hall', groupArn: `${ARN}:thinggroup/plant-hall` },
  ])
  const names = async (filter: object): Promise<readonly (string | undefined)[]> => {
    const found: (string | undefined)[] = []
    for await (const page of paginateListThingGroups({ client, pageSize: 1 }, filter)) {
      found.push(...(page.thingGroups ?? []).map(({ groupName }) => groupName))
    }
    return found
  }
  assert.deepEqual(await names({ parentGroup: 'plant' }), ['plant-hall', 'plant-line'])
  assert.deepEqual(await names({ parentGroup: 'plant', recursive: false }), ['plant-hall'])
  assert.deepEqual(await names({ namePrefixFilter: 'plant-' }), ['plant-hall', 'plant-line'])

  const update = { thingGroupName: 'plant', thingGroupProperties: { attributePayload: { attributes: { a: '1' } } } }
  assert.equal((await client.updateThingGroup({ ...update, expectedVersion: 1 })).version, 2)
  await refuses(client.updateThingGroup({ ...update, expectedVersion: 1 }), 'VersionConflictException', 409, /version/)
  const { thingGroupProperties, version } = await client.describeThingGroup({ thingGroupName: 'plant' })
  assert.deepEqual(thingGroupProperties, { thingGroupDescription: 'all', attributePayload: { attributes: { a: '1' } } })
  assert.equal(version, 2)
  const early = client.deleteThingGroup({ thingGroupName: 'plant' })
  await refuses(early, 'InvalidRequestException', 400, /still child groups attached to it/)
  for (const thingGroupName of ['plant-line', 'plant-hall', 'plant']) await client.deleteThingGroup({ thingGroupName })
  await client.deleteThingGroup({ thingGroupName: 'plant' })
})

test('things are in groups, and are listed with the groups below', async () => {
  await client.createThingGroup({ thingGroupName: 'city' })
  await client.createThingGroup({ thingGroupName: 'street', parentGroupName: 'city' })
  await client.createThingGroup({ thingGroupName: 'lamps' })
  for (const thingName of ['lamp-1', 'lamp-2', 'lamp-3']) await client.createThing({ thingName })
  await client.addThingToThingGroup({ thingName: 'lamp-1', thingGroupName: 'city' })
  await client.addThingToThingGroup({ thingArn: `${ARN}:thing/lamp-2`, thingGroupArn: `${ARN}:thinggroup/street` })
  await client.updateThingGroupsForThing({ thingName: 'lamp-3', thingGroupsToAdd: ['street', 'lamps'] })
  const things = async (recursive: boolean): Promise<readonly string[]> => {
    const found: string[] = []
    const input = { thingGroupName: 'city', recursive }
    for await (const page of paginateListThingsInThingGroup({ client, pageSize: 2 }, input)) {
      found.push(...(page.things ?? []))
    }
    return found
  }
  assert.deepEqual([await things(false), await things(true)], [['lamp-1'], ['lamp-1', 'lamp-2', 'lamp-3']])
  const groups = await client.listThingGroupsForThing({ thingName: 'lamp-3' })
  assert.deepEqual(
    groups.thingGroups?.map(({ groupName }) => groupName),
    ['lamps', 'street'],
  )
  const second = client.addThingToThingGroup({ thingName: 'lamp-3', thingGroupName: 'city' })
  await refuses(second, 'InvalidRequestException', 400, /same hierarchy/)
  await client.updateThingGroupsForThing({
    thingName: 'lamp-3',
    thingGroupsToRemove: ['street'],
    thingGroupsToAdd: ['city'],
  })
  await client.removeThingFromThingGroup({ thingName: 'lamp-3', thingGroupName: 'lamps' })
  assert.equal((await client.listThingGroupsForThing({ thingName: 'lamp-3' })).thingGroups?.length, 1)
})

test('policies are attached to groups and inherited', async () => {
  for (const policyName of ['on-root', 'on-child', 'third'])
    await client.createPolicy({ policyName, policyDocument: POLICY })
  await client.createThingGroup({ thingGroupName: 'p-root' })
  await client.createThingGroup({ thingGroupName: 'p-child', parentGroupName: 'p-root' })
  const target = `${ARN}:thinggroup/p-child`
  await client.attachPolicy({ policyName: 'on-root', target: `${ARN}:thinggroup/p-root` })
  await client.attachPolicy({ policyName: 'on-child', target })
  await client.attachPolicy({ policyName: 'third', target })
  const names = async (recursive: boolean): Promise<unknown> =>
    (await client.listAttachedPolicies({ target, recursive })).policies?.map(({ policyName }) => policyName)
  assert.deepEqual(await names(false), ['on-child', 'third'])
  assert.deepEqual(await names(true), ['on-child', 'on-root', 'third'])
  assert.deepEqual((await client.listTargetsForPolicy({ policyName: 'third' })).targets, [target])
  await refuses(client.deletePolicy({ policyName: 'third' }), 'DeleteConflictException', 409, /attached/)
  await refuses(client.attachPolicy({ policyName: 'on-root', target }), 'LimitExceededException', 410, /\(2\)/)
  await client.createThing({ thingName: 'inheriting' })
  await client.addThingToThingGroup({ thingName: 'inheriting', thingGroupName: 'p-child' })
  const { effectivePolicies } = await client.getEffectivePolicies({ thingName: 'inheriting' })
  assert.deepEqual(
    effectivePolicies?.map(({ policyName }) => policyName),
    ['on-child', 'on-root', 'third'],
  )
  await client.detachPolicy({ policyName: 'third', target })
  await client.deletePolicy({ policyName: 'third' })
})

test('the targets of a policy are certificates and then groups, in pages', async () => {
  await client.createPolicy({ policyName: 'wide', policyDocument: POLICY })
  const { certificateArn } = await client.createKeysAndCertificate({ setAsActive: true })
  const targets = [certificateArn!, ...['w1', 'w2'].map((name) => `${ARN}:thinggroup/${name}`)]
  for (const thingGroupName of ['w1', 'w2']) await client.createThingGroup({ thingGroupName })
  for (const target of targets) await client.attachPolicy({ policyName: 'wide', target })
  for (const pageSize of [1, 2, 3]) {
    const found: string[] = []
    let marker: string | undefined
    do {
      const page = await client.listTargetsForPolicy({ policyName: 'wide', pageSize, marker })
      found.push(...(page.targets ?? []))
      marker = page.nextMarker
    } while (marker !== undefined)
    assert.deepEqual(found, targets)
  }
  assert.deepEqual((await client.listPolicyPrincipals({ policyName: 'wide' })).principals, [certificateArn])
})

test('billing groups have things, one at most each', async () => {
  const billingGroupName = 'ours'
  const created = await client.createBillingGroup({ billingGroupName, tags: [{ Key: 'cost', Value: '7' }] })
  assert.equal(created.billingGroupArn, `${ARN}:billinggroup/ours`)
  await client.createBillingGroup({ billingGroupName: 'theirs' })
  await client.createThing({ thingName: 'billed', billingGroupName })
  assert.equal((await client.describeThing({ thingName: 'billed' })).billingGroupName, billingGroupName)
  await client.addThingToBillingGroup({ thingName: 'billed', billingGroupName: 'theirs' })
  assert.deepEqual((await client.listThingsInBillingGroup({ billingGroupName: 'theirs' })).things, ['billed'])
  await client.removeThingFromBillingGroup({ thingName: 'billed', billingGroupName })
  assert.equal((await client.describeThing({ thingName: 'billed' })).billingGroupName, 'theirs', 'it was not in ours')
  await client.removeThingFromBillingGroup({ thingName: 'billed', billingGroupName: 'theirs' })
  assert.equal((await client.describeThing({ thingName: 'billed' })).billingGroupName, undefined)
  const billingGroupProperties = { billingGroupDescription: 'new' }
  assert.equal((await client.updateBillingGroup({ billingGroupName, billingGroupProperties })).version, 2)
  const described = await client.describeBillingGroup({ billingGroupName })
  assert.deepEqual([described.version, described.billingGroupProperties], [2, billingGroupProperties])
  const { billingGroups } = await client.listBillingGroups({ namePrefixFilter: 'our' })
  assert.deepEqual(billingGroups, [{ groupName: 'ours', groupArn: created.billingGroupArn }])
  const other = client.deleteBillingGroup({ billingGroupName, expectedVersion: 1 })
  await refuses(other, 'VersionConflictException', 409, /version/)
  await client.deleteBillingGroup({ billingGroupName, expectedVersion: 2 })
  const gone = client.listTagsForResource({ resourceArn: created.billingGroupArn! })
  await refuses(gone, 'ResourceNotFoundException', 404, /not found/)
})

test('tags are kept on what can have them', async () => {
  const { thingGroupArn } = await client.createThingGroup({
    thingGroupName: 'tagged',
    tags: [{ Key: 'a', Value: '1' }],
  })
  const resourceArn = thingGroupArn!
  await client.tagResource({
    resourceArn,
    tags: [
      { Key: 'b', Value: '2' },
      { Key: 'a', Value: '3' },
    ],
  })
  await client.untagResource({ resourceArn, tagKeys: ['b'] })
  assert.deepEqual((await client.listTagsForResource({ resourceArn })).tags, [{ Key: 'a', Value: '3' }])
  await client.createPolicy({ policyName: 'tagged', policyDocument: POLICY, tags: [{ Key: 'p', Value: '' }] })
  const ofPolicy = await client.listTagsForResource({ resourceArn: `${ARN}:policy/tagged` })
  assert.deepEqual(ofPolicy.tags, [{ Key: 'p', Value: '' }])
  const many = Array.from({ length: 50 }, (_, n) => ({ Key: `k${n}`, Value: '' }))
  await refuses(client.tagResource({ resourceArn, tags: many }), 'LimitExceededException', 410, /at most 50 tags/)
})

test('the kinds of events that are told are chosen', async () => {
  const before = await client.describeEventConfigurations({})
  assert.deepEqual(before.eventConfigurations?.THING, { Enabled: false })
  await client.updateEventConfigurations({ eventConfigurations: { THING: { Enabled: true } } })
  await client.updateEventConfigurations({ eventConfigurations: { THING_TYPE: { Enabled: true } } })
  const { eventConfigurations } = await client.describeEventConfigurations({})
  const enabled = Object.entries(eventConfigurations ?? {}).filter(([, { Enabled }]) => Enabled)
  assert.deepEqual(enabled.map(([type]) => type).toSorted(), ['THING', 'THING_TYPE'])
})

await client.createThing({ thingName: 'stray' })
await client.createThingGroup({ thingGroupName: 'some' })
await client.createThingType({ thingTypeName: 'some', thingTypeProperties: { thingTypeDescription: 'one' } })
await client.createBillingGroup({ billingGroupName: 'some' })
await client.createPolicy({ policyName: 'some', policyDocument: POLICY })

const INVALID = ['InvalidRequestException', 400] as const
const ABSENT = ['ResourceNotFoundException', 404] as const
const TAKEN = ['ResourceAlreadyExistsException', 409] as const
const absent = 'absent'

const REFUSALS: readonly RefusalRow[] = [
  ['another type', () => client.createThingType({ thingTypeName: 'some' }), ...TAKEN, /different properties/],
  [
    'four searchable attributes',
    () =>
      client.createThingType({
        thingTypeName: 'x',
        thingTypeProperties: { searchableAttributes: ['a', 'b', 'c', 'd'] },
      }),
    ...INVALID,
    /at most 3/,
  ],
  [
    'a propagating attribute of nothing',
    () =>
      client.createThingType({
        thingTypeName: 'x',
        thingTypeProperties: { mqtt5Configuration: { propagatingAttributes: [{ userPropertyKey: 'k' }] } },
      }),
    ...INVALID,
    /propagating attribute/,
  ],
  ['no such type', () => client.updateThingType({ thingTypeName: absent }), ...ABSENT, /cannot be found/],
  ['no such type', () => client.deprecateThingType({ thingTypeName: absent }), ...ABSENT, /cannot be found/],
  ['no such type', () => client.deleteThingType({ thingTypeName: absent }), ...ABSENT, /cannot be found/],
  ['a thing of no type', () => client.createThing({ thingName: 'x', thingTypeName: absent }), ...ABSENT, /Thing type/],
  ['an update to no type', () => client.updateThing({ thingName: 'stray', thingTypeName: absent }), ...ABSENT, /type/],
  [
    'a thing of no billing group',
    () => client.createThing({ thingName: 'x', billingGroupName: absent }),
    ...ABSENT,
    /billing group/,
  ],
  [
    'another group',
    () => client.createThingGroup({ thingGroupName: 'some', parentGroupName: 'city' }),
    ...TAKEN,
    /different properties/,
  ],
  [
    'no such parent',
    () => client.createThingGroup({ thingGroupName: 'x', parentGroupName: absent }),
    ...INVALID,
    /parent thing group/,
  ],
  ['no such group', () => client.describeThingGroup({ thingGroupName: absent }), ...ABSENT, /cannot be found/],
  [
    'no such group',
    () => client.updateThingGroup({ thingGroupName: absent, thingGroupProperties: {} }),
    ...ABSENT,
    /cannot be found/,
  ],
  ['no such group', () => client.listThingsInThingGroup({ thingGroupName: absent }), ...ABSENT, /cannot be found/],
  ['no such group', () => client.listThingGroups({ parentGroup: absent }), ...ABSENT, /cannot be found/],
  ['no such thing', () => client.listThingGroupsForThing({ thingName: absent }), ...ABSENT, /cannot be found/],
  ['no thing', () => client.addThingToThingGroup({ thingGroupName: 'some' }), ...INVALID, /thingName or thingArn/],
  ['no group', () => client.addThingToThingGroup({ thingName: 'stray' }), ...INVALID, /thingGroupName or/],
  [
    'no such group',
    () => client.addThingToThingGroup({ thingName: 'stray', thingGroupName: absent }),
    ...ABSENT,
    /Thing group absent/,
  ],
  [
    'no such thing',
    () => client.addThingToThingGroup({ thingName: absent, thingGroupName: 'some' }),
    ...ABSENT,
    /Thing absent/,
  ],
  [
    'the ARN of another account',
    () => client.removeThingFromThingGroup({ thingName: 'stray', thingGroupArn: 'arn:aws:iot:x:1:thinggroup/a' }),
    ...ABSENT,
    /another account or region/,
  ],
  [
    'the ARN of something else',
    () => client.removeThingFromThingGroup({ thingName: 'stray', thingGroupArn: `${ARN}:thing/a` }),
    ...INVALID,
    /does not represent a thinggroup/,
  ],
  [
    'no such group as target',
    () => client.attachPolicy({ policyName: 'some', target: `${ARN}:thinggroup/absent` }),
    ...ABSENT,
    /Thing group absent/,
  ],
  [
    'no such group as target',
    () => client.detachPolicy({ policyName: 'some', target: `${ARN}:thinggroup/absent` }),
    ...ABSENT,
    /Thing group absent/,
  ],
  [
    'another billing group',
    () =>
      client.createBillingGroup({
        billingGroupName: 'some',
        billingGroupProperties: { billingGroupDescription: 'other' },
      }),
    ...TAKEN,
    /different properties/,
  ],
  ['no such billing group', () => client.describeBillingGroup({ billingGroupName: absent }), ...ABSENT, /cannot be/],
  [
    'no such billing group',
    () => client.addThingToBillingGroup({ thingName: 'stray', billingGroupName: absent }),
    ...ABSENT,
    /Billing group absent/,
  ],
  ['no billing group', () => client.addThingToBillingGroup({ thingName: 'stray' }), ...INVALID, /billingGroupName or/],
  [
    'tags on a thing',
    () => client.tagResource({ resourceArn: `${ARN}:thing/stray`, tags: [{ Key: 'a', Value: '' }] }),
    ...INVALID,
    /Invalid resource ARN/,
  ],
  ['tags of nothing', () => client.listTagsForResource({ resourceArn: `${ARN}:policy/x` }), ...ABSENT, /not found/],
  [
    'a tag key twice',
    () =>
      client.createBillingGroup({
        billingGroupName: 'x',
        tags: [
          { Key: 'a', Value: '' },
          { Key: 'a', Value: '' },
        ],
      }),
    ...INVALID,
    /given twice/,
  ],
  [
    'a reserved tag key',
    () => client.tagResource({ resourceArn: `${ARN}:policy/some`, tags: [{ Key: 'aws:a', Value: '' }] }),
    ...INVALID,
    /must not begin with aws:/,
  ],
]

for (const [why, send, ...refusal] of REFUSALS) {
  test(`refuses ${why}`, async () => void (await refuses(send(), ...refusal)))
}
