import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, fromHex, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { readVectors } from '../../../testing/testkit/vectors.ts'
import { crc16 } from './crc.ts'
import { type ControlFrame, type DamagedFrame, type DataFrame, decodeFrame, encodeFrame } from './frame.ts'

interface FrameVectors {
  readonly checksum: { readonly text: string; readonly crc: string }
  readonly checksumSteps: readonly { readonly bytes: string; readonly crc: string }[]
  readonly controlBytes: readonly (Pick<DataFrame, 'number' | 'acknowledges' | 'refuses'> & { readonly fctr: string })[]
  readonly control: readonly { readonly frame: ControlFrame; readonly hex: string }[]
  readonly data: readonly {
    readonly number: number
    readonly acknowledges: number
    readonly packet: string
    readonly hex: string
  }[]
  /** Either the whole bytes, or parts that get a right checksum. */
  readonly malformed: readonly ({ readonly why: string; readonly damage: DamagedFrame['why'] } & (
    | { readonly hex: string }
    | { readonly control: string; readonly length: string; readonly packet: string }
  ))[]
}

const VECTORS = readVectors<FrameVectors>('trust-x/frames.json')

test('the vectors are complete', () => {
  assert.deepEqual([VECTORS.control.length, VECTORS.data.length, VECTORS.malformed.length], [9, 4, 13])
  assert.deepEqual([VECTORS.checksumSteps.length, VECTORS.controlBytes.length], [3, 7])
})

for (const { bytes, crc } of VECTORS.checksumSteps) {
  test(`the checksum after ${bytes} of the worked example is ${crc}`, () => {
    assert.equal(crc16(fromHex(bytes)), Number.parseInt(crc, 16))
  })
}

for (const { fctr, ...place } of VECTORS.controlBytes) {
  test(`FCTR ${fctr} is ${JSON.stringify(place)}`, () => {
    const frame: DataFrame = { kind: 'data', ...place, packet: fromHex('00 AA') }
    assert.equal(toHex(encodeFrame(frame).subarray(0, 1)), fctr.toLowerCase())
    assert.deepEqual(decodeFrame(encodeFrame(frame)), frame)
  })
}

test('the checksum of 123456789 is the check value of KERMIT', () => {
  assert.equal(crc16(Buffer.from(VECTORS.checksum.text)), Number.parseInt(VECTORS.checksum.crc, 16))
})

for (const { frame, hex } of VECTORS.control) {
  test(`${hex} is ${JSON.stringify(frame)}`, () => {
    assert.equal(toHex(encodeFrame(frame)), toHex(fromHex(hex)))
    assert.deepEqual(decodeFrame(fromHex(hex)), frame)
  })
}

for (const { number, acknowledges, packet, hex } of VECTORS.data) {
  test(`${hex} is data frame ${number}`, () => {
    const frame: DataFrame = { kind: 'data', number, acknowledges, refuses: false, packet: fromHex(packet) }
    assert.equal(toHex(encodeFrame(frame)), toHex(fromHex(hex)))
    assert.deepEqual(decodeFrame(fromHex(hex)), frame)
  })
}

for (const row of VECTORS.malformed) {
  test(`a frame is refused for ${row.why}`, () => {
    const bytes = 'hex' in row ? fromHex(row.hex) : withChecksum(fromHex(row.control + row.length + row.packet))
    assert.deepEqual(decodeFrame(bytes), { kind: 'damaged', why: row.damage })
  })
}

test('a frame survives its encoding', () => {
  fc.assert(
    fc.property(anyFrame(), (frame) => {
      assert.deepEqual(decodeFrame(encodeFrame(frame)), frame)
    }),
  )
})

test('a frame with up to sixteen neighbouring bits turned over is never taken', () => {
  fc.assert(
    fc.property(anyFrame(), fc.nat(), fc.integer({ min: 1, max: 0xffff }), (frame, where, pattern) => {
      const bytes = encodeFrame(frame)
      const first = where % (bytes.length * 8 - 15)
      for (let bit = 0; bit < 16; bit++) {
        const at = first + bit
        if (((pattern >> bit) & 1) === 1) bytes[at >> 3]! ^= 1 << (at & 7)
      }
      assert.equal(decodeFrame(bytes).kind, 'damaged')
    }),
  )
})

test('arbitrary bytes are a frame that is encoded in the same way, or damaged; nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, isSealed) => {
      const input = isSealed ? withChecksum(bytes) : bytes
      const frame = decodeFrame(input)
      if (frame.kind !== 'damaged') assert.deepEqual(encodeFrame(frame), Uint8Array.from(input))
    }),
  )
})

function withChecksum(bytes: Uint8Array): Uint8Array {
  const crc = crc16(bytes)
  return concat(bytes, Uint8Array.of(crc >>> 8, crc & 0xff))
}

function anyFrame(): fc.Arbitrary<DataFrame | ControlFrame> {
  const number = fc.integer({ min: 0, max: 3 })
  return fc.oneof(
    fc.tuple(number, number, fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 272 })).map(
      ([own, acknowledges, refuses, packet]): DataFrame => ({
        kind: 'data',
        number: own,
        acknowledges,
        refuses,
        packet,
      }),
    ),
    fc
      .tuple(fc.constantFrom('ack' as const, 'nak' as const), number)
      .map(([kind, own]): ControlFrame => ({ kind, number: own })),
    fc.constant<ControlFrame>({ kind: 'resync' }),
  )
}
