import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, isFault } from '@birthmark/foundation/kernel'
import { CODEC_FAULTS } from './codec-faults.ts'
import { reasonCode } from './faults.ts'
import type { ProtocolVersion } from './packet.ts'
import { decodeAll } from './testing/decode.ts'

type Row = readonly [why: string, version: ProtocolVersion | undefined, hex: string, code: keyof typeof CODEC_FAULTS]

/** `undefined`: the first packet of a connection. The bytes are ours, the rules are those of the fault's `spec`. */
const REFUSED: readonly Row[] = [
  ['a PUBLISH comes first', undefined, '30 03 0001 61', 'MQTT_CONNECT_EXPECTED'],
  ['a TLS ClientHello comes first', undefined, '16 03 01', 'MQTT_CONNECT_EXPECTED'],
  ['an HTTP request comes first', undefined, '47 45 54 20', 'MQTT_CONNECT_EXPECTED'],
  ['packet type 0', 4, '00 00', 'MQTT_PACKET_TYPE_RESERVED'],
  ['AUTH in 3.1.1', 4, 'f0 00', 'MQTT_PACKET_TYPE_RESERVED'],
  ['PINGREQ with a flag', 4, 'c1 00', 'MQTT_FLAGS_INVALID'],
  ['SUBSCRIBE without its flag', 4, '80 06 0001 0001 61 00', 'MQTT_FLAGS_INVALID'],
  ['PUBREL without its flag', 5, '60 02 0001', 'MQTT_FLAGS_INVALID'],
  ['UNSUBSCRIBE with QoS 2', 5, 'a4 06 0001 00 0001 61', 'MQTT_FLAGS_INVALID'],
  ['CONNECT with RETAIN', 4, '11 00', 'MQTT_FLAGS_INVALID'],
  ['PUBLISH with QoS 3', 4, '36 05 0001 61 0001', 'MQTT_QOS_INVALID'],
  ['a will of QoS 3', undefined, '10 0c 0004 4d515454 04 1e 0000 0000', 'MQTT_QOS_INVALID'],
  ['a duplicate of QoS 0', 4, '38 03 0001 61', 'MQTT_DUP_WITHOUT_QOS'],
  ['a length of five bytes', 4, '30 ffffffff 01', 'MQTT_VARINT_TOO_LONG'],
  ['a length of zero in two bytes', 4, 'c0 80 00', 'MQTT_VARINT_NOT_MINIMAL'],
  ['a length of 127 in three bytes', 4, '30 ff80 00', 'MQTT_VARINT_NOT_MINIMAL'],
  ['a property length in two bytes', 5, '30 05 0001 61 8000', 'MQTT_VARINT_NOT_MINIMAL'],
  ['a property length of five bytes', 5, '30 08 0001 61 ffffffff7f', 'MQTT_VARINT_TOO_LONG'],
  ['a property identifier in two bytes', 5, '30 07 0001 61 03 8100 01', 'MQTT_VARINT_NOT_MINIMAL'],
  ['a topic longer than its packet', 4, '30 03 0005 61', 'MQTT_PACKET_TRUNCATED'],
  ['a PUBLISH without content', 4, '30 00', 'MQTT_PACKET_TRUNCATED'],
  ['a QoS 1 PUBLISH without identifier', 4, '32 03 0001 61', 'MQTT_PACKET_TRUNCATED'],
  ['a PUBACK of one byte', 4, '40 01 00', 'MQTT_PACKET_TRUNCATED'],
  ['properties longer than their packet', 5, '30 04 0001 61 05', 'MQTT_PACKET_TRUNCATED'],
  ['a property longer than the properties', 5, '30 08 0001 61 04 03 0009 61', 'MQTT_PACKET_TRUNCATED'],
  ['a SUBSCRIBE without options', 4, '82 05 0001 0001 61', 'MQTT_PACKET_TRUNCATED'],
  ['a CONNECT that ends early', undefined, '10 0a 0004 4d515454 04 02 0000', 'MQTT_PACKET_TRUNCATED'],
  ['a PINGREQ with content', 4, 'c0 01 00', 'MQTT_TRAILING_BYTES'],
  ['a PUBACK with a reason in 3.1.1', 4, '40 03 0001 00', 'MQTT_TRAILING_BYTES'],
  ['a DISCONNECT with a reason in 3.1.1', 4, 'e0 01 00', 'MQTT_TRAILING_BYTES'],
  ['a CONNECT with more', undefined, '10 0d 0004 4d515454 04 02 0000 0000 00', 'MQTT_TRAILING_BYTES'],
  ['a password without a flag', undefined, '10 0f 0004 4d515454 04 02 0000 0000 0001 61', 'MQTT_TRAILING_BYTES'],
  ['a topic with U+0000', 4, '30 03 0001 00', 'MQTT_TEXT_INVALID'],
  ['a topic with a surrogate', 4, '30 05 0003 eda080', 'MQTT_TEXT_INVALID'],
  ['a topic with an overlong slash', 4, '30 04 0002 c0af', 'MQTT_TEXT_INVALID'],
  ['a topic that is cut in a character', 4, '30 04 0002 61c3', 'MQTT_TEXT_INVALID'],
  ['a topic beyond U+10FFFF', 4, '30 06 0004 f4908080', 'MQTT_TEXT_INVALID'],
  ['a client identifier with U+0000', undefined, '10 0d 0004 4d515454 04 02 0000 0001 00', 'MQTT_TEXT_INVALID'],
  ['a user property with a lone byte', 5, '30 0a 0001 61 06 26 0001 80 0000', 'MQTT_TEXT_INVALID'],
  ['a filter with U+0000', 4, '82 06 0001 0001 00 00', 'MQTT_TEXT_INVALID'],
  ['packet identifier 0 in a PUBLISH', 4, '32 05 0001 61 0000', 'MQTT_PACKET_ID_ZERO'],
  ['packet identifier 0 in a PUBACK', 5, '40 02 0000', 'MQTT_PACKET_ID_ZERO'],
  ['packet identifier 0 in a SUBSCRIBE', 5, '82 07 0000 00 0001 61 00', 'MQTT_PACKET_ID_ZERO'],
  ['an empty topic', 4, '30 02 0000', 'MQTT_TOPIC_NAME_INVALID'],
  ['a topic with #', 4, '30 05 0003 612f23', 'MQTT_TOPIC_NAME_INVALID'],
  ['a topic with +', 5, '30 04 0001 2b 00', 'MQTT_TOPIC_NAME_INVALID'],
  ['a will without a topic', undefined, '10 10 0004 4d515454 04 06 0000 0000 0000 0000', 'MQTT_TOPIC_NAME_INVALID'],
  ['a will topic with +', undefined, '10 11 0004 4d515454 04 06 0000 0000 0001 2b 0000', 'MQTT_TOPIC_NAME_INVALID'],
  ['a response topic with #', 5, '30 08 0001 61 04 08 0001 23', 'MQTT_TOPIC_NAME_INVALID'],
  ['an empty response topic', 5, '30 07 0001 61 03 08 0000', 'MQTT_TOPIC_NAME_INVALID'],
  ['an empty filter', 4, '82 05 0001 0000 00', 'MQTT_TOPIC_FILTER_INVALID'],
  ['a filter a#', 4, '82 07 0001 0002 6123 00', 'MQTT_TOPIC_FILTER_INVALID'],
  ['a filter #/a', 4, '82 08 0001 0003 232f61 00', 'MQTT_TOPIC_FILTER_INVALID'],
  ['a filter a+', 4, '82 07 0001 0002 612b 00', 'MQTT_TOPIC_FILTER_INVALID'],
  ['a filter +a', 5, 'a2 07 0001 00 0002 2b61', 'MQTT_TOPIC_FILTER_INVALID'],
  ['a filter ##', 4, '82 07 0001 0002 2323 00', 'MQTT_TOPIC_FILTER_INVALID'],
  ['no topic and no alias', 5, '30 03 0000 00', 'MQTT_TOPIC_MISSING'],
  ['property 0', 5, '30 06 0001 61 02 0000', 'MQTT_PROPERTY_UNKNOWN'],
  ['property 0x0a', 5, '30 06 0001 61 02 0a00', 'MQTT_PROPERTY_UNKNOWN'],
  ['property 0x7fff', 5, '30 06 0001 61 02 ff7f', 'MQTT_PROPERTY_UNKNOWN'],
  ['a reason string in a PUBLISH', 5, '30 07 0001 61 03 1f 0000', 'MQTT_PROPERTY_MISPLACED'],
  ['a topic alias in a SUBSCRIBE', 5, '82 0a 0001 03 23 0001 0001 61 00', 'MQTT_PROPERTY_MISPLACED'],
  [
    'a will delay in a CONNECT',
    undefined,
    '10 12 0004 4d515454 05 02 0000 05 18 00000000 0000',
    'MQTT_PROPERTY_MISPLACED',
  ],
  ['two topic aliases', 5, '30 0a 0001 61 06 23 0001 23 0001', 'MQTT_PROPERTY_REPEATED'],
  ['two content types', 5, '30 0a 0001 61 06 03 0000 03 0000', 'MQTT_PROPERTY_REPEATED'],
  ['two subscription identifiers in a SUBSCRIBE', 5, '82 0b 0001 04 0b01 0b02 0001 61 00', 'MQTT_PROPERTY_REPEATED'],
  ['payload format 2', 5, '30 06 0001 61 02 0102', 'MQTT_PROPERTY_VALUE_INVALID'],
  ['receive maximum 0', undefined, '10 10 0004 4d515454 05 02 0000 03 21 0000 0000', 'MQTT_PROPERTY_VALUE_INVALID'],
  [
    'maximum packet size 0',
    undefined,
    '10 12 0004 4d515454 05 02 0000 05 27 00000000 0000',
    'MQTT_PROPERTY_VALUE_INVALID',
  ],
  ['request problem 2', undefined, '10 0f 0004 4d515454 05 02 0000 02 1702 0000', 'MQTT_PROPERTY_VALUE_INVALID'],
  [
    'authentication data alone',
    undefined,
    '10 10 0004 4d515454 05 02 0000 03 16 0000 0000',
    'MQTT_PROPERTY_VALUE_INVALID',
  ],
  ['subscription identifier 0', 5, '82 09 0001 02 0b00 0001 61 00', 'MQTT_PROPERTY_VALUE_INVALID'],
  ['topic alias 0', 5, '30 07 0001 61 03 23 0000', 'MQTT_TOPIC_ALIAS_INVALID'],
  ['PUBACK with reason 0x82', 5, '40 03 0001 82', 'MQTT_REASON_CODE_INVALID'],
  ['PUBREL with reason 0x80', 5, '62 03 0001 80', 'MQTT_REASON_CODE_INVALID'],
  ['DISCONNECT with reason 0x01', 5, 'e0 01 01', 'MQTT_REASON_CODE_INVALID'],
  ['AUTH with reason 0x87', 5, 'f0 02 87 00', 'MQTT_REASON_CODE_INVALID'],
  ['CONNACK with return code 6', 4, '20 02 00 06', 'MQTT_REASON_CODE_INVALID'],
  ['SUBACK with 3', 4, '90 03 0001 03', 'MQTT_REASON_CODE_INVALID'],
  ['protocol MQTX', undefined, '10 0c 0004 4d515458 04 02 0000 0000', 'MQTT_PROTOCOL_NAME_INVALID'],
  ['protocol mqtt', undefined, '10 0c 0004 6d717474 04 02 0000 0000', 'MQTT_PROTOCOL_NAME_INVALID'],
  ['MQTT 3.1', undefined, '10 0e 0006 4d5149736470 03 02 0000 0000', 'MQTT_PROTOCOL_LEVEL_UNSUPPORTED'],
  ['level 3 as MQTT', undefined, '10 0c 0004 4d515454 03 02 0000 0000', 'MQTT_PROTOCOL_LEVEL_UNSUPPORTED'],
  ['level 4 as MQIsdp', undefined, '10 0e 0006 4d5149736470 04 02 0000 0000', 'MQTT_PROTOCOL_LEVEL_UNSUPPORTED'],
  ['level 6', undefined, '10 0c 0004 4d515454 06 02 0000 0000', 'MQTT_PROTOCOL_LEVEL_UNSUPPORTED'],
  ['a bridge (level 0x84)', undefined, '10 0c 0004 4d515454 84 02 0000 0000', 'MQTT_PROTOCOL_LEVEL_UNSUPPORTED'],
  ['the reserved connect flag', undefined, '10 0c 0004 4d515454 04 03 0000 0000', 'MQTT_CONNECT_FLAGS_INVALID'],
  ['will QoS without a will', undefined, '10 0c 0004 4d515454 04 0a 0000 0000', 'MQTT_CONNECT_FLAGS_INVALID'],
  ['will retain without a will', undefined, '10 0c 0004 4d515454 05 22 0000 0000', 'MQTT_CONNECT_FLAGS_INVALID'],
  ['3.1.1 password alone', undefined, '10 0e 0004 4d515454 04 42 0000 0000 0000', 'MQTT_CONNECT_FLAGS_INVALID'],
  ['CONNACK with flags 2', 4, '20 02 02 00', 'MQTT_CONNACK_FLAGS_INVALID'],
  ['a refusal with a session', 4, '20 02 01 05', 'MQTT_CONNACK_FLAGS_INVALID'],
  ['a SUBSCRIBE without filters', 4, '82 02 0001', 'MQTT_FILTERS_MISSING'],
  ['an UNSUBSCRIBE without filters', 5, 'a2 03 0001 00', 'MQTT_FILTERS_MISSING'],
  ['a SUBACK without codes', 4, '90 02 0001', 'MQTT_FILTERS_MISSING'],
  ['QoS 3 wished', 4, '82 06 0001 0001 61 03', 'MQTT_SUBSCRIPTION_OPTIONS_INVALID'],
  ['No Local in 3.1.1', 4, '82 06 0001 0001 61 04', 'MQTT_SUBSCRIPTION_OPTIONS_INVALID'],
  ['retain handling 3', 5, '82 07 0001 00 0001 61 30', 'MQTT_SUBSCRIPTION_OPTIONS_INVALID'],
  ['reserved option bits', 5, '82 07 0001 00 0001 61 40', 'MQTT_SUBSCRIPTION_OPTIONS_INVALID'],
  ['No Local on $share', 5, '82 10 0001 00 000a 2473686172652f672f61 04', 'MQTT_SUBSCRIPTION_OPTIONS_INVALID'],
]

