import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureIdle } from './idle.ts'

test('the benchmark of idle sessions measures ours and bare sockets, and sees the revoked go', async () => {
  const { sessionBytes, revoked, slowestCloseMs } = await measureIdle({ sessions: 60, brokers: ['relay', 'birthmark'] })
  assert.ok((sessionBytes.relay ?? 0) > 0 && (sessionBytes.birthmark ?? 0) > 0)
  assert.ok(revoked === 0 || slowestCloseMs > 0)
})
