import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'

const connectivityOf = (_: unknown, name: string) =>
  name === 'press-1' ? { connected: true, at: instant(1_700_000_000_000), disconnectReason: undefined } : undefined
const { client } = await startTestControlPlane({ connectivityOf })

const off = await client.listIndices({})
const before = client.searchIndex({ queryString: '*' })
await refuses(before, 'ResourceNotFoundException', 404, /AWS_Things does not exist/)
await client.updateIndexingConfiguration({
  thingIndexingConfiguration: { thingIndexingMode: 'REGISTRY', thingConnectivityIndexingMode: 'STATUS' },
  thingGroupIndexingConfiguration: { thingGroupIndexingMode: 'ON' },
})
await client.createThingType({ thingTypeName: 'press' })
await client.createThingGroup({ thingGroupName: 'hall-3', thingGroupProperties: { thingGroupDescription: 'big hall' } })
await client.createThingGroup({ thingGroupName: 'line-1', parentGroupName: 'hall-3' })
for (const [n, site] of ['Berlin', 'Bonn', 'Bonn', 'Trier'].entries()) {
  const attributes = { site, temp: String(20 + n), serial: `s${n}` }
  const thingTypeName = n < 3 ? 'press' : undefined
  const attributePayload = { attributes: n < 3 ? attributes : { site } }
  await client.createThing({ thingName: `press-${n}`, thingTypeName, attributePayload })
}
await client.addThingToThingGroup({ thingName: 'press-2', thingGroupName: 'line-1' })

async function found(queryString: string): Promise<readonly (string | undefined)[]> {
  return (await client.searchIndex({ queryString })).things?.map(({ thingName }) => thingName) ?? []
}

test('indices are there when they are turned on', async () => {
  assert.deepEqual(off.indexNames, [])
  assert.deepEqual((await client.listIndices({})).indexNames, ['AWS_ThingGroups', 'AWS_Things'])
  const { $metadata: _, ...index } = await client.describeIndex({ indexName: 'AWS_Things' })
  const schema = 'REGISTRY_AND_CONNECTIVITY_STATUS'
  assert.deepEqual(index, { indexName: 'AWS_Things', indexStatus: 'ACTIVE', schema })
  const configuration = await client.getIndexingConfiguration({})
  assert.equal(configuration.thingIndexingConfiguration?.thingIndexingMode, 'REGISTRY')
  assert.equal(configuration.thingGroupIndexingConfiguration?.thingGroupIndexingMode, 'ON')
})

const SEARCHES: readonly (readonly [query: string, names: readonly string[]])[] = [
  ['*', ['press-0', 'press-1', 'press-2', 'press-3']],
  ['thingName:PRESS-1', ['press-1']],
  ['thingName:press-* AND NOT attributes.site:bonn', ['press-0', 'press-3']],
  ['attributes.site:bonn', ['press-1', 'press-2']],
  ['attributes.temp:[21 TO 30]', ['press-1', 'press-2']],
  ['attributes.site:b* attributes.temp:<21', ['press-0']],
  ['thingTypeName:press', ['press-0', 'press-1', 'press-2']],
  ['thingGroupNames:line-1', ['press-2']],
  ['connectivity.connected:true', ['press-1']],
  ['connectivity.connected:false AND thingTypeName:press', ['press-0', 'press-2']],
  ['trier', ['press-3']],
  ['thingName:absent', []],
]
for (const [query, names] of SEARCHES) {
  test(`a search for ${query}`, async () => assert.deepEqual(await found(query), names))
}

test('a search gives what is known of a thing, in pages', async () => {
  const { things } = await client.searchIndex({ queryString: 'thingName:press-2' })
  assert.equal(typeof things?.[0]?.thingId, 'string')
  assert.deepEqual(things?.[0] && { ...things[0], thingId: '' }, {
    thingName: 'press-2',
    thingId: '',
    thingTypeName: 'press',
    thingGroupNames: ['line-1'],
    attributes: { site: 'Bonn', temp: '22', serial: 's2' },
    connectivity: { connected: false },
  })
  const connected = await client.searchIndex({ queryString: 'thingName:press-1' })
  assert.deepEqual(connected.things?.[0]?.connectivity, { connected: true, timestamp: 1_700_000_000_000 })
  const names: (string | undefined)[] = []
  let nextToken: string | undefined
  do {
    const page = await client.searchIndex({ queryString: 'thingName:press-*', maxResults: 1, nextToken })
    names.push(...(page.things ?? []).map(({ thingName }) => thingName))
    nextToken = page.nextToken
  } while (nextToken !== undefined)
  assert.deepEqual(names, ['press-0', 'press-1', 'press-2', 'press-3'])
})

