import type { ThingGroupIndexingConfiguration, ThingIndexingConfiguration } from '@aws-sdk/client-iot'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { StoredFamily } from './stored-family.ts'

/** What an account wants indexed. */
interface IndexingConfiguration {
  readonly things: ThingIndexingConfiguration
  readonly groups: ThingGroupIndexingConfiguration
}

const settings = new StoredFamily<IndexingConfiguration>({
  kind: 'setting',
  title: 'Indexing configuration',
  max: Number.MAX_SAFE_INTEGER,
  arn: (name) => name,
})

/** What is indexed. An index is there at once: searches read the registry. */
export const indexingConfigurationOperations: Partial<Operations> = {
  async UpdateIndexingConfiguration({ thingIndexingConfiguration, thingGroupIndexingConfiguration }, call) {
    requireConnectivityOfThings(thingIndexingConfiguration)
    await settings.put(NAME, call, OFF, (kept) => ({
      things: thingIndexingConfiguration ?? kept.things,
      groups: thingGroupIndexingConfiguration ?? kept.groups,
    }))
    return {}
  },

  async GetIndexingConfiguration(_input, call) {
    const { things, groups } = await configuration(call)
    return {
      thingIndexingConfiguration: { ...DEFAULT_MODES, ...things, managedFields: [...MANAGED_FIELDS] },
      thingGroupIndexingConfiguration: { ...groups, managedFields: [...MANAGED_GROUP_FIELDS] },
    }
  },

  async DescribeIndex({ indexName }, call) {
    await requireIndex(indexName, call)
    const { things } = await configuration(call)
    const connectivity = things.thingConnectivityIndexingMode === 'STATUS' ? '_AND_CONNECTIVITY_STATUS' : ''
    const schema = indexName === THINGS_INDEX ? `${things.thingIndexingMode ?? 'OFF'}${connectivity}` : 'THING_GROUPS'
    return { indexName, indexStatus: 'ACTIVE', schema }
  },

  async ListIndices(input, call) {
    const page = pageOf(await indexNames(call), (name) => name, pageRequest(input))
    return { indexNames: [...page.rows], nextToken: nextToken(page) }
  },
}

/** Refuses an index that is not turned on. @throws `ResourceNotFoundException` */
export async function requireIndex(name: string, call: Call): Promise<void> {
  if (!(await indexNames(call)).includes(name)) throw notFound(`Index ${name} does not exist; indexing may be off.`)
}

async function indexNames(call: Call): Promise<readonly string[]> {
  const { things, groups } = await configuration(call)
  return [
    ...(things.thingIndexingMode === 'OFF' ? [] : [THINGS_INDEX]),
    ...(groups.thingGroupIndexingMode === 'OFF' ? [] : [GROUPS_INDEX]),
  ]
}

async function configuration(call: Call): Promise<IndexingConfiguration> {
  return (await settings.find(NAME, call))?.content ?? OFF
}

function requireConnectivityOfThings(things: ThingIndexingConfiguration | undefined): void {
  if (things?.thingIndexingMode !== 'OFF' || things.thingConnectivityIndexingMode !== 'STATUS') return
  throw invalidRequest('thingConnectivityIndexingMode can not be STATUS when thingIndexingMode is OFF.')
}

/** The index over things. */
export const THINGS_INDEX = 'AWS_Things'
/** The index over thing groups. */
export const GROUPS_INDEX = 'AWS_ThingGroups'

const NAME = 'indexing-configuration'
const OFF: IndexingConfiguration = {
  things: { thingIndexingMode: 'OFF' },
  groups: { thingGroupIndexingMode: 'OFF' },
}
const DEFAULT_MODES = {
  thingConnectivityIndexingMode: 'OFF',
  deviceDefenderIndexingMode: 'OFF',
  namedShadowIndexingMode: 'OFF',
} as const

const MANAGED_FIELDS = [
  { name: 'thingId', type: 'String' },
  { name: 'thingName', type: 'String' },
  { name: 'thingTypeName', type: 'String' },
  { name: 'thingGroupNames', type: 'String' },
  { name: 'connectivity.connected', type: 'Boolean' },
  { name: 'connectivity.timestamp', type: 'Number' },
  { name: 'connectivity.disconnectReason', type: 'String' },
] as const
const MANAGED_GROUP_FIELDS = [
  { name: 'thingGroupName', type: 'String' },
  { name: 'thingGroupDescription', type: 'String' },
  { name: 'parentGroupNames', type: 'String' },
] as const
