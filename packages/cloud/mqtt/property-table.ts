import { mqttFault } from './faults.ts'
import type { Properties, UserProperty } from './properties.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** Where properties occur, as bits: the packets that have them, and the will inside a CONNECT. */
export const IN = {
  CONNECT: 0x001,
  WILL: 0x002,
  CONNACK: 0x004,
  PUBLISH: 0x008,
  /** PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK: all have the same. */
  ACKNOWLEDGEMENT: 0x010,
  SUBSCRIBE: 0x020,
  UNSUBSCRIBE: 0x040,
  DISCONNECT: 0x080,
  AUTH: 0x100,
} as const

/** One place of {@link IN}. */
export type PropertyPlace = (typeof IN)[keyof typeof IN]

/** Properties while they are read. The lists grow in place: copying them for each item would take quadratic time. */
export type PropertiesDraft = { -readonly [Name in keyof Omit<Properties, ListName>]: Properties[Name] } & {
  userProperties?: UserProperty[]
  subscriptionIdentifiers?: number[]
}
type ListName = 'userProperties' | 'subscriptionIdentifiers'

/** Everything about one property. */
export interface PropertyRow {
  readonly identifier: number
  readonly name: keyof Properties
  /** Where it may occur: bits of {@link IN}. */
  readonly places: number
  /** Where it may occur more than once: bits of {@link IN}. */
  readonly repeatedIn: number
  /** Reads the value; gives false when it is one that the standard rules out. */
  read(reader: Reader, into: PropertiesDraft): boolean
  /** Writes identifier and value, if there is one. */
  write(writer: Writer, from: Properties): void
}

/** The names whose values are of one type. */
type NamesOf<Value> = {
  [Name in keyof Properties]-?: Value extends Properties[Name] ? Name : never
}[keyof Properties]

const text = (
  identifier: number,
  name: NamesOf<string>,
  places: number,
  readText: (reader: Reader) => string = (reader) => reader.text(),
): PropertyRow => ({
  identifier,
  name,
  places,
  repeatedIn: 0,
  read: (reader, into) => {
    into[name] = readText(reader)
    return true
  },
  write: (writer, { [name]: value }) => {
    if (value !== undefined) writer.uint8(identifier).text(value)
  },
})

const binary = (identifier: number, name: NamesOf<Uint8Array>, places: number): PropertyRow => ({
  identifier,
  name,
  places,
  repeatedIn: 0,
  read: (reader, into) => {
    into[name] = reader.binary()
    return true
  },
  write: (writer, { [name]: value }) => {
    if (value !== undefined) writer.uint8(identifier).binary(value)
  },
})

const uint = (size: 2 | 4, identifier: number, name: NamesOf<number>, places: number, least = 0): PropertyRow => ({
  identifier,
  name,
  places,
  repeatedIn: 0,
  read: (reader, into) => {
    const value = size === 2 ? reader.uint16() : reader.uint32()
    into[name] = value
    return value >= least
  },
  write: (writer, { [name]: value }) => {
    if (value === undefined) return
    writer.uint8(identifier)
    if (size === 2) writer.uint16(value)
    else writer.uint32(value)
  },
})

const flag = (identifier: number, name: NamesOf<boolean>, places: number): PropertyRow => ({
  identifier,
  name,
  places,
  repeatedIn: 0,
  read: (reader, into) => {
    const value = reader.uint8()
    into[name] = value === 1
    return value <= 1
  },
  write: (writer, { [name]: value }) => {
    if (value !== undefined) writer.uint8(identifier).uint8(value ? 1 : 0)
  },
})

const bit = (identifier: number, name: 'payloadFormatIndicator' | 'maximumQoS', places: number): PropertyRow => ({
  identifier,
  name,
  places,
  repeatedIn: 0,
  read: (reader, into) => {
    const value = reader.uint8()
    into[name] = value === 0 ? 0 : 1
    return value <= 1
  },
  write: (writer, { [name]: value }) => {
    if (value !== undefined) writer.uint8(identifier).uint8(value)
  },
})