for (const [why, version, hex, code] of REFUSED) {
  test(`refuses ${hex}: ${why}`, () => {
    assert.throws(
      () => decodeAll(version, fromHex(hex)),
      (error) => isFault(error, code),
    )
  })
}

/** What is near to a refusal and still allowed. */
const ACCEPTED: readonly (readonly [why: string, version: ProtocolVersion | undefined, hex: string])[] = [
  ['an empty topic with an alias', 5, '30 06 0000 03 23 0001'],
  ['a DISCONNECT without reason', 5, 'e0 00'],
  ['a DISCONNECT without properties', 5, 'e0 01 04'],
  ['a PUBACK without reason', 5, '40 02 0001'],
  ['a PUBACK without properties', 5, '40 03 0001 10'],
  ['an AUTH without reason', 5, 'f0 00'],
  ['a password alone in 5.0', undefined, '10 0f 0004 4d515454 05 42 0000 00 0000 0000'],
  ['a topic of one slash', 4, '30 03 0001 2f'],
  ['a topic with a byte order mark', 4, '30 06 0004 efbbbf61'],
  ['two equal user properties', 5, '30 0e 0001 61 0a 26 0000 0000 26 0000 0000'],
  ['two subscription identifiers in a PUBLISH', 5, '30 08 0001 61 04 0b01 0b01'],
  ['a filter of #', 4, '82 06 0001 0001 23 00'],
  ['a filter +/+/#', 4, '82 0a 0001 0005 2b2f2b2f23 00'],
]

for (const [why, version, hex] of ACCEPTED) {
  test(`accepts ${hex}: ${why}`, () => {
    assert.equal(decodeAll(version, fromHex(hex)).length, 1)
  })
}

test('every fault that decoding can raise is in the table', () => {
  const { MQTT_NOT_ENCODABLE: _, MQTT_PACKET_TOO_LARGE: __, ...decoding } = CODEC_FAULTS
  assert.deepEqual(new Set(REFUSED.map(([, , , code]) => code)), new Set(Object.keys(decoding)))
})

test('a fault of another table says nothing', () => {
  assert.equal(reasonCode(new Error('disk full')), 0x80)
})
