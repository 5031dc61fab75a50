import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { CHAINING_ERROR, type Reassembled, Reassembly, splitMessage } from './packet.ts'

test('1500 bytes in frames of 277 become five full packets and a last one of 153 bytes', () => {
  // As the vendor's host library cuts a write of 1500 bytes: `00 0110 01 <271>` … `04 009A 04 <153>`.
  const packets = splitMessage(new Uint8Array(1508), 0x110)
  assert.deepEqual(
    packets.map((packet) => [packet[0], packet.length]),
    [
      [1, 0x110],
      [2, 0x110],
      [2, 0x110],
      [2, 0x110],
      [2, 0x110],
      [4, 0x9a],
    ],
  )
})

test('a message that fills a packet exactly is a single one', () => {
  assert.deepEqual(
    splitMessage(new Uint8Array(15), 16).map((packet) => packet[0]),
    [0],
  )
})

test('a message survives being cut and put together', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.integer({ min: 11, max: 272 }), (message, packetBytesMax) => {
      const reassembly = new Reassembly(600)
      const packets = splitMessage(message, packetBytesMax)
      const results = packets.map((packet) => reassembly.accept(packet, packetBytesMax))
      assert.ok(results.slice(0, -1).every(({ kind }) => kind === 'more'))
      const last = results.at(-1)
      assert.ok(last?.kind === 'message')
      assert.equal(toHex(last.message), toHex(message))
    }),
  )
})

test('a message that is too long comes out cut, and takes no more memory than that', () => {
  const reassembly = new Reassembly(100)
  const results = splitMessage(new Uint8Array(5000), 16).map((packet) => reassembly.accept(packet, 16))
  assert.deepEqual(results.at(-1), { kind: 'message', message: new Uint8Array(100) })
})

const FULL = (control: number): Uint8Array => Uint8Array.of(control, ...new Uint8Array(15))

const REFUSED: readonly (readonly [why: string, packets: readonly Uint8Array[], kind: Reassembled['kind']])[] = [
  ['an intermediate packet without a first', [FULL(2)], 'broken'],
  ['a last packet without a first', [FULL(4)], 'broken'],
  ['two first packets', [FULL(1), FULL(1)], 'broken'],
  ['a single packet inside a chain', [FULL(1), FULL(0)], 'broken'],
  ['a first packet that is not full', [FULL(1).subarray(0, 15)], 'broken'],
  ['an intermediate packet that is not full', [FULL(1), FULL(2).subarray(0, 15)], 'broken'],
  ['a last packet without data', [FULL(1), Uint8Array.of(4)], 'broken'],
  ['another channel', [FULL(0x10)], 'broken'],
  ['a presentation layer', [FULL(0x08)], 'broken'],
  ['a chain position that does not exist', [FULL(3)], 'broken'],
  ['no control byte at all', [new Uint8Array(0)], 'broken'],
  ['an error report with data', [Uint8Array.of(7, 7)], 'broken'],
  ['an error report', [FULL(1), CHAINING_ERROR], 'refused'],
]

for (const [why, packets, kind] of REFUSED) {
  test(`a chain ends at ${why}, and a new one starts cleanly`, () => {
    const reassembly = new Reassembly(100)
    assert.equal(packets.map((packet) => reassembly.accept(packet, 16)).at(-1)?.kind, kind)
    assert.deepEqual(reassembly.accept(Uint8Array.of(0, 1, 2), 16), { kind: 'message', message: Uint8Array.of(1, 2) })
  })
}

test('of all orders of four packets only the legal ones give a message', () => {
  const kinds = [0, 1, 2, 4]
  for (let order = 0; order < 4 ** 4; order++) {
    const controls = [0, 1, 2, 3].map((place) => kinds[Math.floor(order / 4 ** place) % 4]!)
    const reassembly = new Reassembly(1000)
    const got = controls.map((control) => reassembly.accept(FULL(control), 16).kind)
    const expected = /^(?:0|12*4)$/
    for (let end = 1, start = 0; end <= 4; end++) {
      const chain = controls.slice(start, end).join('')
      if (got[end - 1] === 'message') assert.match(chain, expected)
      if (got[end - 1] !== 'more') start = end
    }
  }
})

test('arbitrary packets give a message within the limit or one of the three other answers', () => {
  const packet = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.tuple(fc.constantFrom(0, 1, 2, 4, 7), fc.uint8Array({ minLength: 15, maxLength: 15 })).map(([control, rest]) => {
      return Uint8Array.of(control, ...rest)
    }),
  )
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 60 }), fc.nat({ max: 64 }), (packets, limit) => {
      const reassembly = new Reassembly(limit)
      for (const each of packets) {
        const result = reassembly.accept(each, 16)
        assert.ok(['more', 'message', 'broken', 'refused'].includes(result.kind))
        if (result.kind === 'message') assert.ok(result.message.length <= limit)
      }
      reassembly.reset()
      assert.equal(reassembly.accept(Uint8Array.of(0), 16).kind, 'message')
    }),
  )
})
