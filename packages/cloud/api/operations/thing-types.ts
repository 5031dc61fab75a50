import type { ThingTypeDefinition, ThingTypeProperties } from '@aws-sdk/client-iot'
import type { PropagatingAttribute, ThingTypeRecord } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { tagChanges } from './tags.ts'
import { dateOf, newUuid } from './values.ts'

/** Thing types. */
export const thingTypeOperations: Partial<Operations> = {
  async CreateThingType({ thingTypeName, thingTypeProperties, tags }, call) {
    const described = parseProperties(thingTypeProperties)
    const existing = await call.registry.catalog.thingType(thingTypeName)
    if (existing !== undefined && isSame(existing, described)) return typeNames(existing, call)
    const type: ThingTypeRecord = {
      name: thingTypeName,
      id: existing?.id ?? newUuid(call.entropy),
      ...described,
      createdAt: call.now,
      deprecatedAt: undefined,
    }
    await commit(call, { do: 'create-thing-type', type }, ...tagChanges(`thingtype/${thingTypeName}`, tags))
    return typeNames(type, call)
  },

  async DescribeThingType({ thingTypeName }, call) {
    const type = await requireThingType(thingTypeName, call)
    return { ...typeNames(type, call), ...definitionOf(type) }
  },

  /** With a name the list has that type alone, or nothing. */
  async ListThingTypes({ thingTypeName, ...input }, call) {
    const { catalog } = call.registry
    if (thingTypeName !== undefined) {
      const type = await catalog.thingType(thingTypeName)
      return { thingTypes: type === undefined ? [] : [listed(type, call)], nextToken: undefined }
    }
    const page = await catalog.thingTypes(pageRequest(input))
    return { thingTypes: page.rows.map((type) => listed(type, call)), nextToken: nextToken(page) }
  },

  async UpdateThingType({ thingTypeName, thingTypeProperties }, call) {
    const { thingTypeDescription, searchableAttributes, mqtt5Configuration } = thingTypeProperties ?? {}
    const { propagatingAttributes, ...described } = parseProperties(thingTypeProperties)
    await commit(call, {
      do: 'update-thing-type',
      name: thingTypeName,
      ...(thingTypeDescription === undefined ? {} : { description: thingTypeDescription }),
      ...(searchableAttributes === undefined ? {} : { searchableAttributes: described.searchableAttributes }),
      ...(mqtt5Configuration === undefined ? {} : { propagatingAttributes }),
    })
    return {}
  },

  async DeprecateThingType({ thingTypeName, undoDeprecate = false }, call) {
    const type = await requireThingType(thingTypeName, call)
    // A deprecation that is repeated does not begin anew.
    const at = undoDeprecate ? undefined : (type.deprecatedAt ?? call.now)
    await commit(call, { do: 'deprecate-thing-type', name: thingTypeName, at })
    return {}
  },

  async DeleteThingType({ thingTypeName }, call) {
    const was = await requireThingType(thingTypeName, call)
    await commit(call, { do: 'delete-thing-type', name: thingTypeName, at: call.now, was })
    return {}
  },
}

/**
 * Refuses a type that a thing can not be given.
 *
 * @throws `ResourceNotFoundException`; `InvalidRequestException` when it is deprecated
 */
export async function requireUsableType(name: string | undefined, call: Call): Promise<void> {
  if (name === undefined) return
  const type = await requireThingType(name, call)
  if (type.deprecatedAt !== undefined) throw invalidRequest(`Can not create thing with deprecated thing type:${name}`)
}

async function requireThingType(name: string, { registry }: Call): Promise<ThingTypeRecord> {
  const type = await registry.catalog.thingType(name)
  if (type === undefined) throw notFound(`Thing type ${name} cannot be found.`)
  return type
}

type Described = Pick<ThingTypeRecord, 'description' | 'searchableAttributes' | 'propagatingAttributes'>

function parseProperties(properties: ThingTypeProperties | undefined): Described {
  const searchableAttributes = properties?.searchableAttributes ?? []
  if (searchableAttributes.length > SEARCHABLE_ATTRIBUTES_MAX) {
    throw invalidRequest(`A thing type has at most ${SEARCHABLE_ATTRIBUTES_MAX} searchable attributes.`)
  }
  const propagating = properties?.mqtt5Configuration?.propagatingAttributes ?? []
  return {
    description: properties?.thingTypeDescription,
    searchableAttributes,
    propagatingAttributes: propagating.map(({ userPropertyKey, thingAttribute, connectionAttribute }) => {
      if (userPropertyKey === undefined || (thingAttribute === undefined) === (connectionAttribute === undefined)) {
        throw invalidRequest('A propagating attribute names a user property, and one attribute of thing or connection.')
      }
      const from = thingAttribute === undefined ? { connectionAttribute } : { thingAttribute }
      return { userPropertyKey, ...withoutUndefined(from) }
    }),
  }
}

function withoutUndefined(from: {
  readonly thingAttribute?: string | undefined
  readonly connectionAttribute?: string | undefined
}): Omit<PropagatingAttribute, 'userPropertyKey'> {
  if (from.thingAttribute !== undefined) return { thingAttribute: from.thingAttribute }
  return from.connectionAttribute === undefined ? {} : { connectionAttribute: from.connectionAttribute }
}

function isSame(type: ThingTypeRecord, described: Described): boolean {
  const { description, searchableAttributes, propagatingAttributes } = type
  return JSON.stringify({ description, searchableAttributes, propagatingAttributes }) === JSON.stringify(described)
}

function typeNames(
  { name, id }: ThingTypeRecord,
  { registry }: Call,
): { thingTypeName: string; thingTypeArn: string; thingTypeId: string } {
  return { thingTypeName: name, thingTypeArn: arnOf(registry.scope, 'thingtype', name), thingTypeId: id }
}

function definitionOf(
  type: ThingTypeRecord,
): Required<Pick<ThingTypeDefinition, 'thingTypeProperties' | 'thingTypeMetadata'>> {
  const propagatingAttributes = type.propagatingAttributes.map((attribute) => ({ ...attribute }))
  return {
    thingTypeProperties: {
      thingTypeDescription: type.description,
      searchableAttributes: [...type.searchableAttributes],
      ...(propagatingAttributes.length === 0 ? {} : { mqtt5Configuration: { propagatingAttributes } }),
    },
    thingTypeMetadata: {
      deprecated: type.deprecatedAt !== undefined,
      deprecationDate: type.deprecatedAt === undefined ? undefined : dateOf(type.deprecatedAt),
      creationDate: dateOf(type.createdAt),
    },
  }
}

function listed(type: ThingTypeRecord, call: Call): ThingTypeDefinition {
  const { thingTypeName, thingTypeArn } = typeNames(type, call)
  return { thingTypeName, thingTypeArn, ...definitionOf(type) }
}

/** Searchable attributes of a thing type (AWS IoT quotas: 3). At the limit: InvalidRequestException. */
const SEARCHABLE_ATTRIBUTES_MAX = 3