const EVERYWHERE = 2 * IN.AUTH - 1

const userProperties: PropertyRow = {
  identifier: 0x26,
  name: 'userProperties',
  places: EVERYWHERE,
  repeatedIn: EVERYWHERE,
  read: (reader, into) => {
    into.userProperties ??= []
    into.userProperties.push([reader.word(), reader.text()])
    return true
  },
  write: (writer, { userProperties: pairs }) => {
    for (const [name, value] of pairs ?? []) writer.uint8(0x26).text(name).text(value)
  },
}

const subscriptionIdentifiers: PropertyRow = {
  identifier: 0x0b,
  name: 'subscriptionIdentifiers',
  places: IN.PUBLISH | IN.SUBSCRIBE,
  repeatedIn: IN.PUBLISH,
  read: (reader, into) => {
    const value = reader.varint()
    into.subscriptionIdentifiers ??= []
    into.subscriptionIdentifiers.push(value)
    return value > 0
  },
  write: (writer, { subscriptionIdentifiers: values }) => {
    for (const value of values ?? []) writer.uint8(0x0b).varint(value)
  },
}

/** The properties of MQTT 5.0 (§2.2.2.2, table 2-4), by identifier. */
export const PROPERTY_ROWS: readonly PropertyRow[] = [
  bit(0x01, 'payloadFormatIndicator', IN.PUBLISH | IN.WILL),
  uint(4, 0x02, 'messageExpiryInterval', IN.PUBLISH | IN.WILL),
  text(0x03, 'contentType', IN.PUBLISH | IN.WILL, (reader) => reader.word()),
  text(0x08, 'responseTopic', IN.PUBLISH | IN.WILL, readResponseTopic),
  binary(0x09, 'correlationData', IN.PUBLISH | IN.WILL),
  subscriptionIdentifiers,
  uint(4, 0x11, 'sessionExpiryInterval', IN.CONNECT | IN.CONNACK | IN.DISCONNECT),
  text(0x12, 'assignedClientIdentifier', IN.CONNACK),
  uint(2, 0x13, 'serverKeepAlive', IN.CONNACK),
  text(0x15, 'authenticationMethod', IN.CONNECT | IN.CONNACK | IN.AUTH),
  binary(0x16, 'authenticationData', IN.CONNECT | IN.CONNACK | IN.AUTH),
  flag(0x17, 'requestProblemInformation', IN.CONNECT),
  uint(4, 0x18, 'willDelayInterval', IN.WILL),
  flag(0x19, 'requestResponseInformation', IN.CONNECT),
  text(0x1a, 'responseInformation', IN.CONNACK),
  text(0x1c, 'serverReference', IN.CONNACK | IN.DISCONNECT),
  text(0x1f, 'reasonString', IN.CONNACK | IN.ACKNOWLEDGEMENT | IN.DISCONNECT | IN.AUTH),
  uint(2, 0x21, 'receiveMaximum', IN.CONNECT | IN.CONNACK, 1),
  uint(2, 0x22, 'topicAliasMaximum', IN.CONNECT | IN.CONNACK),
  uint(2, 0x23, 'topicAlias', IN.PUBLISH),
  bit(0x24, 'maximumQoS', IN.CONNACK),
  flag(0x25, 'retainAvailable', IN.CONNACK),
  userProperties,
  uint(4, 0x27, 'maximumPacketSize', IN.CONNECT | IN.CONNACK, 1),
  flag(0x28, 'wildcardSubscriptionAvailable', IN.CONNACK),
  flag(0x29, 'subscriptionIdentifiersAvailable', IN.CONNACK),
  flag(0x2a, 'sharedSubscriptionAvailable', IN.CONNACK),
]

/** MQTT 5.0 §3.3.2.3.5 [MQTT-3.3.2-14]: a topic name, so without wildcards and not empty. */
function readResponseTopic(reader: Reader): string {
  const topic = reader.topicName()
  if (topic === '') throw mqttFault('MQTT_TOPIC_NAME_INVALID')
  return topic
}
