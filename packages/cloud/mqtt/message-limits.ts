import { mqttFault } from './faults.ts'
import type { BrokerProfile } from './profile.ts'
import { type MessageProperties, NO_PROPERTIES, type Properties, type UserProperty } from './properties.ts'
import { utf8Length } from './utf8.ts'

/**
 * Judges the size of a payload.
 *
 * @throws `MQTT_PAYLOAD_TOO_LARGE`
 */
export function requirePayload(payload: Uint8Array, { payloadBytesMax: max }: BrokerProfile): void {
  if (payload.length > max) throw mqttFault('MQTT_PAYLOAD_TOO_LARGE', { bytes: payload.length, max })
}

/**
 * Gives the properties that travel with a message, out of those of its PUBLISH or will. The Message Expiry Interval is
 * brought into the profile's range: 0 becomes 1 (AWS IoT Core developer guide, MQTT 5 message expiry).
 *
 * @throws `MQTT_PROPERTY_TOO_LARGE`, `MQTT_PROPERTY_VALUE_INVALID`
 */
export function limitedProperties(properties: Properties, profile: BrokerProfile): MessageProperties {
  if (properties === NO_PROPERTIES) return NO_PROPERTIES
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic } = properties
  const { correlationData, userProperties } = properties
  requireBytes('contentType', contentType, profile.contentTypeBytesMax)
  requireCount('correlationData', correlationData?.length ?? 0, profile.correlationDataBytesMax)
  requireCount('userProperties', userPropertyBytes(userProperties), profile.userPropertiesBytesMax)
  const limited: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {}
  if (payloadFormatIndicator !== undefined) limited.payloadFormatIndicator = payloadFormatIndicator
  if (messageExpiryInterval !== undefined) {
    limited.messageExpiryInterval = Math.min(Math.max(messageExpiryInterval, 1), profile.messageExpiryMax)
  }
  if (contentType !== undefined) limited.contentType = contentType
  if (responseTopic !== undefined) limited.responseTopic = responseTopic
  if (correlationData !== undefined) limited.correlationData = correlationData
  if (userProperties !== undefined) limited.userProperties = userProperties
  return limited
}

function requireBytes(property: string, text: string | undefined, max: number): void {
  if (text !== undefined && text.length * 3 > max) requireCount(property, utf8Length(text), max)
}

function requireCount(property: string, bytes: number, max: number): void {
  if (bytes > max) throw mqttFault('MQTT_PROPERTY_TOO_LARGE', { property, max })
}

function userPropertyBytes(userProperties: readonly UserProperty[] | undefined): number {
  if (userProperties === undefined) return 0
  let bytes = 0
  for (const [name, value] of userProperties) bytes += utf8Length(name) + utf8Length(value)
  return bytes
}
