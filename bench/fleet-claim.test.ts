import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureClaims } from './fleet-claim.ts'

test('the claim benchmark provisions every device both ways, over MQTT', async () => {
  const { claim, justInTime } = await measureClaims({ devices: 20, together: 5 })
  assert.ok(claim.server > 0 && justInTime.server > 0)
})
