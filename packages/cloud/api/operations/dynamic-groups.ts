import type { GroupQuery } from '@birthmark/cloud/registry'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { commit, conflictException } from './conflicts.ts'
import { QUERY_VERSION, requireVersion } from './fleet-index.ts'
import { requireIndex, THINGS_INDEX } from './indexing-configuration.ts'
import { parseIndexQuery } from './search-things.ts'
import { tagChanges } from './tags.ts'
import {
  deleteGroup,
  groupNames,
  isSameGroup,
  newGroup,
  parseGroupProperties,
  requireGroup,
  reviseGroup,
} from './thing-groups.ts'

/** Thing groups whose things a query finds. */
export const dynamicGroupOperations: Partial<Operations> = {
  async CreateDynamicThingGroup({ thingGroupName, thingGroupProperties, tags, ...input }, call) {
    const query = await parseGroupQuery(input, call)
    const existing = await call.registry.catalog.thingGroup(thingGroupName)
    const described = { parentName: undefined, ...parseGroupProperties(thingGroupProperties), query }
    const group = newGroup(thingGroupName, described, existing, call)
    if (existing === undefined || !isSameGroup(existing, described)) {
      const create = { do: 'create-thing-group', group } as const
      const changes = [create, ...tagChanges(`thinggroup/${thingGroupName}`, tags)]
      const result = await call.registry.commit(changes)
      if (!result.ok && result.reason === 'limit' && result.index === 0) {
        throw new AwsException('LimitExceededException', 'The maximum number of dynamic thing groups (100) exists.')
      }
      if (!result.ok) throw conflictException(call.registry.scope, changes[result.index], result.reason)
    }
    return { ...groupNames(group, call), indexName: query.index, queryString: query.text, queryVersion: query.version }
  },

  async UpdateDynamicThingGroup({ thingGroupName, thingGroupProperties, expectedVersion, ...input }, call) {
    const group = await requireGroup(thingGroupName, call)
    if (group.query === undefined) throw notFound(`Dynamic thing group ${thingGroupName} cannot be found.`)
    const { index, text, version } = group.query
    const query = await parseGroupQuery(
      {
        indexName: input.indexName ?? index,
        queryString: input.queryString ?? text,
        queryVersion: input.queryVersion ?? version,
      },
      call,
    )
    await commit(call, {
      do: 'update-thing-group',
      name: thingGroupName,
      ...reviseGroup(group, thingGroupProperties),
      query,
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    })
    return { version: (await requireGroup(thingGroupName, call)).version }
  },

  async DeleteDynamicThingGroup({ thingGroupName, expectedVersion }, call) {
    await deleteGroup(thingGroupName, true, expectedVersion, call)
    return {}
  },
}

interface QueryInput {
  readonly queryString: string
  readonly indexName?: string | undefined
  readonly queryVersion?: string | undefined
}

/**
 * @throws `InvalidQueryException`, `InvalidRequestException`; `ResourceNotFoundException` when things are not indexed
 */
async function parseGroupQuery({ queryString, indexName, queryVersion }: QueryInput, call: Call): Promise<GroupQuery> {
  requireVersion(queryVersion)
  parseIndexQuery(queryString)
  const index = indexName ?? THINGS_INDEX
  if (index !== THINGS_INDEX) throw invalidRequest(`A dynamic thing group queries the index ${THINGS_INDEX}.`)
  await requireIndex(index, call)
  return { text: queryString, index, version: queryVersion ?? QUERY_VERSION }
}
