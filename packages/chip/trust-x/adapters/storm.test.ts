import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStorm, type StormFaults } from '../../../../testing/testkit/chip-storm.ts'

const SWITCHES = ['nack', 'damaged', 'lost', 'late', 'reset', 'brownOut'] as const

for (const name of SWITCHES) {
  test(`with ${name} at 5 % each command ends in the right answer or a declared fault`, async () => {
    const { done } = await runStorm(1, 150, { [name]: 0.05 })
    assert.ok(done > 75, `${done} of 150 were done`)
  })
}

test('a storm of everything repeats exactly from its seed, and another seed is another storm', async () => {
  const all: StormFaults = { nack: 0.05, damaged: 0.05, lost: 0.05, late: 0.05, reset: 0.05, brownOut: 0.05 }
  const [one, again, other] = [await runStorm(5, 100, all), await runStorm(5, 100, all), await runStorm(6, 100, all)]
  assert.deepEqual(one.log, again.log)
  assert.notDeepEqual(one.log, other.log)
})
