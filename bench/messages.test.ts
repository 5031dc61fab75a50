import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MessagesBenchResult, measureMessages } from './messages.ts'

test('the message benchmark measures every shape, ours and the relay', async () => {
  const results: MessagesBenchResult[] = []
  const size = {
    warmUpMs: 100,
    measureMs: 400,
    rounds: 1,
    brokers: ['birthmark', 'relay'],
    shapes: ['1:1', '1:100'],
  } as const
  await measureMessages(size, (result) => results.push(result))
  assert.deepEqual(
    results.map(({ shape, qos }) => [shape, qos]),
    [
      ['1:1', 0],
      ['1:1', 1],
      ['1:100', 0],
      ['1:100', 1],
    ],
  )
  for (const { rates } of results) assert.ok((rates.birthmark ?? 0) > 0 && (rates.relay ?? 0) > 0)
})
