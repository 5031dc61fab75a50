import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureLine } from './line.ts'

test('the line benchmark finishes every device, and measures both sides', async () => {
  const { made, bare, onRecord } = await measureLine({ devices: 24, sockets: 8, rounds: 1 })
  assert.equal(onRecord, 24)
  assert.ok(made > 0 && bare > 0)
})
