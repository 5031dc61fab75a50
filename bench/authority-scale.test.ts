import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureScale, type ScaleStop } from './authority-scale.ts'

test('the scale benchmark stops twice, and everything it times is done', async () => {
  const told: ScaleStop[] = []
  const stops = await measureScale({ certificates: 400, shardSize: 20, probes: 20 }, (stop) => told.push(stop))
  assert.deepEqual(
    stops.map(({ certificates }) => certificates),
    [40, 400],
  )
  assert.deepEqual(told, stops)
  for (const stop of stops) for (const [name, value] of Object.entries(stop)) assert.ok(value > 0, name)
})
