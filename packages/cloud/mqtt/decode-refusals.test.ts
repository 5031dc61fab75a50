import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, isFault } from '@birthmark/foundation/kernel'
import malformed from '../../../testing/vectors/mqtt/malformed.json' with { type: 'json' }
import { CODEC_FAULTS } from './codec-faults.ts'
import { reasonCode } from './faults.ts'
import type { ProtocolVersion } from './packet.ts'
import { decodeAll } from './testing/decode.ts'

/*
 * What no packet may be. Without a version it is the first packet of a connection. The bytes are ours, the rules are
 * those of the fault's `spec`. The front's test of malformed packets sends the same to a server.
 */

for (const { why, version, hex, fault } of malformed) {
  test(`refuses ${hex}: ${why}`, () => {
    assert.throws(
      () => decodeAll(versionOf(version), fromHex(hex)),
      (error) => isFault(error, fault),
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
  assert.deepEqual(new Set(malformed.map(({ fault }) => fault)), new Set(Object.keys(decoding)))
})

test('a fault of another table says nothing', () => {
  assert.equal(reasonCode(new Error('disk full')), 0x80)
})

function versionOf(version: number | null): ProtocolVersion | undefined {
  return version === 4 || version === 5 ? version : undefined
}
