import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureRegistryScale } from './registry-scale.ts'

test('the scale benchmark of the registry finds what it filled in, at each size', async () => {
  const stops = await measureRegistryScale({ things: [60, 300], probes: 2 }, () => undefined)
  assert.deepEqual(
    stops.map(({ things }) => things),
    [60, 300],
  )
  for (const { operations } of stops) for (const [name, { rows }] of operations) assert.ok(rows > 0, name)
})
