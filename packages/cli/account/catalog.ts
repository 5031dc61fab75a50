import {
  AttachPolicyCommand,
  CreateBillingGroupCommand,
  CreateDynamicThingGroupCommand,
  CreateThingGroupCommand,
  CreateThingTypeCommand,
  DeprecateThingTypeCommand,
  DescribeBillingGroupCommand,
  DescribeThingGroupCommand,
  type IoTClient,
  paginateListAttachedPolicies,
  paginateListBillingGroups,
  paginateListThingGroups,
  paginateListThingTypes,
} from '@aws-sdk/client-iot'
import { type Content, type Family, inputFrom, PAGE, sorted, tag, tagsOf, textOf, textsOf } from './record.ts'

/** Thing types; that one is deprecated is a record of its own, because its things are made before. */
export const thingTypes: Family = {
  kind: 'thing-type',
  async *read(client) {
    for await (const { thingTypes: found = [] } of paginateListThingTypes({ client, pageSize: PAGE }, {})) {
      for (const { thingTypeName = '', thingTypeArn, thingTypeProperties } of found) {
        yield [thingTypeName, { thingTypeProperties, ...(await tagsOf(client, thingTypeArn)) }]
      }
    }
  },
  async make(client, thingTypeName, content) {
    const { tags: _, ...described } = content
    const input = inputFrom<ConstructorParameters<typeof CreateThingTypeCommand>[0]>(described)
    const made = await client.send(new CreateThingTypeCommand({ ...input, thingTypeName }))
    await tag(client, made.thingTypeArn, content)
  },
}

/** Which thing types are deprecated. */
export const deprecations: Family = {
  kind: 'thing-type-deprecation',
  async *read(client) {
    for await (const { thingTypes: found = [] } of paginateListThingTypes({ client, pageSize: PAGE }, {})) {
      for (const { thingTypeName = '', thingTypeMetadata } of found) {
        if (thingTypeMetadata?.deprecated === true) yield [thingTypeName, {}]
      }
    }
  },
  async make(client, thingTypeName) {
    await client.send(new DeprecateThingTypeCommand({ thingTypeName }))
  },
}

/** Billing groups. */
export const billingGroups: Family = {
  kind: 'billing-group',
  async *read(client) {
    for await (const { billingGroups: found = [] } of paginateListBillingGroups({ client, pageSize: PAGE }, {})) {
      for (const { groupName = '', groupArn } of found) {
        const { billingGroupProperties } = await client.send(
          new DescribeBillingGroupCommand({ billingGroupName: groupName }),
        )
        yield [groupName, { billingGroupProperties, ...(await tagsOf(client, groupArn)) }]
      }
    }
  },
  async make(client, billingGroupName, content) {
    const { tags: _, ...described } = content
    const input = inputFrom<ConstructorParameters<typeof CreateBillingGroupCommand>[0]>(described)
    const made = await client.send(new CreateBillingGroupCommand({ ...input, billingGroupName }))
    await tag(client, made.billingGroupArn, content)
  },
}

/** Thing groups, static and dynamic, with their policies; those above come before those below. */
export const thingGroups: Family = {
  kind: 'thing-group',
  async *read(client) {
    const ordered = (await everyGroup(client)).toSorted((left, right) => left.depth - right.depth)
    for (const { name, content } of ordered) yield [name, content]
  },
  async make(client, thingGroupName, content) {
    const { policies, tags: _, ...described } = content
    const isDynamic = typeof described['queryString'] === 'string'
    const input = inputFrom<ConstructorParameters<typeof CreateDynamicThingGroupCommand>[0]>(described)
    const made = isDynamic
      ? await client.send(new CreateDynamicThingGroupCommand({ ...input, thingGroupName }))
      : await client.send(new CreateThingGroupCommand({ ...input, thingGroupName }))
    for (const policyName of textsOf(policies)) {
      await client.send(new AttachPolicyCommand({ policyName, target: made.thingGroupArn }))
    }
    await tag(client, made.thingGroupArn, content)
  },
}

/** A thing group, and how many are above it. */
interface FoundGroup {
  readonly name: string
  readonly depth: number
  readonly content: Content
}

async function everyGroup(client: IoTClient): Promise<readonly FoundGroup[]> {
  const found: FoundGroup[] = []
  for await (const { thingGroups: page = [] } of paginateListThingGroups(
    { client, pageSize: PAGE },
    { recursive: true },
  )) {
    for (const { groupName = '' } of page) found.push(await describeGroup(client, groupName))
  }
  return found
}

/** Gives the names of the groups whose things a query decides. */
export async function dynamicGroupNames(client: IoTClient): Promise<ReadonlySet<string>> {
  const groups = await everyGroup(client)
  return new Set(groups.filter(({ content }) => content['queryString'] !== undefined).map(({ name }) => name))
}

async function describeGroup(client: IoTClient, thingGroupName: string): Promise<FoundGroup> {
  const group = await client.send(new DescribeThingGroupCommand({ thingGroupName }))
  const { thingGroupProperties, thingGroupMetadata, queryString, queryVersion, indexName, thingGroupArn } = group
  const { attributes } = thingGroupProperties?.attributePayload ?? {}
  const described = {
    parentGroupName: thingGroupMetadata?.parentGroupName,
    thingGroupProperties: {
      thingGroupDescription: thingGroupProperties?.thingGroupDescription,
      ...(attributes === undefined ? {} : { attributePayload: { attributes: sorted(attributes) } }),
    },
    ...(queryString === undefined ? {} : { queryString, queryVersion, indexName }),
  }
  const tags = await tagsOf(client, thingGroupArn)
  const policies = queryString === undefined ? await policiesOn(client, thingGroupArn) : []
  const content = { ...described, ...(policies.length > 0 && { policies }), ...tags }
  return { name: thingGroupName, depth: thingGroupMetadata?.rootToParentThingGroups?.length ?? 0, content }
}

/** Gives the names of the policies on a certificate or a group. */
export async function policiesOn(client: IoTClient, target: string | undefined): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { policies = [] } of paginateListAttachedPolicies({ client, pageSize: PAGE }, { target })) {
    names.push(...policies.map(({ policyName }) => textOf(policyName)))
  }
  return names.toSorted()
}
