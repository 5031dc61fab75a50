import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureTray } from './tray.ts'

test('a chip in a tray takes less than 20 KB', async () => {
  const { bytesPerChip, chips } = await measureTray(500)
  assert.equal(chips, 500)
  assert.ok(bytesPerChip < 20_000, `${Math.round(bytesPerChip)} bytes`)
})
