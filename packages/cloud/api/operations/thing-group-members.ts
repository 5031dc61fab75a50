import { type Change, GROUPS_PER_THING_MAX } from '@birthmark/cloud/registry'
import { invalidRequest } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { nameOfArn } from './arns.ts'
import { commit } from './conflicts.ts'
import { dynamicGroupsOf, searchNames } from './dynamic-members.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { nameAndArn, requireGroup } from './thing-groups.ts'
import { requireThing } from './things.ts'

/** Which things are in which thing groups. */
export const thingGroupMemberOperations: Partial<Operations> = {
  async AddThingToThingGroup({ overrideDynamicGroups = false, ...input }, call) {
    const { thingName, groupName } = parsePair(input, call)
    if (!overrideDynamicGroups) await requireRoom(thingName, [groupName], [], call)
    await commit(call, { do: 'add-to-thing-group', thingName, groupName })
    return {}
  },

  async RemoveThingFromThingGroup(input, call) {
    await commit(call, { do: 'remove-from-thing-group', ...parsePair(input, call) })
    return {}
  },

  async UpdateThingGroupsForThing(input, call) {
    const { thingName, thingGroupsToAdd = [], thingGroupsToRemove = [], overrideDynamicGroups = false } = input
    if (thingName === undefined) throw invalidRequest('thingName must be provided.')
    await requireThing(thingName, call)
    if (!overrideDynamicGroups) await requireRoom(thingName, thingGroupsToAdd, thingGroupsToRemove, call)
    const changes: readonly Change[] = [
      ...thingGroupsToRemove.map((groupName) => ({ do: 'remove-from-thing-group', thingName, groupName }) as const),
      ...thingGroupsToAdd.map((groupName) => ({ do: 'add-to-thing-group', thingName, groupName }) as const),
    ]
    await commit(call, ...changes)
    return {}
  },

  async ListThingGroupsForThing({ thingName, ...input }, call) {
    const thing = await requireThing(thingName, call)
    const fixed = await call.registry.catalog.groupsOfThing(thingName)
    const groups = [...fixed, ...(await dynamicGroupsOf(thing, fixed, call))]
    const page = pageOf(groups, ({ name }) => name, pageRequest(input))
    return {
      thingGroups: page.rows.map(({ name }) => nameAndArn(name, call.registry.scope)),
      nextToken: nextToken(page),
    }
  },

  async ListThingsInThingGroup({ thingGroupName, recursive = false, ...input }, call) {
    const group = await requireGroup(thingGroupName, call)
    const request = pageRequest(input)
    const page =
      group.query === undefined
        ? await call.registry.catalog.thingsInGroup(thingGroupName, { ...request, recursive })
        : await searchNames(group.query, request, call)
    return { things: [...page.rows], nextToken: nextToken(page) }
  },
}

/**
 * Refuses more groups than a thing may be in, counting dynamic ones. With `overrideDynamicGroups` only static ones
 * count:
 * the thing is then left out of its last dynamic ones.
 */
async function requireRoom(
  thingName: string,
  added: readonly string[],
  removed: readonly string[],
  call: Call,
): Promise<void> {
  const { catalog } = call.registry
  if ((await catalog.dynamicGroups()).length === 0) return
  const fixed = await catalog.groupsOfThing(thingName)
  const dynamic = await dynamicGroupsOf(await requireThing(thingName, call), fixed, call)
  const names = new Set(fixed.map(({ name }) => name))
  for (const name of removed) names.delete(name)
  for (const name of added) names.add(name)
  if (names.size + dynamic.length <= GROUPS_PER_THING_MAX) return
  throw invalidRequest(
    `Thing ${thingName} would be in more than ${GROUPS_PER_THING_MAX} thing groups; see overrideDynamicGroups.`,
  )
}

interface PairInput {
  readonly thingGroupName?: string | undefined
  readonly thingGroupArn?: string | undefined
  readonly thingName?: string | undefined
  readonly thingArn?: string | undefined
}

function parsePair(input: PairInput, { registry }: Call): { readonly thingName: string; readonly groupName: string } {
  const thingName = input.thingName ?? nameOfArn(registry.scope, 'thing', input.thingArn)
  const groupName = input.thingGroupName ?? nameOfArn(registry.scope, 'thinggroup', input.thingGroupArn)
  if (thingName === undefined) throw invalidRequest('Either thingName or thingArn must be provided.')
  if (groupName === undefined) throw invalidRequest('Either thingGroupName or thingGroupArn must be provided.')
  return { thingName, groupName }
}
