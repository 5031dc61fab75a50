import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureIssuance } from './issuance.ts'

test('the issuance benchmark issues for every device, and measures both sides', async () => {
  const { issued, bare, onRecord } = await measureIssuance({ devices: 40, together: 8, rounds: 1 })
  assert.equal(onRecord, 40)
  assert.ok(issued > 0 && bare > 0)
})
