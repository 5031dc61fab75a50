import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault, toHex } from '@birthmark/foundation/kernel'
import { encodePacket } from './encode-packet.ts'
import type { Packet, ProtocolVersion } from './packet.ts'
import { NO_PROPERTIES } from './properties.ts'
import { connect, publish, subscribe } from './testing/conversation.ts'

const ack = (packetId: number, reasonCode = 0): Packet => ({
  type: 'puback',
  packetId,
  reasonCode,
  properties: NO_PROPERTIES,
})
const long = 'x'.repeat(65_536)

const REFUSED: readonly (readonly [why: string, version: ProtocolVersion, packet: Packet])[] = [
  ['packet identifier 0', 4, publish('a', 0)],
  ['packet identifier 65 536', 4, publish('a', 65_536)],
  ['packet identifier 1.5', 4, publish('a', 1.5)],
  ['QoS 1 without an identifier', 4, publish('a', undefined, { qos: 1 })],
  ['QoS 0 with an identifier', 4, publish('a', 1, { qos: 0 })],
  ['a topic of 65 536 bytes', 4, publish(long)],
  ['a content type of 65 536 bytes', 5, publish('a', undefined, { properties: { contentType: long } })],
  ['a topic alias of 65 536', 5, publish('a', undefined, { properties: { topicAlias: 65_536 } })],
  ['an expiry of -1', 5, publish('a', undefined, { properties: { messageExpiryInterval: -1 } })],
  ['a subscription identifier of 2^28', 5, { ...subscribe('a'), properties: { subscriptionIdentifiers: [2 ** 28] } }],
  ['PUBACK with identifier 0', 4, ack(0)],
  ['PUBACK of a failure in 3.1.1', 4, ack(1, 0x87)],
  ['DISCONNECT with a reason in 3.1.1', 4, { type: 'disconnect', reasonCode: 0x8e, properties: NO_PROPERTIES }],
  ['AUTH in 3.1.1', 4, { type: 'auth', reasonCode: 0, properties: NO_PROPERTIES }],
  ['a keep-alive of 65 536', 4, connect(4, { keepAlive: 65_536 })],
  ['a 3.1.1 password alone', 4, connect(4, { password: new Uint8Array(1) })],
  ['a password of 65 536 bytes', 5, connect(5, { password: new Uint8Array(65_536) })],
  ['a reason code of 256', 5, ack(1, 256)],
]

for (const [why, version, packet] of REFUSED) {
  test(`does not encode ${why}`, () => {
    assert.throws(
      () => encodePacket(packet, version),
      (error) => isFault(error, 'MQTT_NOT_ENCODABLE'),
    )
    // What failed leaves nothing behind.
    assert.equal(toHex(encodePacket(ack(1), 5)), '40020001')
    assert.equal(toHex(encodePacket(publish('a', undefined, { payload: new Uint8Array(0) }), 5)), '300400016100')
  })
}

test('what plain success says is left out, in the shortest form', () => {
  const rows: readonly (readonly [Packet, string])[] = [
    [ack(1), '40020001'],
    [ack(1, 0x10), '4003000110'],
    [{ type: 'disconnect', reasonCode: 0, properties: NO_PROPERTIES }, 'e000'],
    [{ type: 'disconnect', reasonCode: 4, properties: {} }, 'e00104'],
    [{ type: 'auth', reasonCode: 0, properties: NO_PROPERTIES }, 'f000'],
  ]
  for (const [packet, hex] of rows) assert.equal(toHex(encodePacket(packet, 5)), hex)
})

test('bytes that were given do not change with later packets, large or small', () => {
  const packets = Array.from({ length: 300 }, (_, index) => publish(`t/${index}`, index + 1))
  packets.splice(150, 0, publish('large', 1, { payload: new Uint8Array(100_000).fill(7) }))
  const encoded = packets.map((packet) => encodePacket(packet, 5))
  const copies = encoded.map((bytes) => toHex(bytes))
  for (const packet of packets) encodePacket(packet, 4)
  assert.deepEqual(
    encoded.map((bytes) => toHex(bytes)),
    copies,
  )
})
