import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureClaims } from './fleet-claim.ts'

test('the claim benchmark provisions every device both ways, over MQTT', async () => {
  const { claim, justInTime } = await measureClaims({ devices: 20, warmUp: 5, together: 5 })
  for (const way of [claim, justInTime]) {
    assert.ok(way.provisioned.server > way.online.server && way.online.server > 0)
    assert.ok(way.provisioned.server >= way.provisioned.whole)
  }
})
