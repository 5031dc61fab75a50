import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import mqttPacket from 'mqtt-packet'
import { encodePacket } from './encode-packet.ts'
import type { Packet, ProtocolVersion, SubscriptionRequest, Will } from './packet.ts'
import type { Properties } from './properties.ts'
import { decodeOne } from './testing/decode.ts'
import { anyPacket } from './testing/packets.ts'

/*
 * mqtt-packet is another implementation of the same two standards. Every packet that both can express is put into bytes
 * by one and read by the other, in both directions, and must be the same packet.
 */

for (const version of [4, 5] as const) {
  const packets = anyPacket(version).filter((packet) => isCommonGround(packet))

  test(`mqtt-packet reads what we write, level ${version}`, () => {
    fc.assert(
      fc.property(packets.filter(isReadByTheirs), (packet) => {
        assert.deepEqual(parseTheirs(encodePacket(packet, version), version), theirs(packet, version))
      }),
      { numRuns: 500 },
    )
  })

  test(`we read what mqtt-packet writes, level ${version}`, () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const bytes = mqttPacket.generate(asTheirInput(theirs(packet, version)), { protocolVersion: version })
        assert.deepEqual(decodeOne(packet.type === 'connect' ? undefined : version, bytes), packet)
      }),
      { numRuns: 500 },
    )
  })
}

/** One of mqtt-packet's objects; its own types disagree with what it reads and writes. */
type Theirs = Readonly<Record<string, unknown>>

/** Leaves out what mqtt-packet cannot express, or gets wrong in ways of its own. */
function isCommonGround(packet: Packet): boolean {
  // It keeps user properties in an object, which loses their order and, for numbers, their place.
  const names = userPropertyNames(packet)
  if (new Set(names).size < names.length || names.some((name) => /^\d+$/.test(name))) return false
  if (packet.type !== 'connect') return true
  // It refuses an empty client identifier with a session that is not clean, and a password without a user name.
  if (packet.clientId === '' && !packet.cleanStart) return false
  return packet.password === undefined || packet.userName !== undefined
}

/** MQTT 5, 3.15.2.1 lets an AUTH of success without properties end after its fixed header; mqtt-packet refuses that. */
function isReadByTheirs(packet: Packet): boolean {
  return packet.type !== 'auth' || packet.reasonCode !== 0 || Object.keys(packet.properties).length > 0
}

function userPropertyNames(packet: Packet): string[] {
  const lists: (Properties | undefined)[] = [
    'properties' in packet ? packet.properties : undefined,
    packet.type === 'connect' ? packet.will?.properties : undefined,
  ]
  return lists.flatMap((properties) => (properties?.userProperties ?? []).map(([name]) => name))
}

function parseTheirs(bytes: Uint8Array, version: ProtocolVersion): Theirs {
  const parser = mqttPacket.parser({ protocolVersion: version })
  const packets: Theirs[] = []
  parser.on('packet', (packet) => packets.push(withoutAbsent({ ...packet })))
  parser.on('error', (error: Error) => {
    throw error
  })
  parser.parse(Buffer.from(bytes))
  assert.equal(packets.length, 1)
  const { length: _, ...packet } = packets[0]!
  return packet
}

/** Says in mqtt-packet's words what its parser makes of `packet`. */
function theirs(packet: Packet, version: ProtocolVersion): Theirs {
  const flags = { qos: 0, dup: false, retain: false }
  switch (packet.type) {
    case 'publish': {
      const { type, packetId, payload, properties, ...rest } = packet
      const content = { payload: Buffer.from(payload), topic: packet.topic }
      return withoutAbsent({ cmd: type, ...rest, ...content, messageId: packetId, properties: bag(properties) })
    }
    case 'connect':
      return withoutAbsent({ cmd: 'connect', ...flags, ...theirConnect(packet) })
    case 'connack': {
      const { sessionPresent, reasonCode } = packet
      const code = version === 5 ? { reasonCode } : { returnCode: reasonCode }
      return withoutAbsent({ cmd: 'connack', ...flags, sessionPresent, ...code, properties: bag(packet.properties) })
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp': {
      const code = version === 5 ? { reasonCode: packet.reasonCode } : {}
      const head = { cmd: packet.type, ...flags, qos: packet.type === 'pubrel' ? 1 : 0, messageId: packet.packetId }
      return withoutAbsent({ ...head, ...code, properties: bag(packet.properties) })
    }
    case 'subscribe':
    case 'unsubscribe': {
      const head = { cmd: packet.type, ...flags, qos: 1, messageId: packet.packetId }
      const asked =
        packet.type === 'unsubscribe'
          ? { unsubscriptions: packet.filters }
          : { subscriptions: packet.subscriptions.map((one) => theirSubscription(one, version)) }
      return withoutAbsent({ ...head, ...asked, properties: bag(packet.properties) })
    }
    case 'suback':
    case 'unsuback': {
      const granted = packet.type === 'unsuback' && version === 4 ? undefined : packet.reasonCodes
      const head = { cmd: packet.type, ...flags, messageId: packet.packetId, granted }
      return withoutAbsent({ ...head, properties: bag(packet.properties) })
    }
    case 'disconnect':
    case 'auth': {
      const code = version === 5 ? { reasonCode: packet.reasonCode } : {}
      return withoutAbsent({ cmd: packet.type, ...flags, ...code, properties: bag(packet.properties) })
    }
    case 'pingreq':
    case 'pingresp':
      return { cmd: packet.type, ...flags }
  }
}

function theirConnect(packet: Packet & { type: 'connect' }): Theirs {
  const { protocolVersion, clientId, cleanStart, keepAlive, will, userName, password, properties } = packet
  return {
    protocolId: 'MQTT',
    protocolVersion,
    clientId,
    clean: cleanStart,
    keepalive: keepAlive,
    will: will && theirWill(will),
    username: userName,
    password: password && Buffer.from(password),
    properties: bag(properties),
  }
}

function theirWill({ topic, payload, qos, retain, properties }: Will): Theirs {
  return withoutAbsent({ topic, payload: Buffer.from(payload), qos, retain, properties: bag(properties) })
}

function theirSubscription(one: SubscriptionRequest, version: ProtocolVersion): Theirs {
  const { filter, qos, noLocal, retainAsPublished, retainHandling } = one
  if (version === 4) return { topic: filter, qos }
  return { topic: filter, qos, nl: noLocal, rap: retainAsPublished, rh: retainHandling }
}

/** Its properties: `undefined` for none, flags as booleans, one subscription identifier as a number. */
function bag(properties: Properties): Theirs | undefined {
  const { userProperties, subscriptionIdentifiers, payloadFormatIndicator, correlationData, ...rest } = properties
  const { authenticationData, ...plain } = rest
  const found = withoutAbsent({
    ...plain,
    payloadFormatIndicator: payloadFormatIndicator === undefined ? undefined : payloadFormatIndicator === 1,
    correlationData: correlationData && Buffer.from(correlationData),
    authenticationData: authenticationData && Buffer.from(authenticationData),
    subscriptionIdentifier:
      subscriptionIdentifiers?.length === 1 ? subscriptionIdentifiers[0] : subscriptionIdentifiers,
    userProperties: userProperties && Object.assign(Object.create(null), Object.fromEntries(userProperties)),
  })
  return Object.keys(found).length === 0 ? undefined : found
}

function withoutAbsent(fields: Theirs): Theirs {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

function asTheirInput(packet: Theirs): mqttPacket.Packet {
  return packet as unknown as mqttPacket.Packet
}
