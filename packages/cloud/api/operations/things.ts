import type { Change, ThingRecord } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import { ATTRIBUTES_WITH_TYPE_MAX, ATTRIBUTES_WITHOUT_TYPE_MAX } from '../limits.ts'
import type { Call, Input, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit, conflictException } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { requireUsableType } from './thing-types.ts'
import { newUuid } from './values.ts'

type Attributes = Readonly<Record<string, string>>
type Configuration = Pick<ThingRecord, 'attributes' | 'typeName' | 'billingGroupName'>

/** Things. */
export const thingOperations: Partial<Operations> = {
  async CreateThing({ thingName, thingTypeName, attributePayload, billingGroupName }, call) {
    const attributes = attributePayload?.attributes ?? {}
    const billing = billingGroupName === undefined ? {} : { billingGroupName }
    const existing = await call.registry.thing(thingName)
    if (existing !== undefined && isSame(existing, { attributes, typeName: thingTypeName, ...billing }))
      return thingNames(existing, call)
    if (existing === undefined) await requireUsableType(thingTypeName, call)
    requireAttributes(attributes, thingTypeName)
    const id = existing?.id ?? newUuid(call.entropy)
    const thing: ThingRecord = {
      name: thingName,
      id,
      typeName: thingTypeName,
      ...billing,
      attributes,
      version: 1,
      createdAt: call.now,
    }
    await commit(call, { do: 'create-thing', thing })
    return thingNames(thing, call)
  },

  async DescribeThing({ thingName }, call) {
    const thing = await requireThing(thingName, call)
    return {
      defaultClientId: thing.name,
      ...thingNames(thing, call),
      thingTypeName: thing.typeName,
      billingGroupName: thing.billingGroupName,
      attributes: { ...thing.attributes },
      version: thing.version,
    }
  },

  async UpdateThing({ thingName, ...revision }, call) {
    if (revision.removeThingType !== true) await requireUsableType(revision.thingTypeName, call)
    for (let attempt = 1; ; attempt += 1) {
      const thing = await requireThing(thingName, call)
      const change = reviseThing(thing, revision)
      const result = await call.registry.commit([change])
      if (result.ok) return {}
      const isRace = revision.expectedVersion === undefined && result.reason === 'version'
      if (!isRace || attempt === UPDATE_ATTEMPTS_MAX)
        throw conflictException(call.registry.scope, change, result.reason)
    }
  },

  async DeleteThing({ thingName, expectedVersion }, call) {
    const version = expectedVersion === undefined ? {} : { expectedVersion }
    const was = await call.registry.thing(thingName)
    await commit(call, { do: 'delete-thing', name: thingName, ...version, ...(was && { was }) })
    return {}
  },

  async ListThings({ attributeName, attributeValue, thingTypeName, usePrefixAttributeValue, ...input }, call) {
    if (attributeName !== undefined && thingTypeName !== undefined) {
      throw invalidRequest('Listing things by the combination of attribute and thing type is not supported')
    }
    if (attributeName === undefined && attributeValue !== undefined) {
      throw invalidRequest('attributeValue requires attributeName.')
    }
    const filter = {
      ...(attributeName === undefined ? {} : { attributeName }),
      ...(attributeValue === undefined ? {} : { attributeValue }),
      ...(usePrefixAttributeValue === undefined ? {} : { valueIsPrefix: usePrefixAttributeValue }),
      ...(thingTypeName === undefined ? {} : { typeName: thingTypeName }),
    }
    const page = await call.registry.things({ ...pageRequest(input), ...filter })
    const things = page.rows.map(({ name, typeName, attributes, version }) => ({
      thingName: name,
      thingTypeName: typeName,
      thingArn: arnOf(call.registry.scope, 'thing', name),
      attributes: { ...attributes },
      version,
    }))
    return { things, nextToken: nextToken(page) }
  },
}

/** @throws `ResourceNotFoundException` */
export async function requireThing(name: string, { registry }: Call): Promise<ThingRecord> {
  const thing = await registry.thing(name)
  if (thing === undefined) throw notFound(`Thing ${name} cannot be found.`)
  return thing
}

/**
 * Works out what a thing becomes. The version that was read is always demanded, so that a change made in between is not
 * lost.
 */
function reviseThing(thing: ThingRecord, revision: Omit<Input<'UpdateThing'>, 'thingName'>): Change {
  const { attributes: given, merge } = revision.attributePayload ?? {}
  const { thingTypeName, removeThingType } = revision
  if (thingTypeName !== undefined && removeThingType === true) {
    throw invalidRequest('thingTypeName and removeThingType exclude each other.')
  }
  const typeName = removeThingType === true ? undefined : (thingTypeName ?? thing.typeName)
  const base = given === undefined || merge === true ? thing.attributes : {}
  // An empty value removes its attribute (AWS IoT API, UpdateThing).
  const attributes = Object.fromEntries(Object.entries({ ...base, ...given }).filter(([, value]) => value !== ''))
  requireAttributes(attributes, typeName)
  const expectedVersion = revision.expectedVersion ?? thing.version
  return { do: 'update-thing', name: thing.name, attributes, typeName, expectedVersion, was: thing }
}

function requireAttributes(attributes: Attributes, typeName: string | undefined): void {
  const max = typeName === undefined ? ATTRIBUTES_WITHOUT_TYPE_MAX : ATTRIBUTES_WITH_TYPE_MAX
  if (Object.keys(attributes).length <= max) return
  const whose = typeName === undefined ? 'without a thing type' : 'with a thing type'
  throw invalidRequest(`A thing ${whose} may have at most ${max} attributes.`)
}

function isSame(left: Configuration, right: Configuration): boolean {
  const keys = Object.keys(left.attributes)
  const count = Object.keys(right.attributes).length
  const sameAttributes = keys.length === count && keys.every((key) => left.attributes[key] === right.attributes[key])
  return sameAttributes && left.typeName === right.typeName && left.billingGroupName === right.billingGroupName
}

function thingNames(
  { name, id }: ThingRecord,
  { registry }: Call,
): { thingName: string; thingArn: string; thingId: string } {
  return { thingName: name, thingArn: arnOf(registry.scope, 'thing', name), thingId: id }
}

/** Tries of an update that names no version, when others come in between; then VersionConflictException. */
const UPDATE_ATTEMPTS_MAX = 5
