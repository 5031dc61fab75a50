import type { BillingGroupRecord } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf, nameOfArn } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { tagChanges } from './tags.ts'
import { dateOf, newUuid } from './values.ts'

/** Billing groups. */
export const billingGroupOperations: Partial<Operations> = {
  async CreateBillingGroup({ billingGroupName, billingGroupProperties, tags }, call) {
    const description = billingGroupProperties?.billingGroupDescription
    const existing = await call.registry.catalog.billingGroup(billingGroupName)
    if (existing !== undefined && existing.description === description) return groupNames(existing, call)
    const billingGroup: BillingGroupRecord = {
      name: billingGroupName,
      id: existing?.id ?? newUuid(call.entropy),
      description,
      version: 1,
      createdAt: call.now,
    }
    const tagging = tagChanges(`billinggroup/${billingGroupName}`, tags)
    await commit(call, { do: 'create-billing-group', billingGroup }, ...tagging)
    return groupNames(billingGroup, call)
  },

  async DescribeBillingGroup({ billingGroupName }, call) {
    const group = await requireBillingGroup(billingGroupName, call)
    return {
      ...groupNames(group, call),
      version: group.version,
      billingGroupProperties: { billingGroupDescription: group.description },
      billingGroupMetadata: { creationDate: dateOf(group.createdAt) },
    }
  },

  async ListBillingGroups({ namePrefixFilter, ...input }, call) {
    const prefix = namePrefixFilter === undefined ? {} : { namePrefix: namePrefixFilter }
    const page = await call.registry.catalog.billingGroups({ ...pageRequest(input), ...prefix })
    const billingGroups = page.rows.map(({ name }) => ({
      groupName: name,
      groupArn: arnOf(call.registry.scope, 'billinggroup', name),
    }))
    return { billingGroups, nextToken: nextToken(page) }
  },

  async UpdateBillingGroup({ billingGroupName, billingGroupProperties, expectedVersion }, call) {
    await commit(call, {
      do: 'update-billing-group',
      name: billingGroupName,
      description: billingGroupProperties.billingGroupDescription,
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    })
    return { version: (await requireBillingGroup(billingGroupName, call)).version }
  },

  async DeleteBillingGroup({ billingGroupName, expectedVersion }, call) {
    const version = expectedVersion === undefined ? {} : { expectedVersion }
    await commit(call, { do: 'delete-billing-group', name: billingGroupName, ...version })
    return {}
  },

  async AddThingToBillingGroup(input, call) {
    const { thingName, groupName } = parsePair(input, call)
    await commit(call, { do: 'set-billing-group', thingName, groupName })
    return {}
  },

  async RemoveThingFromBillingGroup(input, call) {
    const { thingName, groupName } = parsePair(input, call)
    const thing = await call.registry.thing(thingName)
    if (thing === undefined) throw notFound(`Thing ${thingName} cannot be found.`)
    await requireBillingGroup(groupName, call)
    if (thing.billingGroupName !== groupName) return {}
    await commit(call, { do: 'set-billing-group', thingName, groupName: undefined })
    return {}
  },

  async ListThingsInBillingGroup({ billingGroupName, ...input }, call) {
    await requireBillingGroup(billingGroupName, call)
    const page = await call.registry.catalog.thingsInBillingGroup(billingGroupName, pageRequest(input))
    return { things: [...page.rows], nextToken: nextToken(page) }
  },
}

interface PairInput {
  readonly billingGroupName?: string | undefined
  readonly billingGroupArn?: string | undefined
  readonly thingName?: string | undefined
  readonly thingArn?: string | undefined
}

function parsePair(input: PairInput, { registry }: Call): { readonly thingName: string; readonly groupName: string } {
  const thingName = input.thingName ?? nameOfArn(registry.scope, 'thing', input.thingArn)
  const groupName = input.billingGroupName ?? nameOfArn(registry.scope, 'billinggroup', input.billingGroupArn)
  if (thingName === undefined) throw invalidRequest('Either thingName or thingArn must be provided.')
  if (groupName === undefined) throw invalidRequest('Either billingGroupName or billingGroupArn must be provided.')
  return { thingName, groupName }
}

async function requireBillingGroup(name: string, { registry }: Call): Promise<BillingGroupRecord> {
  const group = await registry.catalog.billingGroup(name)
  if (group === undefined) throw notFound(`Billing group ${name} cannot be found.`)
  return group
}

function groupNames(
  { name, id }: BillingGroupRecord,
  { registry }: Call,
): { billingGroupName: string; billingGroupArn: string; billingGroupId: string } {
  const billingGroupArn = arnOf(registry.scope, 'billinggroup', name)
  return { billingGroupName: name, billingGroupArn, billingGroupId: id }
}
