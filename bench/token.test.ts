import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureToken } from './token.ts'

test('the token benchmark signs through both servers', async () => {
  const { ours, theirs } = await measureToken({ signatures: 20, connections: 2, rounds: 1 })
  assert.ok(ours > 0 && theirs > 0)
})