test('the connectivity of one thing is told', async () => {
  const { $metadata: _, ...on } = await client.getThingConnectivityData({ thingName: 'press-1' })
  assert.deepEqual(on, { thingName: 'press-1', connected: true, timestamp: new Date(1_700_000_000_000) })
  assert.equal((await client.getThingConnectivityData({ thingName: 'press-2' })).connected, false)
  const absent = client.getThingConnectivityData({ thingName: 'absent' })
  await refuses(absent, 'ResourceNotFoundException', 404, /cannot be found/)
})

test('groups are searched', async () => {
  const search = async (queryString: string): Promise<unknown> => {
    const { thingGroups } = await client.searchIndex({ indexName: 'AWS_ThingGroups', queryString })
    return thingGroups?.map(({ thingGroupName, parentGroupNames }) => [thingGroupName, parentGroupNames])
  }
  assert.deepEqual(await search('thingGroupDescription:hall'), [['hall-3', []]])
  assert.deepEqual(await search('parentGroupNames:hall-3'), [['line-1', ['hall-3']]])
})

test('what is found is counted', async () => {
  const queryString = 'thingTypeName:press'
  assert.deepEqual((await client.getStatistics({ queryString })).statistics, { count: 3 })
  const { statistics } = await client.getStatistics({ queryString, aggregationField: 'attributes.temp' })
  assert.deepEqual([statistics?.count, statistics?.average, statistics?.maximum], [3, 21, 22])
  assert.equal((await client.getCardinality({ queryString, aggregationField: 'attributes.site' })).cardinality, 2)
  const percents = { queryString, aggregationField: 'attributes.temp', percents: [50] }
  assert.deepEqual((await client.getPercentiles(percents)).percentiles, [{ percent: 50, value: 21 }])
  const buckets = await client.getBucketsAggregation({
    queryString,
    aggregationField: 'attributes.site',
    bucketsAggregationType: { termsAggregation: { maxBuckets: 1 } },
  })
  assert.deepEqual([buckets.totalCount, buckets.buckets], [3, [{ keyValue: 'Bonn', count: 2 }]])
})

test('a dynamic group has what its query finds at that moment', async () => {
  const created = await client.createDynamicThingGroup({
    thingGroupName: 'in-bonn',
    queryString: 'attributes.site:bonn',
  })
  assert.equal(created.indexName, 'AWS_Things')
  const things = async (): Promise<unknown> =>
    (await client.listThingsInThingGroup({ thingGroupName: 'in-bonn' })).things
  assert.deepEqual(await things(), ['press-1', 'press-2'])
  const groups = await client.listThingGroupsForThing({ thingName: 'press-2' })
  assert.deepEqual(
    groups.thingGroups?.map(({ groupName }) => groupName),
    ['in-bonn', 'line-1'],
  )
  const described = await client.describeThingGroup({ thingGroupName: 'in-bonn' })
  assert.deepEqual([described.queryString, described.status], ['attributes.site:bonn', 'ACTIVE'])
  const { version } = await client.updateDynamicThingGroup({
    thingGroupName: 'in-bonn',
    thingGroupProperties: {},
    queryString: 'attributes.site:trier',
    expectedVersion: 1,
  })
  assert.equal(version, 2)
  assert.deepEqual(await things(), ['press-3'])
  await client.deleteDynamicThingGroup({ thingGroupName: 'in-bonn' })
})

