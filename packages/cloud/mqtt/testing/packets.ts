/** Random packets, valid for their protocol version, for the tests of this room. */
import fc from 'fast-check'
import type { Packet, ProtocolVersion, QoS, SubscriptionRequest, Will } from '../packet.ts'
import { NO_PROPERTIES, type Properties } from '../properties.ts'
import { IN, PROPERTY_ROWS, type PropertyPlace } from '../property-table.ts'
import { REASON_CODES } from '../reason-codes-by-packet.ts'

/** Gives any valid packet of a version. */
export function anyPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.oneof(
    { arbitrary: anyPublish(version), weight: 5 },
    anyConnect(version),
    anyConnack(version),
    anyAcknowledgement(version),
    anySubscribe(version),
    anyUnsubscribe(version),
    anyAnswer(version),
    fc.constantFrom<Packet>({ type: 'pingreq' }, { type: 'pingresp' }),
    anyDisconnect(version),
    ...(version === 5 ? [anyAuth()] : []),
  )
}

function anyPublish(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return record({
    topic: topicName,
    byAlias: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 300 }),
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId,
    properties: properties(version, IN.PUBLISH),
  }).map(({ byAlias, ...publish }) => ({
    type: 'publish',
    ...publish,
    topic: byAlias && publish.properties.topicAlias !== undefined ? '' : publish.topic,
    dup: publish.dup && publish.qos > 0,
    packetId: publish.qos === 0 ? undefined : publish.packetId,
  }))
}

const text: fc.Arbitrary<string> = fc.string({ unit: 'binary', maxLength: 40 }).map((any) => any.replaceAll('\0', '0'))
const topicName: fc.Arbitrary<string> = text.map((any) => `t${any.replaceAll(/[+#]/g, '/')}`)
const topicFilter: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof(fc.constant('+'), topicName), { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([levels, rest]) => (rest ? [...levels, '#'] : levels).join('/'))
const qos: fc.Arbitrary<QoS> = fc.constantFrom(0, 1, 2)
const packetId: fc.Arbitrary<number> = fc.integer({ min: 1, max: 65_535 })
const binary: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 })
const uint16: fc.Arbitrary<number> = fc.nat(65_535)
const uint32: fc.Arbitrary<number> = fc.nat(4_294_967_295)
const bit: fc.Arbitrary<0 | 1> = fc.constantFrom(0, 1)

const VALUES: Readonly<Record<keyof Properties, fc.Arbitrary<unknown>>> = {
  payloadFormatIndicator: bit,
  messageExpiryInterval: uint32,
  contentType: text,
  responseTopic: topicName,
  correlationData: binary,
  subscriptionIdentifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { minLength: 1, maxLength: 3 }),
  sessionExpiryInterval: uint32,
  assignedClientIdentifier: text,
  serverKeepAlive: uint16,
  authenticationMethod: text,
  authenticationData: binary,
  requestProblemInformation: fc.boolean(),
  willDelayInterval: uint32,
  requestResponseInformation: fc.boolean(),
  responseInformation: text,
  serverReference: text,
  reasonString: text,
  receiveMaximum: packetId,
  topicAliasMaximum: uint16,
  topicAlias: packetId,
  maximumQoS: bit,
  retainAvailable: fc.boolean(),
  userProperties: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }),
  maximumPacketSize: fc.integer({ min: 1, max: 4_294_967_295 }),
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifiersAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
}

/** Gives any properties that `place` may have; none in 3.1.1. */
function properties(version: ProtocolVersion, place: PropertyPlace): fc.Arbitrary<Properties> {
  if (version === 4) return fc.constant(NO_PROPERTIES)
  const names = PROPERTY_ROWS.filter((row) => (row.places & place) !== 0).map((row) => row.name)
  const some: fc.Arbitrary<Properties> = fc.record(Object.fromEntries(names.map((name) => [name, VALUES[name]])), {
    requiredKeys: [],
    noNullPrototype: true,
  })
  return some.map((drawn) => consistent(drawn, place))
}

/** Removes what must not be there together. */
function consistent(drawn: Properties, place: PropertyPlace): Properties {
  const { authenticationData, subscriptionIdentifiers = [], ...rest } = drawn
  const data = drawn.authenticationMethod !== undefined && authenticationData !== undefined
  const kept = place === IN.PUBLISH ? subscriptionIdentifiers : subscriptionIdentifiers.slice(0, 1)
  return {
    ...rest,
    ...(data ? { authenticationData } : {}),
    ...(kept.length > 0 ? { subscriptionIdentifiers: kept } : {}),
  }
}

