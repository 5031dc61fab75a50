import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureWorkers } from './workers.ts'

test('the benchmark of workers measures messages and connects, of one process and of two workers', async () => {
  const size = { workers: 2, pairs: 4, window: 4, measureMs: 200, together: 4, rounds: 1 }
  const results = await measureWorkers(size)
  assert.deepEqual(
    results.map(({ what }) => what),
    ['messages of QoS 0', 'messages of QoS 1', 'connects'],
  )
  for (const { one, workers } of results) {
    for (const { perSecond } of [one, workers]) assert.ok(perSecond > 0)
  }
})