test('static groups take the place of dynamic ones when that is asked for', async () => {
  await client.createThing({ thingName: 'crowded' })
  await client.createDynamicThingGroup({ thingGroupName: 'crowd', queryString: 'thingName:crowded' })
  const names = Array.from({ length: 11 }, (_, n) => `crowd-${n}`)
  for (const thingGroupName of names) await client.createThingGroup({ thingGroupName })
  for (const thingGroupName of names.slice(0, 9)) {
    await client.addThingToThingGroup({ thingName: 'crowded', thingGroupName })
  }
  const tenth = { thingName: 'crowded', thingGroupName: 'crowd-9' }
  await refuses(client.addThingToThingGroup(tenth), 'InvalidRequestException', 400, /overrideDynamicGroups/)
  const update = { thingName: 'crowded', thingGroupsToAdd: ['crowd-9'] }
  await refuses(client.updateThingGroupsForThing(update), 'InvalidRequestException', 400, /overrideDynamicGroups/)
  await client.addThingToThingGroup({ ...tenth, overrideDynamicGroups: true })
  const groups = await client.listThingGroupsForThing({ thingName: 'crowded' })
  assert.deepEqual(
    groups.thingGroups?.map(({ groupName }) => groupName),
    names.slice(0, 10),
  )
  const eleventh = { thingName: 'crowded', thingGroupName: 'crowd-10', overrideDynamicGroups: true }
  await refuses(client.addThingToThingGroup(eleventh), 'InvalidRequestException', 400, /maximum number of thing groups/)
})

await client.createDynamicThingGroup({ thingGroupName: 'dyn', queryString: 'thingName:a' })
const REFUSALS: readonly RefusalRow[] = [
  [
    'a query that is none',
    () => client.searchIndex({ queryString: 'a AND' }),
    'InvalidQueryException',
    400,
    /not valid at character 6: a term is missing/,
  ],
  [
    'an index that is none',
    () => client.describeIndex({ indexName: 'mine' }),
    'ResourceNotFoundException',
    404,
    /mine does not exist/,
  ],
  [
    'another version',
    () => client.searchIndex({ queryString: 'a', queryVersion: '2016' }),
    'InvalidRequestException',
    400,
    /queryVersion/,
  ],
  [
    'a group of a query that is none',
    () => client.createDynamicThingGroup({ thingGroupName: 'x', queryString: '(' }),
    'InvalidQueryException',
    400,
    /term is missing/,
  ],
  [
    'a dynamic group of groups',
    () => client.createDynamicThingGroup({ thingGroupName: 'x', queryString: 'a', indexName: 'AWS_ThingGroups' }),
    'InvalidRequestException',
    400,
    /queries the index AWS_Things/,
  ],
  [
    'another query under one name',
    () => client.createDynamicThingGroup({ thingGroupName: 'dyn', queryString: 'b' }),
    'ResourceAlreadyExistsException',
    409,
    /different properties/,
  ],
  [
    'a thing put into a dynamic group',
    () => client.addThingToThingGroup({ thingName: 'press-1', thingGroupName: 'dyn' }),
    'InvalidRequestException',
    400,
    /dynamic thing group/,
  ],
  [
    'a child of a dynamic group',
    () => client.createThingGroup({ thingGroupName: 'x', parentGroupName: 'dyn' }),
    'InvalidRequestException',
    400,
    /can not be the parent/,
  ],
  [
    'a static group changed as a dynamic one',
    () => client.updateDynamicThingGroup({ thingGroupName: 'hall-3', thingGroupProperties: {} }),
    'ResourceNotFoundException',
    404,
    /Dynamic thing group hall-3/,
  ],
  [
    'a dynamic group changed as a static one',
    () => client.updateThingGroup({ thingGroupName: 'dyn', thingGroupProperties: {} }),
    'InvalidRequestException',
    400,
    /is a dynamic thing group/,
  ],
  [
    'a dynamic group deleted as a static one',
    () => client.deleteThingGroup({ thingGroupName: 'dyn' }),
    'InvalidRequestException',
    400,
    /other kind/,
  ],
  [
    'percentiles of groups',
    () => client.getPercentiles({ indexName: 'AWS_ThingGroups', queryString: 'a', aggregationField: 'attributes.a' }),
    'InvalidAggregationException',
    400,
    /only AWS_Things can be aggregated/,
  ],
  [
    'connectivity of what is not indexed',
    () =>
      client.updateIndexingConfiguration({
        thingIndexingConfiguration: { thingIndexingMode: 'OFF', thingConnectivityIndexingMode: 'STATUS' },
      }),
    'InvalidRequestException',
    400,
    /can not be STATUS/,
  ],
]

for (const [why, send, ...refusal] of REFUSALS) {
  test(`refuses ${why}`, async () => void (await refuses(send(), ...refusal)))
}
