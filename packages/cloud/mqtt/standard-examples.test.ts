import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '@birthmark/foundation/kernel'
import examples from '../../../testing/vectors/mqtt/standard-examples.json' with { type: 'json' }
import { encodePacket } from './encode-packet.ts'
import type { Packet, ProtocolVersion } from './packet.ts'
import { Reader } from './reader.ts'
import { decodeOne } from './testing/decode.ts'
import { Writer } from './writer.ts'

test('the examples are all there', () => {
  assert.deepEqual([examples.varints.length, examples.packets.length], [8, 8])
})

for (const { section, value, hex } of examples.varints) {
  test(`variable byte integer ${value} is ${hex} (${section})`, () => {
    const bytes = fromHex(hex)
    const reader = new Reader()
    reader.open(bytes, 0, bytes.length)
    assert.equal(reader.varint(), value)
    assert.equal(reader.at, bytes.length)
    assert.deepEqual(new Writer().varint(value).written(), bytes)
  })
}

for (const { section, version, hex, packet: expected } of examples.packets) {
  test(`the standard's ${expected.type}: ${section}`, () => {
    const bytes = fromHex(hex)
    const level: ProtocolVersion = version === 5 ? 5 : 4
    const packet = decodeOne(expected.type === 'connect' ? undefined : level, bytes)
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(seen(packet)[name], value, name)
    assert.deepEqual(encodePacket(packet, level), bytes)
  })
}

/** The packet's fields under the names of the examples. */
function seen(packet: Packet): Readonly<Record<string, unknown>> {
  if (packet.type === 'connect') {
    const { will, properties } = packet
    return { ...packet, ...properties, willTopic: will?.topic, willQoS: will?.qos }
  }
  if (packet.type !== 'subscribe') return { ...packet }
  const { subscriptions } = packet
  return { ...packet, filters: subscriptions.map((one) => one.filter), qos: subscriptions.map((one) => one.qos) }
}
