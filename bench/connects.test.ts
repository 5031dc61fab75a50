import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureConnects } from './connects.ts'

test('the connects benchmark lets every device in on both sides', async () => {
  const { bare, known, first } = await measureConnects(
    { devices: 8, together: 4, rounds: 1, mosquitto: false },
    'TLSv1.3',
  )
  for (const rate of [bare, known, first]) assert.ok(rate > 0)
})
