import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureLatency } from './latency.ts'

test('the benchmark of round trips measures them', async () => {
  const [result, ...others] = await measureLatency({ publishers: 3, measureMs: 600, brokers: ['birthmark'] })
  assert.deepEqual(others, [])
  assert.ok(result !== undefined && result.largestRate > 0)
  assert.ok(result.median > 0 && result.percentile99 >= result.median)
})
