import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStorm, type StormFaults } from '../testkit/chip-storm.ts'

/** The driver against a virtual chip under every fault switch, 10,000 random commands each, on virtual time. */

const COMMANDS = 10_000
const RATE = 0.05
/** One commit has one verdict; STORM_SEED chooses another storm. */
const SEED = Number(process.env['STORM_SEED'] ?? 1_093_526_587)
const ALL: StormFaults = { nack: RATE, damaged: RATE, lost: RATE, late: RATE, reset: RATE, brownOut: RATE }

for (const name of Object.keys(ALL)) {
  test(`${COMMANDS} commands with ${name} end in right answers or declared faults`, async (t) => {
    t.diagnostic(`seed ${SEED}`)
    const { done } = await runStorm(SEED, COMMANDS, { [name]: RATE })
    t.diagnostic(`${done} of ${COMMANDS} were done`)
    assert.ok(done > COMMANDS / 2, `seed ${SEED}: only ${done} were done`)
  })
}

test(`${COMMANDS} commands with every fault at once, the same again from the same seed`, async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const { log, done } = await runStorm(SEED, COMMANDS, ALL)
  t.diagnostic(`${done} of ${COMMANDS} were done`)
  assert.deepEqual((await runStorm(SEED, COMMANDS, ALL)).log, log)
})
