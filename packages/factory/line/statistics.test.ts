import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { formatRun, parseRun, RunStatistics } from './statistics.ts'

const NOW = instant(Date.UTC(2026, 0, 31))
const ABOUT = {
  order: 'PO-1',
  product: 'press',
  count: 9,
  station: 'ab'.repeat(32),
  stationName: 'station',
  startedAt: NOW,
}

test('elements are counted by outcome, step, time and reason, and read again as they were written', () => {
  const statistics = new RunStatistics(ABOUT)
  const steps = new Map([['open', 3] as const, ['identify', 100_000] as const])
  const cycle = millis(100_003)
  statistics.add({ outcome: 'made', uid: 'aa', fingerprint: 'bb', cycle, steps })
  const reason = { code: 'ELEMENT_GONE', message: '', remedy: '' }
  statistics.add({ outcome: 'failed', uid: undefined, step: 'identify', reason, cycle, steps })
  statistics.add({ outcome: 'waiting', uid: 'cc', step: 'identify', reason, cycle, steps })
  const record = statistics.record(NOW)
  assert.deepEqual(record.outcomes, { made: 1, 'made-before': 0, failed: 1, scrapped: 0, waiting: 1 })
  assert.deepEqual(record.reasons, { ELEMENT_GONE: 1 })
  const [open, identify] = record.steps
  assert.deepEqual([open?.entered, open?.failed, open?.sum, open?.longest, open?.byTime[2]], [3, 0, 9, 3, 3])
  assert.deepEqual([identify?.failed, identify?.byTime.at(-1)], [1, 3])
  assert.deepEqual(parseRun(formatRun(record)), record)
})

test('a file that is no run is refused, whatever it holds', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.dictionary(fc.string(), fc.jsonValue()).map((input) => JSON.stringify(input)),
      ),
      (text) => {
        assert.throws(() => parseRun(text), { code: 'RUN_FILE_INVALID' })
      },
    ),
  )
})
