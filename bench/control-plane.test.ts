import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureControlPlane } from './control-plane.ts'

test('the benchmark of the control plane has every request of both sides accepted', async () => {
  const rates = await measureControlPlane({ reads: 8, writes: 8, together: 2, rounds: 1 })
  for (const [name, rate] of Object.entries(rates)) assert.ok(rate > 0, name)
})
