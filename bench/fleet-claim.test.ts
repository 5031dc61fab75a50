import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureClaims } from './fleet-claim.ts'

test('the claim benchmark provisions every device both ways', async () => {
  const { claim, justInTime } = await measureClaims({ devices: 20, together: 5 })
  assert.ok(claim > 0 && justInTime > 0)
})
