import type { ThingGroupProperties } from '@aws-sdk/client-iot'
import type { Scope, ThingGroupRecord } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { tagChanges } from './tags.ts'
import { dateOf, newUuid } from './values.ts'

/** Static thing groups; listing and describing shows dynamic ones too. */
export const thingGroupOperations: Partial<Operations> = {
  async CreateThingGroup({ thingGroupName, parentGroupName, thingGroupProperties, tags }, call) {
    const existing = await call.registry.catalog.thingGroup(thingGroupName)
    const described = { parentName: parentGroupName, ...parseGroupProperties(thingGroupProperties), query: undefined }
    if (existing !== undefined && isSameGroup(existing, described)) return groupNames(existing, call)
    const group = newGroup(thingGroupName, described, existing, call)
    const tagging = tagChanges(`thinggroup/${thingGroupName}`, tags)
    await commit(call, { do: 'create-thing-group', group }, ...tagging)
    return groupNames(group, call)
  },

  async DescribeThingGroup({ thingGroupName }, call) {
    const group = await requireGroup(thingGroupName, call)
    const above = await call.registry.catalog.groupsAbove(thingGroupName)
    return {
      ...groupNames(group, call),
      version: group.version,
      thingGroupProperties: {
        thingGroupDescription: group.description,
        attributePayload: { attributes: { ...group.attributes } },
      },
      thingGroupMetadata: {
        parentGroupName: group.parentName,
        rootToParentThingGroups: above.map(({ name }) => nameAndArn(name, call.registry.scope)),
        creationDate: dateOf(group.createdAt),
      },
      ...dynamicMembers(group),
    }
  },

  async ListThingGroups({ parentGroup, namePrefixFilter, recursive = true, ...input }, call) {
    if (parentGroup !== undefined) await requireGroup(parentGroup, call)
    const page = await call.registry.catalog.thingGroups({
      ...pageRequest(input),
      ...(parentGroup === undefined ? {} : { parentName: parentGroup }),
      ...(namePrefixFilter === undefined ? {} : { namePrefix: namePrefixFilter }),
      recursive,
    })
    const thingGroups = page.rows.map(({ name }) => nameAndArn(name, call.registry.scope))
    return { thingGroups, nextToken: nextToken(page) }
  },

  async UpdateThingGroup({ thingGroupName, thingGroupProperties, expectedVersion }, call) {
    const group = await requireGroup(thingGroupName, call)
    if (group.query !== undefined) throw invalidRequest(`Thing group ${thingGroupName} is a dynamic thing group.`)
    await commit(call, {
      do: 'update-thing-group',
      name: thingGroupName,
      ...reviseGroup(group, thingGroupProperties),
      query: undefined,
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    })
    return { version: (await requireGroup(thingGroupName, call)).version }
  },

  async DeleteThingGroup({ thingGroupName, expectedVersion }, call) {
    await deleteGroup(thingGroupName, false, expectedVersion, call)
    return {}
  },
}

/** Deletes a group of one kind; one that is not there is deleted already. */
export async function deleteGroup(
  name: string,
  dynamic: boolean,
  expectedVersion: number | undefined,
  call: Call,
): Promise<void> {
  const { catalog } = call.registry
  const group = await catalog.thingGroup(name)
  const was = group && { group, above: await catalog.groupsAbove(name) }
  const version = expectedVersion === undefined ? {} : { expectedVersion }
  await commit(call, { do: 'delete-thing-group', name, dynamic, ...version, ...(was && { was }) })
}

/** @throws `ResourceNotFoundException` */
export async function requireGroup(name: string, { registry }: Call): Promise<ThingGroupRecord> {
  const group = await registry.catalog.thingGroup(name)
  if (group === undefined) throw notFound(`Thing group ${name} cannot be found.`)
  return group
}

type Described = Pick<ThingGroupRecord, 'parentName' | 'description' | 'attributes' | 'query'>

/** Makes the record of a group; one that has the name already lends its id to the exception. */
export function newGroup(
  name: string,
  described: Described,
  existing: ThingGroupRecord | undefined,
  call: Call,
): ThingGroupRecord {
  return { name, id: existing?.id ?? newUuid(call.entropy), ...described, version: 1, createdAt: call.now }
}

/** Reads what a group says of itself. @throws `InvalidRequestException` */
export function parseGroupProperties(
  properties: ThingGroupProperties | undefined,
): Pick<ThingGroupRecord, 'description' | 'attributes'> {
  const attributes = properties?.attributePayload?.attributes ?? {}
  requireGroupAttributes(attributes)
  return { description: properties?.thingGroupDescription, attributes }
}

/** Works out what a group says of itself after an update: members that are absent stay. */
export function reviseGroup(
  group: ThingGroupRecord,
  { thingGroupDescription, attributePayload }: ThingGroupProperties,
): Pick<ThingGroupRecord, 'description' | 'attributes'> {
  const given = attributePayload?.attributes
  const base = given === undefined || attributePayload?.merge === true ? group.attributes : {}
  const attributes = Object.fromEntries(Object.entries({ ...base, ...given }).filter(([, value]) => value !== ''))
  requireGroupAttributes(attributes)
  return { description: thingGroupDescription ?? group.description, attributes }
}

/** Whether a request asks for what exists already. */
export function isSameGroup(group: ThingGroupRecord, described: Described): boolean {
  const { parentName, description, query } = group
  const sorted = (attributes: Readonly<Record<string, string>>): unknown =>
    Object.entries(attributes).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return (
    parentName === described.parentName &&
    description === described.description &&
    JSON.stringify(query) === JSON.stringify(described.query) &&
    JSON.stringify(sorted(group.attributes)) === JSON.stringify(sorted(described.attributes))
  )
}

/** Gives the name, ARN and id of a group. */
export function groupNames(
  { name, id }: ThingGroupRecord,
  { registry }: Call,
): { thingGroupName: string; thingGroupArn: string; thingGroupId: string } {
  return { thingGroupName: name, thingGroupArn: arnOf(registry.scope, 'thinggroup', name), thingGroupId: id }
}

/** Gives how lists show a group. */
export function nameAndArn(name: string, scope: Scope): { groupName: string; groupArn: string } {
  return { groupName: name, groupArn: arnOf(scope, 'thinggroup', name) }
}

function dynamicMembers({ query }: ThingGroupRecord): {
  indexName?: string
  queryString?: string
  queryVersion?: string
  status?: 'ACTIVE'
} {
  if (query === undefined) return {}
  return { indexName: query.index, queryString: query.text, queryVersion: query.version, status: 'ACTIVE' }
}

function requireGroupAttributes(attributes: Readonly<Record<string, string>>): void {
  if (Object.keys(attributes).length <= GROUP_ATTRIBUTES_MAX) return
  throw invalidRequest(`A thing group may have at most ${GROUP_ATTRIBUTES_MAX} attributes.`)
}

/** Attributes of a thing group (AWS IoT quotas: 50). At the limit: InvalidRequestException. */
const GROUP_ATTRIBUTES_MAX = 50
