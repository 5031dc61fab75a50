import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { runStorm, type StormFaults } from '../testkit/chip-storm.ts'

/** The driver against a virtual chip under every fault switch, 10,000 random commands each, on virtual time. */

const COMMANDS = 10_000
const RATE = 0.05
const ALL: StormFaults = { nack: RATE, damaged: RATE, lost: RATE, late: RATE, reset: RATE, brownOut: RATE }

for (const name of Object.keys(ALL)) {
  test(`${COMMANDS} commands with ${name} end in right answers or declared faults`, async (t) => {
    const seed = randomInt(2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const { done } = await runStorm(seed, COMMANDS, { [name]: RATE })
    t.diagnostic(`${done} of ${COMMANDS} were done`)
    assert.ok(done > COMMANDS / 2, `seed ${seed}: only ${done} were done`)
  })
}

test(`${COMMANDS} commands with every fault at once, the same again from the same seed`, async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const { log, done } = await runStorm(seed, COMMANDS, ALL)
  t.diagnostic(`${done} of ${COMMANDS} were done`)
  assert.deepEqual((await runStorm(seed, COMMANDS, ALL)).log, log)
})
