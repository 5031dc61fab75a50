import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { drawSeed, faultsOf, parseFaults, parseSeed } from './faults.ts'

test('switches are read, later ones win, and what is left out is off', () => {
  assert.deepEqual(parseFaults('nack=0.05,crc=1'), { nack: 0.05, damaged: 1 })
  assert.deepEqual(parseFaults('lost=0,late=.5,reset=0.25,brownout=0.001'), {
    lost: 0,
    late: 0.5,
    reset: 0.25,
    brownOut: 0.001,
  })
  assert.deepEqual(parseFaults('crc=0.5', { nack: 0.1, damaged: 1 }), { nack: 0.1, damaged: 0.5 })
})

const WRONG = [
  '',
  'nack',
  'nack=',
  'nack=2',
  'nack=1.5',
  'nack=-1',
  'nack=0.1=0.2',
  'NACK=0.1',
  '__proto__=1',
  'nack=0.1,',
]

for (const text of WRONG) {
  test(`'${text}' is no fault switch`, () => {
    assert.throws(() => parseFaults(text), InvalidArgumentError)
  })
}

test('arbitrary text gives rates from 0 to 1, or is refused', () => {
  const shaped = fc.tuple(fc.constantFrom('nack', 'crc', 'lost', 'x'), fc.oneof(fc.double(), fc.integer())).map(String)
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        shaped.map((pair) => pair.replace(',', '=')),
      ),
      (text) => {
        try {
          for (const rate of Object.values(parseFaults(text))) assert.ok(rate >= 0 && rate <= 1, String(rate))
        } catch (error) {
          assert.ok(error instanceof InvalidArgumentError, String(error))
        }
      },
    ),
  )
})

test('a seed is a whole number of 32 bits', () => {
  assert.deepEqual(['0', '7', '4294967295'].map(parseSeed), [0, 7, 4294967295])
  for (const text of ['', '-1', 'x', '4294967296', '1e3']) assert.throws(() => parseSeed(text), InvalidArgumentError)
  assert.equal(parseSeed(String(drawSeed())) >= 0, true)
})

test('the same seed and place give the same numbers, another place others', () => {
  const numbers = (seed: number, place: number): number[] => {
    const { random } = faultsOf({}, seed, place)
    return Array.from({ length: 20 }, random)
  }
  assert.deepEqual(numbers(7, 0), numbers(7, 0))
  assert.notDeepEqual(numbers(7, 0), numbers(7, 1))
  assert.notDeepEqual(numbers(7, 0), numbers(8, 0))
  assert.ok(numbers(7, 3).every((number) => number >= 0 && number < 1))
})
