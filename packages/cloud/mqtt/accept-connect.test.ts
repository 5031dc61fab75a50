import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, fromHex, isFault, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { acceptConnect, refusalAnswer } from './accept-connect.ts'
import { encodePacket } from './encode-packet.ts'
import { MQTT_FAULTS, type MqttFaultCode, mqttFault } from './faults.ts'
import type { Connect, ProtocolVersion, Will } from './packet.ts'
import { PacketDecoder } from './packet-decoder.ts'
import { AWS_PROFILE, PRE_AUTH_PACKET_BYTES_MAX, STANDARD_PROFILE } from './profile.ts'
import { NO_PROPERTIES } from './properties.ts'
import { acceptedConnect, connect } from './testing/conversation.ts'
import { decodeAll, decodeOne } from './testing/decode.ts'
import { anyPacket } from './testing/packets.ts'

const ENTROPY = { bytes: (count: number): Uint8Array => new Uint8Array(count).fill(0xab) }

test('3.1.1: the answer is plain, and says that there is no session', () => {
  for (const cleanStart of [true, false]) {
    const accepted = acceptedConnect(4, { cleanStart })
    assert.equal(toHex(encodePacket(accepted.connack, 4)), '20020000')
    assert.equal(accepted.wishedPersistence, !cleanStart)
    assert.equal(accepted.sessionExpiry, cleanStart ? 0 : 3600)
  }
})

test('5.0: a session lasts as the client wishes, up to the limit, and the client is told when it is less', () => {
  const granted = (sessionExpiryInterval: number, limit = 3600): (number | undefined)[] => {
    const profile = { ...AWS_PROFILE, sessionExpiryMax: limit }
    const { sessionExpiry, connack } = acceptedConnect(5, { properties: { sessionExpiryInterval } }, profile)
    return [sessionExpiry, connack.properties.sessionExpiryInterval]
  }
  assert.deepEqual(granted(0), [0, undefined])
  assert.deepEqual(granted(3600), [3600, undefined])
  assert.deepEqual(granted(3601), [3600, 3600])
  assert.deepEqual(granted(0xffff_ffff), [3600, 3600])
  assert.deepEqual(granted(1, 0), [0, 0])
  assert.equal(acceptedConnect(5, { cleanStart: false }).sessionExpiry, 0)
})

test('5.0: the answer says what there is and what there is not [MQTT-3.2.2-9]', () => {
  const { connack } = acceptedConnect(5, {
    properties: { sessionExpiryInterval: 7200 },
    keepAlive: 0,
    cleanStart: false,
  })
  assert.deepEqual(decodeOne(5, encodePacket(connack, 5)), {
    type: 'connack',
    sessionPresent: false,
    reasonCode: 0,
    properties: {
      sessionExpiryInterval: 3600,
      serverKeepAlive: 1200,
      receiveMaximum: 100,
      topicAliasMaximum: 8,
      maximumQoS: 1,
      retainAvailable: true,
      maximumPacketSize: 149_504,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: true,
    },
  })
})

test('5.0: what is as the client wished is not repeated', () => {
  const { properties } = acceptedConnect(5, { properties: { sessionExpiryInterval: 0 } }).connack
  for (const name of ['sessionExpiryInterval', 'serverKeepAlive', 'assignedClientIdentifier'] as const) {
    assert.equal(properties[name], undefined, name)
  }
})

test('an empty client identifier is replaced, and 5.0 clients are told', () => {
  const chosen = `auto-${'ab'.repeat(16)}`
  for (const version of [4, 5] as const) {
    const accepted = acceptConnect(connect(version, { clientId: '' }), AWS_PROFILE, ENTROPY)
    assert.ok(accepted.ok)
    assert.equal(accepted.clientId, chosen)
    assert.equal(accepted.connack.properties.assignedClientIdentifier, version === 5 ? chosen : undefined)
  }
})

