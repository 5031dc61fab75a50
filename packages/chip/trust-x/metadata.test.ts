import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { ChipBench, command } from '../../../testing/testkit/chip-bench.ts'
import { readVectors } from '../../../testing/testkit/vectors.ts'
import { changeMetadata, decodeMetadata, encodeMetadata } from './metadata.ts'
import { OBJECTS, OID } from './objects.ts'

interface MetadataVectors {
  readonly blocks: readonly {
    readonly what: string
    readonly oid: string
    readonly write?: string
    readonly then?: string
    readonly hex: string
  }[]
}

const { blocks } = readVectors<MetadataVectors>('trust-x/metadata.json')

test('the vectors are complete', () => {
  assert.equal(blocks.length, 8)
})

for (const { what, oid, write, then, hex } of blocks) {
  test(`the metadata of ${what} is ${hex}`, () => {
    const chip = ChipBench.open()
    for (const each of [write, then]) if (each !== undefined) chip.ok(each)
    assert.equal(chip.ok(`01 01 0002 ${oid}`), toHex(fromHex(hex)))
  })
}

/** Rows: object, what happened to it before, the tags to write, the error code, why. */
const REFUSED: readonly (readonly [
  oid: string,
  before: readonly string[],
  block: string,
  error: string,
  why: string,
])[] = [
  ['E0E1', [], '', '05', 'nothing'],
  ['E0E1', [], '21 03 C0 01 07', '05', 'another tag'],
  ['E0E1', [], '20 04 C0 01 07', '04', 'a length that is too large'],
  ['E0E1', [], '20 02 C0 01 07', '04', 'a length that is too small'],
  ['E0E1', [], '20 03 C0 02 07', '04', 'a tag that reaches past the end'],
  ['E0E1', [], '20 01 C0', '04', 'a tag without a length'],
  ['E0E1', [], '20 03 C0 01 02', '05', 'a lifecycle that does not exist'],
  ['E0E1', [], '20 04 C0 02 07 07', '05', 'a lifecycle of two bytes'],
  ['E0E1', ['20 03 C0 01 03'], '20 03 C0 01 01', '07', 'a lifecycle that goes down'],
  ['E0E1', ['20 03 C0 01 07'], '20 03 D0 01 00', '07', 'a condition of a locked object'],
  ['E0E1', ['20 03 C0 01 0F'], '20 03 C0 01 07', '07', 'a terminated object'],
  ['E0E1', [], '20 03 C4 01 10', '07', 'the maximum size'],
  ['E0E1', [], '20 03 C5 01 10', '07', 'the used size'],
  ['E0F1', [], '20 03 E0 01 03', '07', 'the algorithm of a key'],
  ['E0F1', [], '20 03 E1 01 10', '07', 'the usage of an empty slot'],
  ['E0E1', [], '20 03 E8 01 12', '05', 'an object type, which Trust M has'],
  ['E0E1', [], '20 04 C1 02 00 01', '05', 'a version, which Trust M has'],
  ['E0E1', [], '20 03 D0 01 23', '05', 'a condition that does not exist'],
  ['E0E1', [], '20 02 D0 00', '05', 'an empty condition'],
  ['E0C2', [], '20 03 C0 01 07', '07', 'a lifecycle for an object without one'],
  ['E0C2', [], '20 03 D0 01 00', '07', 'a condition of an object without a lifecycle'],
  ['E100', [], '20 03 D3 01 FF', '07', 'a condition of a session'],
  [
    'E0E1',
    [],
    `20 16 D0 0B ${'E1 FC 07 FD '.repeat(3).slice(0, -4)} D1 01 00 D2 01 FF D3 01 FF`,
    '09',
    'more than 28 bytes',
  ],
]

for (const [oid, before, block, error, why] of REFUSED) {
  test(`metadata ${block} of ${oid} is refused with ${error}: ${why}`, () => {
    const chip = ChipBench.open()
    for (const each of before) chip.ok(command('02 01', oid, '0000', each))
    const unchanged = chip.ok(`01 01 0002 ${oid}`)
    assert.equal(chip.refused(command('02 01', oid, '0000', block)), error)
    assert.equal(chip.ok(`01 01 0002 ${oid}`), unchanged)
  })
}

test('a write is refused as a whole when one of its tags is', () => {
  const chip = ChipBench.open()
  assert.equal(chip.refused(command('02 01', 'E0E1 0000', '20 06 D1 01 FF C4 01 10')), '07')
  assert.equal(chip.ok('01 01 0002 E0E1'), '2012c00101c40206c0c50100d003e1fc07d10100')
})

test('conditions and lifecycle may change in one write, and freeze with it', () => {
  const chip = ChipBench.open()
  chip.ok(command('02 01', 'E0E1 0000', '20 06 C0 01 07 D0 01 00'))
  assert.equal(chip.refused(command('02 01', 'E0E1 0000', '20 03 D0 01 FF')), '07')
  chip.ok('02 00 0005 E0E1 0000 30')
})

test('the usage of a key may change until the slot is locked', () => {
  const chip = ChipBench.open()
  chip.ok('38 03 0009 01 0002 E0F1 02 0001 10')
  chip.ok(command('02 01', 'E0F1 0000', '20 03 E1 01 20'))
  chip.ok(command('02 01', 'E0F1 0000', '20 03 C0 01 07'))
  assert.equal(chip.refused(command('02 01', 'E0F1 0000', '20 03 E1 01 10')), '07')
})

test('every object shows metadata that a host can read, of at most 28 bytes', () => {
  for (const definition of OBJECTS.values()) {
    const block = encodeMetadata(definition, definition.initial)
    assert.ok(block.length <= 28, definition.oid.toString(16))
    const metadata = decodeMetadata(block)
    assert.equal(metadata?.lifecycle, definition.initial.lifecycle ?? 7)
    assert.deepEqual(metadata.change, definition.initial.change)
    assert.deepEqual(metadata.read, definition.initial.read)
    assert.equal(metadata.sizeMax, definition.bytesMax === 0 ? undefined : definition.bytesMax)
  }
})

test('arbitrary blocks change an object into one whose metadata can be read, or are refused', () => {
  const definition = OBJECTS.get(OID.DATA_1)!
  const tag = fc.constantFrom(0xc0, 0xc4, 0xc5, 0xd0, 0xd1, 0xd2, 0xd3, 0xe0, 0xe1, 0x11)
  const entry = fc.tuple(tag, fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constant(Uint8Array.of(0xe1, 0xfc, 0x07))))
  const wellFormed = fc.array(entry, { maxLength: 4 }).map((entries) => {
    const body = entries.flatMap(([name, value]) => [name, value.length, ...value])
    return Uint8Array.of(0x20, body.length, ...body)
  })
  fc.assert(
    fc.property(fc.oneof(wellFormed, fc.uint8Array({ maxLength: 20 })), (block) => {
      decodeMetadata(block)
      const changed = changeMetadata(definition, definition.initial, block)
      if (typeof changed === 'number') assert.ok([0x04, 0x05, 0x07, 0x09].includes(changed))
      else assert.notEqual(decodeMetadata(encodeMetadata(definition, changed)), undefined)
    }),
  )
})
