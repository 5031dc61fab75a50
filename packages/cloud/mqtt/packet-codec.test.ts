import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, Fault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { CODEC_FAULTS } from './codec-faults.ts'
import { encodePacket } from './encode-packet.ts'
import type { Packet, ProtocolVersion } from './packet.ts'
import { PacketDecoder } from './packet-decoder.ts'
import { decodeAll } from './testing/decode.ts'
import { anyPacket } from './testing/packets.ts'

const VERSIONS: readonly ProtocolVersion[] = [4, 5]

for (const version of VERSIONS) {
  test(`any packets of level ${version} come back, wherever the network cuts them`, () => {
    const stream = fc.tuple(fc.array(anyPacket(version), { maxLength: 6 }), fc.array(fc.nat(400)))
    fc.assert(
      fc.property(stream, ([packets, cuts]) => {
        const bytes = concat(...packets.map((packet) => encodePacket(packet, version)))
        assert.deepEqual(decodeAll(version, ...cut(bytes, cuts)), packets)
      }),
    )
  })

  test(`what precedes the last byte of a packet of level ${version} is no packet and no fault`, () => {
    fc.assert(
      fc.property(
        anyPacket(version),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (packet, share) => {
          const bytes = encodePacket(packet, version)
          assert.deepEqual(decodeAll(version, bytes.subarray(0, Math.floor(share * bytes.length))), [])
        },
      ),
    )
  })

  test(`a packet of level ${version} with bytes changed is a packet or a declared fault`, () => {
    const change = fc.tuple(fc.nat(), fc.nat(255))
    fc.assert(
      fc.property(anyPacket(version), fc.array(change, { maxLength: 3 }), (packet, changes) => {
        const bytes = Uint8Array.from(encodePacket(packet, version))
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        requireContract(version, bytes)
      }),
      { numRuns: 500 },
    )
  })

  test(`arbitrary bytes of level ${version} give packets, a request for more or a declared fault, nothing else`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => requireContract(version, bytes)),
      { numRuns: 1000 },
    )
  })
}

test('arbitrary bytes in front of a CONNECT give a request for more or a declared fault', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => requireContract(undefined, bytes)))
})

test('packets before a fault are given, and the fault is given again', () => {
  const decoder = new PacketDecoder({ version: 4 })
  decoder.push(Uint8Array.of(0xc0, 0, 0xf1))
  assert.deepEqual(decoder.next(), { type: 'pingreq' })
  for (let again = 0; again < 2; again += 1) {
    assert.throws(() => decoder.next(), { code: 'MQTT_PACKET_TYPE_RESERVED' })
  }
})

test('a limit that is raised between packets holds for what is in the decoder already', () => {
  const connect = encodePacket(CONNECT, 4)
  const publish = encodePacket({ ...PUBLISH, payload: new Uint8Array(5000) }, 4)
  const decoder = new PacketDecoder()
  decoder.push(concat(connect, publish))
  assert.equal(decoder.next()?.type, 'connect')
  assert.throws(() => decoder.next(), { code: 'MQTT_PACKET_TOO_LARGE' })
  decoder.packetBytesMax = 149_504
  assert.equal(decoder.next()?.type, 'publish')
})

test('a packet is refused by its length, before its content is there', () => {
  const decoder = new PacketDecoder({ version: 5, packetBytesMax: 1000 })
  decoder.push(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f))
  assert.throws(() => decoder.next(), { code: 'MQTT_PACKET_TOO_LARGE' })
})

test('the largest packet that is allowed passes, one byte more does not', () => {
  for (const [payload, fits] of [
    [992, true],
    [993, false],
  ] as const) {
    const bytes = encodePacket({ ...PUBLISH, topic: 'abc', payload: new Uint8Array(payload) }, 4)
    const decoder = new PacketDecoder({ version: 4, packetBytesMax: 1000 })
    decoder.push(bytes)
    if (fits) assert.equal(decoder.next()?.type, 'publish')
    else assert.throws(() => decoder.next(), { code: 'MQTT_PACKET_TOO_LARGE' })
  }
})

test('what the decoder keeps of a chunk is its own copy', () => {
  const bytes = Uint8Array.from(encodePacket({ ...PUBLISH, payload: Uint8Array.of(1, 2, 3, 4) }, 4))
  const head = bytes.slice(0, -2)
  const decoder = new PacketDecoder({ version: 4 })
  decoder.push(head)
  assert.equal(decoder.next(), undefined)
  head.fill(0xff)
  decoder.push(bytes.subarray(-2))
  assert.deepEqual(decoder.next(), { ...PUBLISH, payload: Uint8Array.of(1, 2, 3, 4) })
})

test('packets that were given stay as they are while more chunks come', () => {
  const bytes = [1, 2, 3].map((byte) => encodePacket({ ...PUBLISH, payload: new Uint8Array(50).fill(byte) }, 4))
  const stream = concat(...bytes)
  const decoder = new PacketDecoder({ version: 4 })
  const seen: Packet[] = []
  for (let at = 0; at < stream.length; at += 7) {
    decoder.push(Uint8Array.from(stream.subarray(at, at + 7)))
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) seen.push(packet)
  }
  assert.deepEqual(
    seen.map((packet) => (packet.type === 'publish' ? packet.payload[49] : undefined)),
    [1, 2, 3],
  )
})

test('a payload is a view of its chunk, not a copy', () => {
  const bytes = Uint8Array.from(encodePacket({ ...PUBLISH, payload: Uint8Array.of(1, 2, 3) }, 4))
  const [packet] = decodeAll(4, bytes)
  assert.ok(packet?.type === 'publish' && packet.payload.buffer === bytes.buffer)
})

test('the decoder tells the version also when the rest of the CONNECT is at fault', () => {
  const connect = Uint8Array.from(encodePacket({ ...CONNECT, protocolVersion: 5 }, 5))
  connect[9] = 0x01
  const decoder = new PacketDecoder()
  decoder.push(connect)
  assert.throws(() => decoder.next(), { code: 'MQTT_CONNECT_FLAGS_INVALID' })
  assert.equal(decoder.version, 5)
})

const PUBLISH = {
  type: 'publish',
  topic: 'a/b',
  payload: new Uint8Array(0),
  qos: 0,
  retain: false,
  dup: false,
  packetId: undefined,
  properties: {},
} as const
const CONNECT = {
  type: 'connect',
  protocolVersion: 4,
  clientId: 'press-7',
  cleanStart: true,
  keepAlive: 30,
  will: undefined,
  userName: undefined,
  password: undefined,
  properties: {},
} as const

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...places.filter((place) => place < bytes.length), bytes.length].sort((a, b) => a - b)
  return sorted.map((end, index) => bytes.subarray(index === 0 ? 0 : sorted[index - 1], end))
}

/** Whatever is decoded can be encoded, and comes back; whatever is thrown is one of the codec's faults. */
function requireContract(version: ProtocolVersion | undefined, bytes: Uint8Array): void {
  let packets: Packet[] = []
  try {
    packets = decodeAll(version, bytes)
  } catch (error) {
    assert.ok(error instanceof Fault && error.code in CODEC_FAULTS && error.blame === 'peer', String(error))
  }
  const level = version ?? 4
  for (const packet of packets) assert.deepEqual(decodeAll(level, encodePacket(packet, level)), [packet])
}
