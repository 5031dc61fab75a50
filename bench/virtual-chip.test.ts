import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureVirtualChip } from './virtual-chip.ts'

test('the virtual chip benchmark signs on both sides', async () => {
  const { chip, bare } = await measureVirtualChip({ signatures: 5, rounds: 1 })
  assert.ok(chip > 0 && bare > 0)
})