test('keep-alive is brought into the range of 30 s to 1200 s; the standard profile leaves it', () => {
  for (const [wished, granted] of [
    [0, 1200],
    [1, 30],
    [29, 30],
    [30, 30],
    [1200, 1200],
    [1201, 1200],
    [65_535, 1200],
  ] as const) {
    const accepted = acceptedConnect(5, { keepAlive: wished })
    assert.equal(accepted.keepAlive, granted)
    assert.equal(accepted.connack.properties.serverKeepAlive, wished === granted ? undefined : granted)
    assert.equal(acceptedConnect(5, { keepAlive: wished }, STANDARD_PROFILE).keepAlive, wished)
  }
})

test('a user name and a password are no obstacle', () => {
  assert.ok(acceptedConnect(4, { userName: '?SDK=JavaScript', password: Uint8Array.of(1) }).ok)
})

test('a will is copied, without what does not travel', () => {
  const payload = Uint8Array.of(1, 2)
  const correlationData = Uint8Array.of(3)
  const properties = { correlationData, willDelayInterval: 60, contentType: 'x' }
  const { will } = acceptedConnect(5, { will: { ...WILL, payload, properties } })
  payload.fill(0)
  correlationData.fill(0)
  const kept = { correlationData: Uint8Array.of(3), contentType: 'x' }
  assert.deepEqual(will, {
    topic: 'will',
    payload: Uint8Array.of(1, 2),
    qos: 1,
    retain: false,
    properties: kept,
    delay: 60,
  })
})

test('the longest client identifiers pass', () => {
  assert.ok(acceptedConnect(4, { clientId: 'c'.repeat(128) }).ok)
  assert.ok(acceptedConnect(5, { clientId: 'é'.repeat(64) }).ok)
})

const WILL: Will = { topic: 'will', payload: new Uint8Array(0), qos: 1, retain: false, properties: NO_PROPERTIES }

/** `answer3`, `answer5`: what clients of 3.1.1 and 5.0 are answered; `-`: nothing, and the connection is closed. */
type Row = readonly [why: string, changes: Partial<Connect>, code: MqttFaultCode, answer3: string, answer5: string]
const REFUSED: readonly Row[] = [
  ['129 bytes of client identifier', { clientId: 'c'.repeat(129) }, 'MQTT_CLIENT_ID_INVALID', '02', '85'],
  ['130 bytes in 65 characters', { clientId: 'é'.repeat(65) }, 'MQTT_CLIENT_ID_INVALID', '02', '85'],
  ['a client identifier with $', { clientId: '$press' }, 'MQTT_CLIENT_ID_INVALID', '02', '85'],
  ['a will of QoS 2', { will: { ...WILL, qos: 2 } }, 'MQTT_QOS_UNSUPPORTED', '-', '9b'],
  [
    'a will on a reserved topic',
    { will: { ...WILL, topic: '$aws/things/t/shadow/update' } },
    'MQTT_TOPIC_RESERVED',
    '-',
    '90',
  ],
  ['a will with too deep a topic', { will: { ...WILL, topic: '/'.repeat(8) } }, 'MQTT_TOPIC_TOO_DEEP', '-', '90'],
  ['a will with too long a topic', { will: { ...WILL, topic: 't'.repeat(257) } }, 'MQTT_TOPIC_TOO_LONG', '-', '90'],
]

for (const [why, changes, code, answer3, answer5] of REFUSED) {
  test(`refuses ${why}`, () => {
    requireRefusal(4, changes, code, answer3)
    requireRefusal(5, changes, code, answer5)
  })
}

test('a will that this broker cannot publish, or not retain, is refused [MQTT-3.2.2-12] [MQTT-3.2.2-13]', () => {
  requireRefusal(5, { will: { ...WILL, qos: 2 } }, 'MQTT_QOS_UNSUPPORTED', '9b')
  const profile = { ...AWS_PROFILE, retainAvailable: false }
  const refused = acceptConnect(connect(5, { will: { ...WILL, retain: true } }), profile, ENTROPY)
  assert.equal(refused.ok ? undefined : refused.cause.code, 'MQTT_RETAIN_UNSUPPORTED')
})

test('refuses an empty client identifier with a session that is to last, in 3.1.1 only', () => {
  requireRefusal(4, { clientId: '', cleanStart: false }, 'MQTT_CLIENT_ID_INVALID', '02')
  assert.ok(acceptConnect(connect(5, { clientId: '', cleanStart: false }), AWS_PROFILE, ENTROPY).ok)
})