function anyConnect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const will: fc.Arbitrary<Will> = record({
    topic: topicName,
    payload: binary,
    qos,
    retain: fc.boolean(),
    properties: properties(version, IN.WILL),
  })
  return record({
    protocolVersion: fc.constant(version),
    clientId: text,
    cleanStart: fc.boolean(),
    keepAlive: uint16,
    will: fc.option(will, { nil: undefined }),
    userName: fc.option(text, { nil: undefined }),
    password: fc.option(binary, { nil: undefined }),
    properties: properties(version, IN.CONNECT),
  }).map((connect) => ({
    type: 'connect',
    ...connect,
    password: version === 4 && connect.userName === undefined ? undefined : connect.password,
  }))
}

function anyConnack(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return record({
    sessionPresent: fc.boolean(),
    reasonCode: oneOf(version === 5 ? REASON_CODES.CONNACK : REASON_CODES.CONNACK_3_1_1),
    properties: properties(version, IN.CONNACK),
  }).map((connack) => ({
    type: 'connack',
    ...connack,
    sessionPresent: connack.sessionPresent && connack.reasonCode === 0,
  }))
}

function anyAcknowledgement(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return record({
    type: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
    packetId,
    first: oneOf(REASON_CODES.PUBACK),
    second: oneOf(REASON_CODES.PUBREL),
    properties: properties(version, IN.ACKNOWLEDGEMENT),
  }).map(({ first, second, ...rest }) => {
    const code = rest.type === 'puback' || rest.type === 'pubrec' ? first : second
    return { ...rest, reasonCode: version === 4 ? 0 : code }
  })
}

function anySubscribe(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const request: fc.Arbitrary<SubscriptionRequest> = record({
    filter: topicFilter,
    qos,
    noLocal: version === 5 ? fc.boolean() : fc.constant(false),
    retainAsPublished: version === 5 ? fc.boolean() : fc.constant(false),
    retainHandling: version === 5 ? fc.constantFrom(0, 1, 2) : fc.constant(0),
  })
  return record({
    type: fc.constant('subscribe'),
    packetId,
    subscriptions: fc.array(request, { minLength: 1, maxLength: 4 }),
    properties: properties(version, IN.SUBSCRIBE),
  })
}

function anyUnsubscribe(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return record({
    type: fc.constant('unsubscribe'),
    packetId,
    filters: fc.array(topicFilter, { minLength: 1, maxLength: 4 }),
    properties: properties(version, IN.UNSUBSCRIBE),
  })
}

function anyAnswer(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const suback = oneOf(version === 5 ? REASON_CODES.SUBACK : REASON_CODES.SUBACK_3_1_1)
  const head = { packetId, properties: properties(version, IN.ACKNOWLEDGEMENT) }
  const some = (code: fc.Arbitrary<number>) => fc.array(code, { minLength: 1, maxLength: 4 })
  return fc.oneof(
    record({ type: fc.constant('suback'), ...head, reasonCodes: some(suback) }),
    record({
      type: fc.constant('unsuback'),
      ...head,
      reasonCodes: version === 5 ? some(oneOf(REASON_CODES.UNSUBACK)) : fc.constant([]),
    }),
  )
}

function anyDisconnect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return record({
    type: fc.constant('disconnect'),
    reasonCode: version === 5 ? oneOf(REASON_CODES.DISCONNECT) : fc.constant(0),
    properties: properties(version, IN.DISCONNECT),
  })
}

function anyAuth(): fc.Arbitrary<Packet> {
  return record({
    type: fc.constant('auth'),
    reasonCode: oneOf(REASON_CODES.AUTH),
    properties: properties(5, IN.AUTH),
  })
}

function oneOf(codes: ReadonlySet<number>): fc.Arbitrary<number> {
  return fc.constantFrom(...codes)
}

/** Gives plain objects, as the decoder does. */
function record<Model>(model: { [Name in keyof Model]: fc.Arbitrary<Model[Name]> }): fc.Arbitrary<Model> {
  return fc.record(model, { noNullPrototype: true })
}
