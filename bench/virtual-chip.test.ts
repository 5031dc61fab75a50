import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureVirtualChip } from './virtual-chip.ts'

test('the virtual chip benchmark signs and makes key pairs on both sides', async () => {
  const { signatures, keyPairs } = await measureVirtualChip({ count: 5, rounds: 1 })
  for (const { chip, bare } of [signatures, keyPairs]) assert.ok(chip > 0 && bare > 0)
})
