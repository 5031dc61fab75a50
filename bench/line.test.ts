import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureLine, runMany } from './line.ts'

test('the line benchmark finishes every device, and measures both sides', async () => {
  const { made, bare, share, onRecord } = await measureLine({ devices: 24, sockets: 8, rounds: 1 })
  assert.equal(onRecord, 24)
  assert.ok(made.perSecond > 0 && made.perCpuSecond > 0 && bare.perSecond > 0 && share > 0)
})

test('the long run finishes every device, and tells of its memory', async () => {
  const told: string[] = []
  const { onRecord, early, late } = await runMany(20, 8, (line) => told.push(line))
  assert.equal(onRecord, 20)
  assert.ok(early > 0 && late > 0 && told.length > 0)
})
