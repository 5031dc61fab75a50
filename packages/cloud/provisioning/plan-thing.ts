import type { ThingRecord, ThingTypeRecord } from '@birthmark/cloud/registry'
import { provisioningFault } from './faults.ts'
import type { ExistingResources, PlanStep, ProvisioningInputs } from './plan-model.ts'
import type { Named, ResolvedThing } from './resolve-template.ts'
import type { ThingResource } from './template.ts'
import { ATTRIBUTES_COUNT_MAX } from './words.ts'

type Attributes = ThingRecord['attributes']

/** Decides what happens to the thing of a template. */
export function planThing(
  resource: ThingResource | undefined,
  wanted: ResolvedThing | undefined,
  { now, uuid }: ProvisioningInputs,
  { thing: existing, thingType, hasBillingGroup }: ExistingResources,
): readonly PlanStep[] {
  if (resource === undefined || wanted === undefined) return []
  if (wanted.typeName !== undefined && thingType === undefined) throw absent('thing type', wanted.typeName)
  if (wanted.billingGroup !== undefined && !hasBillingGroup) throw absent('billing group', wanted.billingGroup)
  if (existing !== undefined) return [planExisting(resource, wanted, existing, thingType)]
  const attributes = wanted.attributes ?? {}
  expectFew(wanted.name, attributes, wanted.typeName?.name)
  expectInUse(wanted.typeName, thingType)
  const billing = wanted.billingGroup === undefined ? {} : { billingGroupName: wanted.billingGroup.name }
  const names = { name: wanted.name, id: uuid(), typeName: wanted.typeName?.name, ...billing }
  const thing = { ...names, attributes, version: 1, createdAt: now }
  return [{ changes: [{ do: 'create-thing', thing }], because: `thing ${wanted.name} is created` }]
}

function absent(what: string, { name, path }: Named): Error {
  return provisioningFault('PROVISIONING_RESOURCE_ABSENT', { what, name, path })
}

/** No thing may be given a type that is deprecated (AWS IoT API, DeprecateThingType). */
function expectInUse(named: Named | undefined, type: ThingTypeRecord | undefined): void {
  if (named === undefined || type?.deprecatedAt === undefined) return
  const context = { what: 'thing type', ...named, why: 'it is deprecated' }
  throw provisioningFault('PROVISIONING_RESOURCE_UNUSABLE', context)
}

function planExisting(
  { override }: ThingResource,
  wanted: ResolvedThing,
  existing: ThingRecord,
  type: ThingTypeRecord | undefined,
): PlanStep {
  const { name } = existing
  const attributes = overrideAttributes(override.attributes, wanted, existing)
  const typeName = overrideTypeName(override.typeName, wanted, existing)
  if (typeName === existing.typeName && sameAttributes(attributes, existing.attributes)) {
    const differs =
      (wanted.typeName?.name ?? typeName) !== typeName || !sameAttributes(wanted.attributes ?? attributes, attributes)
    const note = differs ? ' and keeps its own values: its OverrideSettings do not say otherwise' : ''
    return { changes: [], because: `thing ${name} exists${note}` }
  }
  expectFew(name, attributes, typeName)
  if (typeName !== existing.typeName) expectInUse(wanted.typeName, type)
  return {
    changes: [{ do: 'update-thing', name, attributes, typeName, expectedVersion: existing.version }],
    because: `thing ${name} exists and is changed, as its OverrideSettings say`,
  }
}

function overrideAttributes(
  override: ThingResource['override']['attributes'],
  { attributes }: ResolvedThing,
  existing: ThingRecord,
): Attributes {
  if (attributes === undefined || sameAttributes(attributes, existing.attributes)) return existing.attributes
  switch (override) {
    case 'DO_NOTHING':
      return existing.attributes
    case 'REPLACE':
      return attributes
    case 'MERGE':
      return { ...existing.attributes, ...attributes }
    case 'FAIL':
      throw provisioningFault('PROVISIONING_RESOURCE_CONFLICT', { what: `AttributePayload of thing ${existing.name}` })
  }
}

function overrideTypeName(
  override: ThingResource['override']['typeName'],
  { typeName }: ResolvedThing,
  existing: ThingRecord,
): string | undefined {
  if (typeName === undefined || typeName.name === existing.typeName) return existing.typeName
  switch (override) {
    case 'DO_NOTHING':
      return existing.typeName
    case 'REPLACE':
      return typeName.name
    case 'FAIL':
      throw provisioningFault('PROVISIONING_RESOURCE_CONFLICT', { what: `ThingTypeName of thing ${existing.name}` })
  }
}

function sameAttributes(left: Attributes, right: Attributes): boolean {
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name])
}

function expectFew(thing: string, attributes: Attributes, typeName: string | undefined): void {
  const count = Object.keys(attributes).length
  const max = typeName === undefined ? ATTRIBUTES_COUNT_MAX.untyped : ATTRIBUTES_COUNT_MAX.typed
  if (count > max) throw provisioningFault('PROVISIONING_ATTRIBUTES_TOO_MANY', { thing, count, max })
}
