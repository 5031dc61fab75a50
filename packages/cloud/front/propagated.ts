import type { Message, UserProperty } from '@birthmark/cloud/mqtt'
import type { PolicyThing } from '@birthmark/cloud/policy'
import type { PropagatingAttribute } from '@birthmark/cloud/registry'

/**
 * Gives the user properties that the thing type of a client has added to everything it publishes (AWS IoT Core
 * developer guide, propagating attributes for message enrichment); what has no value is left out.
 */
export function propagatedProperties(
  attributes: readonly PropagatingAttribute[],
  thing: PolicyThing,
  clientId: string | undefined,
): readonly UserProperty[] {
  return attributes.flatMap(({ userPropertyKey, thingAttribute, connectionAttribute }): UserProperty[] => {
    const value =
      thingAttribute === undefined
        ? ofConnection(connectionAttribute, thing, clientId)
        : ownValue(thing.attributes, thingAttribute)
    return value === undefined ? [] : [[userPropertyKey, value]]
  })
}

/** Gives a message with further user properties, behind those that its publisher gave. */
export function enriched(message: Message, properties: readonly UserProperty[] | undefined): Message {
  if (properties === undefined || properties.length === 0) return message
  const userProperties = [...(message.properties.userProperties ?? []), ...properties]
  return { ...message, properties: { ...message.properties, userProperties } }
}

function ofConnection(name: string | undefined, thing: PolicyThing, clientId: string | undefined): string | undefined {
  if (name === 'iot:ClientId') return clientId
  return name === 'iot:Thing.ThingName' ? thing.name : undefined
}

function ownValue(attributes: PolicyThing['attributes'], name: string): string | undefined {
  return Object.hasOwn(attributes, name) ? attributes[name] : undefined
}
