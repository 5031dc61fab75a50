import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { seededRandom } from '../../../testing/testkit/random.ts'
import type { I2cSlave } from './bus.ts'
import { faultySlave, LATE_LOOKS_MAX, type SlaveFaultRates } from './faulty-slave.ts'

/** A chip that takes everything, keeps what it was written and answers with zeros; I2C_STATE says 48 00 00 05. */
class Listener implements I2cSlave {
  readonly address = 0x30
  readonly heard: string[] = []
  #selected = 0

  write(bytes: Uint8Array): boolean {
    this.#selected = bytes[0] ?? this.#selected
    this.heard.push(toHex(bytes))
    return true
  }

  read(count: number): Uint8Array {
    const content = new Uint8Array(count)
    if (this.#selected === 0x82) content.set(fromHex('48000005').subarray(0, count))
    return content
  }

  powerUp(): void {
    this.heard.push('up')
  }

  powerDown(): void {
    this.heard.push('down')
  }
}

const FRAME = fromHex('80 80 00 00 0C EC')
const LOOK = fromHex('82')
const DATA = fromHex('80')

function faulty(rates: SlaveFaultRates, seed = 1): { chip: Listener; slave: I2cSlave } {
  const chip = new Listener()
  return { chip, slave: faultySlave(chip, seededRandom(seed), rates) }
}

test('with nack at rate 1 nothing reaches the chip and nothing comes back', () => {
  const { chip, slave } = faulty({ nack: 1 })
  assert.equal(slave.write(FRAME), false)
  assert.equal(slave.read(4), undefined)
  assert.deepEqual(chip.heard, [])
})

test('with damaged at rate 1 exactly one bit of each frame turns over, both ways, and never the register', () => {
  const { chip, slave } = faulty({ damaged: 1 })
  for (let count = 0; count < 50; count++) {
    assert.equal(slave.write(FRAME), true)
    slave.write(DATA)
    assert.equal(bitsApart(slave.read(5) ?? new Uint8Array(0), new Uint8Array(5)), 1)
  }
  for (const each of chip.heard.filter((hex) => hex.length > 2)) {
    assert.equal(each.slice(0, 2), '80')
    assert.equal(bitsApart(fromHex(each), FRAME), 1)
  }
})

test('with lost at rate 1 frames are acknowledged and never arrive; what is read is all ones', () => {
  const { chip, slave } = faulty({ lost: 1 })
  assert.equal(slave.write(FRAME), true)
  slave.write(DATA)
  assert.deepEqual(slave.read(3), Uint8Array.of(0xff, 0xff, 0xff))
  assert.deepEqual(chip.heard, ['80'])
})

test('with late at rate 1 the answer hides for 1 to so many looks, then it is there', () => {
  for (let seed = 0; seed < 30; seed++) {
    const { slave } = faulty({ late: 1 }, seed)
    slave.write(FRAME)
    slave.write(LOOK)
    let hidden = 0
    while (toHex(slave.read(4) ?? new Uint8Array(0)) === '88000000') hidden++
    assert.ok(hidden >= 1 && hidden <= LATE_LOOKS_MAX, String(hidden))
    assert.deepEqual(slave.read(4), fromHex('48000005'))
  }
})

test('with reset at rate 1 the chip starts over after each frame, and only after frames', () => {
  const { chip, slave } = faulty({ reset: 1 })
  slave.write(LOOK)
  slave.write(FRAME)
  assert.deepEqual(chip.heard, ['82', toHex(FRAME), 'down', 'up'])
})

const access = fc.oneof(
  fc.record({ write: fc.uint8Array({ maxLength: 12 }) }),
  fc.record({ write: fc.constantFrom(FRAME, LOOK, DATA, fromHex('81 0040')) }),
  fc.record({ read: fc.nat({ max: 300 }) }),
)
const rate = fc.constantFrom(0, 0.05, 0.5, 1)
const rates = fc.record({ nack: rate, damaged: rate, lost: rate, late: rate, reset: rate })

test('whatever goes wrong, a write is taken or not, a read is whole or nothing, and the same seed repeats it', () => {
  fc.assert(
    fc.property(fc.array(access, { maxLength: 80 }), rates, fc.nat(), (accesses, chosen, seed) => {
      const run = (): unknown[] => {
        const { chip, slave } = faulty(chosen, seed)
        const outcomes = accesses.map((each) => {
          if ('write' in each) return slave.write(each.write)
          const bytes = slave.read(each.read)
          return bytes === undefined ? 'nothing' : toHex(bytes)
        })
        for (const [index, outcome] of outcomes.entries()) {
          const each = accesses[index]!
          if ('read' in each && outcome !== 'nothing') assert.equal(String(outcome).length, 2 * each.read)
        }
        return [...outcomes, ...chip.heard]
      }
      assert.deepEqual(run(), run())
    }),
  )
})

test('with every switch off nothing is changed', () => {
  fc.assert(
    fc.property(fc.array(access, { maxLength: 40 }), (accesses) => {
      const [calm, plain] = [faulty({}), new Listener()]
      for (const each of accesses) {
        if ('write' in each) assert.equal(calm.slave.write(each.write), plain.write(each.write))
        else assert.deepEqual(calm.slave.read(each.read), plain.read(each.read))
      }
      assert.deepEqual(calm.chip.heard, plain.heard)
    }),
  )
})

function bitsApart(one: Uint8Array, other: Uint8Array): number {
  assert.equal(one.length, other.length)
  let count = 0
  for (const [at, byte] of one.entries()) {
    for (let bits = byte ^ (other[at] ?? 0); bits !== 0; bits >>= 1) count += bits & 1
  }
  return count
}
