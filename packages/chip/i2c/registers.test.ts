import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, instant, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { ChipLink } from './chip-link.ts'
import { ChipRegisters } from './chip-registers.ts'
import { decodeState } from './registers.ts'

const NOW = instant(0)

const READS: readonly (readonly [register: string, count: number, content: string, why: string])[] = [
  ['80', 5, 'FF FF FF FF FF', 'nothing waits in DATA'],
  ['81', 2, '01 15', 'DATA_REG_LEN'],
  ['81', 4, '01 15 FF FF', 'past the end of a register'],
  ['82', 4, '08 00 00 00', 'I2C_STATE, idle'],
  ['82', 2, '08 00', 'the beginning of a register'],
  ['83', 2, 'FF FF', 'BASE_ADDR is for writing'],
  ['84', 4, '00 00 01 90', 'MAX_SCL_FREQU in the default mode'],
  ['85', 4, 'FF FF FF FF', 'GUARD_TIME, not supported'],
  ['86', 4, 'FF FF FF FF', 'TRANS_TIMEOUT, not supported'],
  ['87', 4, 'FF FF FF FF', 'PWR_SAVE_TIMEOUT, not on the product'],
  ['88', 2, 'FF FF', 'SOFT_RESET is for writing'],
  ['89', 2, '00 03', 'I2C_MODE'],
  ['90', 4, '00 00 00 00', 'APP_STATE_0'],
  ['9F', 4, '00 00 00 00', 'APP_STATE_F'],
  ['A0', 4, 'FF FF FF FF', 'an internal register'],
  ['00', 3, 'FF FF FF', 'an unknown register'],
]

for (const [register, count, content, why] of READS) {
  test(`${count} bytes of register ${register} are ${content}: ${why}`, () => {
    const registers = newRegisters()
    registers.write(fromHex(register), NOW)
    assert.equal(toHex(registers.read(count, NOW)), toHex(fromHex(content)))
  })
}

const FRAME_LENGTHS: readonly (readonly [written: string, read: string, why: string])[] = [
  ['81 00 10', '0010', 'the least'],
  ['81 00 40', '0040', 'something between'],
  ['81 01 15', '0115', 'the most'],
  ['81 FF FF', '0115', 'too large is cut'],
  ['81 00 0F', '0115', 'too small is not taken'],
  ['81 40', '0115', 'half a value is not taken'],
  ['81 00 40 00', '0115', 'more than a value is not taken'],
]

for (const [written, read, why] of FRAME_LENGTHS) {
  test(`after ${written} the frame length is ${read}: ${why}`, () => {
    const registers = newRegisters()
    registers.write(fromHex(written), NOW)
    assert.equal(toHex(registers.read(2, NOW)), read)
  })
}

test('mode fast plus allows 1000 kHz until the reset, and for good with the persistent bit', () => {
  const registers = newRegisters()
  assert.deepEqual(registers.write(fromHex('89 00 04'), NOW), { kind: 'none' })
  assert.equal(readHex(registers, '84', 4), '000003e8')
  registers.reset()
  assert.equal(readHex(registers, '84', 4), '00000190')
  const event = registers.write(fromHex('89 80 04'), NOW)
  assert.deepEqual(event, { kind: 'settings', settings: { address: 0x30, mode: 4 } })
  registers.reset()
  assert.equal(readHex(registers, '89', 2), '0004')
})

test('a mode that does not exist is not taken', () => {
  const registers = newRegisters()
  for (const mode of ['00', '05', '06', '07']) registers.write(fromHex(`89 80 ${mode}`), NOW)
  assert.equal(readHex(registers, '89', 2), '0003')
})

test('an address lasts until the reset, and for good with the persistent bit', () => {
  const registers = newRegisters()
  registers.write(fromHex('83 00 31'), NOW)
  assert.equal(registers.address, 0x31)
  registers.reset()
  assert.equal(registers.address, 0x30)
  registers.write(fromHex('83 80 32'), NOW)
  registers.reset()
  assert.equal(registers.address, 0x32)
})

test('any write to SOFT_RESET asks for a reset; naming the register does not', () => {
  const registers = newRegisters()
  assert.deepEqual(registers.write(fromHex('88'), NOW), { kind: 'none' })
  for (const content of ['88 00', '88 00 00', '88 12 34 56']) {
    assert.deepEqual(registers.write(fromHex(content), NOW), { kind: 'reset' })
  }
})

test('the four bytes of I2C_STATE are read as they are written', () => {
  assert.deepEqual(decodeState(fromHex('08 00 00 00')), { busy: false, waiting: 0, softReset: true })
  assert.deepEqual(decodeState(fromHex('C8 00 00 05')), { busy: true, waiting: 5, softReset: true })
  assert.deepEqual(decodeState(fromHex('48 00 00 25')), { busy: false, waiting: 37, softReset: true })
  assert.deepEqual(decodeState(fromHex('08 80 00 05')), { busy: false, waiting: 0, softReset: true })
  assert.equal(decodeState(fromHex('FF FF FF FF')), undefined)
  assert.equal(decodeState(fromHex('08 00 00')), undefined)
})

test('arbitrary writes and reads never throw and are always answered in full', () => {
  const access = fc.oneof(
    fc.record({ write: fc.uint8Array({ maxLength: 30 }) }),
    fc.record({
      write: fc
        .tuple(fc.constantFrom(0x80, 0x81, 0x82, 0x83, 0x88, 0x89), fc.uint8Array({ maxLength: 3 }))
        .map(([register, rest]) => Uint8Array.of(register, ...rest)),
    }),
    fc.record({ read: fc.nat({ max: 300 }) }),
  )
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
      const registers = newRegisters()
      for (const [step, each] of accesses.entries()) {
        if ('write' in each) registers.write(each.write, instant(step))
        else assert.equal(registers.read(each.read, instant(step)).length, each.read)
      }
    }),
  )
})

function newRegisters(): ChipRegisters {
  return new ChipRegisters(new ChipLink(1557))
}

function readHex(registers: ChipRegisters, register: string, count: number): string {
  registers.write(fromHex(register), NOW)
  return toHex(registers.read(count, NOW))
}