test('refuses what only 5.0 can ask for', () => {
  const method = { properties: { authenticationMethod: 'SCRAM-SHA-1' } }
  requireRefusal(5, method, 'MQTT_AUTHENTICATION_METHOD_UNSUPPORTED', '8c')
  requireRefusal(5, { properties: { maximumPacketSize: 511 } }, 'MQTT_MAXIMUM_PACKET_SIZE_TOO_SMALL', '82')
  const large = { will: { ...WILL, properties: { contentType: 'x'.repeat(257) } } }
  requireRefusal(5, large, 'MQTT_PROPERTY_TOO_LARGE', '97')
})

/** CONNECTs that cannot be decoded, and the whole answer. */
const UNDECODABLE: readonly (readonly [why: string, hex: string, answer: string | undefined])[] = [
  ['MQTT 3.1', '100e00064d514973647003020000 0000', '20020001'],
  ['level 3', '100c00044d51545403020000 0000', '20020001'],
  ['level 6', '100c00044d51545406020000 0000', '2003008400'],
  ['another protocol', '100c00044d51545804020000 0000', undefined],
  ['no CONNECT', 'c000', undefined],
  ['3.1.1, malformed', '100c00044d51545404030000 0000', undefined],
  ['5.0, malformed', '100d00044d51545405030000 000000', '2003008100'],
  ['5.0, a property twice', '101300044d51545405020000 06210001210001 0000', '2003008200'],
  ['5.0, too large', '10ffff7f', undefined],
]

for (const [why, hex, answer] of UNDECODABLE) {
  test(`answers ${answer ?? 'nothing'} to ${why}`, () => {
    const decoder = new PacketDecoder()
    decoder.push(fromHex(hex))
    let fault: unknown
    try {
      decoder.next()
    } catch (error) {
      fault = error
    }
    assert.ok(fault instanceof Fault)
    const bytes = refusalAnswer(fault, decoder.version)
    assert.equal(bytes && toHex(bytes), answer)
  })
}

test('every refusal is one that a CONNACK may carry', () => {
  // Its answer is that of another version than ours; it is in the table above.
  const { MQTT_PROTOCOL_LEVEL_UNSUPPORTED: _, ...faults } = MQTT_FAULTS
  for (const code of Object.keys(faults)) {
    for (const version of [4, 5] as const) {
      const answer = refusalAnswer(mqttFault(code as MqttFaultCode), version)
      const packet = answer && decodeOne(version, answer)
      assert.ok(packet === undefined || (packet.type === 'connack' && packet.reasonCode !== 0))
    }
  }
})

test('any CONNECT is accepted or refused, with an answer that is a CONNACK', () => {
  for (const version of [4, 5] as const) {
    const connects = anyPacket(version).filter((packet) => packet.type === 'connect')
    fc.assert(
      fc.property(connects, (packet) => {
        const judged = acceptConnect(packet, AWS_PROFILE, ENTROPY)
        const answer = judged.ok ? encodePacket(judged.connack, version) : judged.answer
        for (const connack of decodeAll(version, answer ?? new Uint8Array(0))) assert.equal(connack.type, 'connack')
      }),
    )
  }
})

test('the largest CONNECT of a client that has no will passes the first limit', () => {
  const largest = connect(5, {
    clientId: 'c'.repeat(128),
    userName: 'u'.repeat(1024),
    password: new Uint8Array(1024),
    properties: { userProperties: [['k', 'v'.repeat(1024)]] },
  })
  assert.ok(encodePacket(largest, 5).length < PRE_AUTH_PACKET_BYTES_MAX)
})

function requireRefusal(
  version: ProtocolVersion,
  changes: Partial<Connect>,
  code: MqttFaultCode,
  answer: string,
): void {
  const judged = acceptConnect(connect(version, changes), AWS_PROFILE, ENTROPY)
  assert.ok(!judged.ok && isFault(judged.cause, code))
  const whole = version === 4 ? `200200${answer}` : `200300${answer}00`
  assert.equal(judged.answer && toHex(judged.answer), answer === '-' ? undefined : whole)
}
