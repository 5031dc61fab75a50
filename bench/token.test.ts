import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureToken } from './token.ts'

test('the token benchmark signs through both servers', async () => {
  const { ours, theirs, ratio } = await measureToken({ warmUp: 10, signatures: 20, connections: 2, rounds: 2 })
  assert.ok(ours > 0 && theirs > 0 && ratio > 0)
})
