import type { Declarations } from './parse-expression.ts'
import { OVERRIDES, overrides } from './parse-overrides.ts'
import type { Place } from './place.ts'
import { placed, placedList } from './placed.ts'
import type { Placed, ThingResource } from './template.ts'
import { ATTRIBUTE_NAME } from './words.ts'

/** Reads a resource of type `AWS::IoT::Thing`. @throws faults that begin with `TEMPLATE_` */
export function parseThing(place: Place, logicalName: string, declared: Declarations): ThingResource {
  const properties = place.required('Properties').only([...THING_PROPERTIES, ...NOT_IMPLEMENTED.keys()])
  for (const [name, what] of NOT_IMPLEMENTED) {
    const property = properties.member(name)
    if (property !== undefined) throw property.fault('TEMPLATE_NOT_IMPLEMENTED', { what })
  }
  const settings = overrides(place, THING_OVERRIDES)
  return {
    logicalName,
    name: placed(properties.required('ThingName'), declared),
    attributes: attributesOf(properties.member('AttributePayload'), declared),
    typeName: placed(properties.member('ThingTypeName'), declared),
    groups: placedList(properties.member('ThingGroups'), declared),
    billingGroup: placed(properties.member('BillingGroup'), declared),
    override: {
      attributes: settings.get('AttributePayload')?.oneOf([...OVERRIDES, 'MERGE']) ?? 'DO_NOTHING',
      typeName: settings.get('ThingTypeName')?.oneOf(OVERRIDES) ?? 'DO_NOTHING',
      groups: settings.get('ThingGroups')?.oneOf([...OVERRIDES, 'MERGE']) ?? 'DO_NOTHING',
    },
  }
}

function attributesOf(place: Place | undefined, declared: Declarations): ReadonlyMap<string, Placed> | undefined {
  if (place === undefined) return undefined
  const attributes = new Map<string, Placed>()
  for (const [name, value] of place.members()) {
    if (!ATTRIBUTE_NAME.test(name)) throw value.invalid('named with 1 to 128 of a-z A-Z 0-9 _ . , @ / : # -')
    attributes.set(name, placed(value, declared))
  }
  return attributes
}

const THING_PROPERTIES = ['ThingName', 'AttributePayload', 'ThingTypeName', 'ThingGroups', 'BillingGroup']
const THING_OVERRIDES = ['AttributePayload', 'ThingTypeName', 'ThingGroups']

/** Properties of a thing whose resources the registry does not keep. Left out silently, they would be missed. */
const NOT_IMPLEMENTED: ReadonlyMap<string, string> = new Map([['PackageVersions', 'software packages']])
