import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from './metrics.ts'

test('counters, gauges and histograms in Prometheus’s text format', () => {
  const metrics = new Metrics()
  const count = metrics.counter('a_total', 'How many.')
  metrics.gauge('b', 'How much.', () => 7)
  const span = metrics.histogram('c_seconds', 'How long.')
  count()
  count({ why: 'a "quoted"\nline' }, 2)
  span({ of: 'x' }, 0.02)
  span({ of: 'x' }, 20)
  const lines = metrics.text().split('\n')
  for (const line of [
    '# TYPE a_total counter',
    'a_total 1',
    'a_total{why="a \\"quoted\\"\\nline"} 2',
    'b 7',
    '# TYPE c_seconds histogram',
    'c_seconds_bucket{of="x",le="0.01"} 0',
    'c_seconds_bucket{of="x",le="0.025"} 1',
    'c_seconds_bucket{of="x",le="+Inf"} 2',
    'c_seconds_sum{of="x"} 20.02',
    'c_seconds_count{of="x"} 2',
  ]) {
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`)
  }
})

test('sets of labels have an end', () => {
  const metrics = new Metrics()
  const count = metrics.counter('a_total', 'How many.')
  for (let n = 0; n < 1005; n += 1) count({ n: String(n) })
  assert.match(metrics.text(), /a_total\{other="true"\} 5/)
})
