import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from '@birthmark/foundation/kernel'
import { HelloWatch } from './hello-watch.ts'
import { HELLOS_PER_SECOND, SUSPECTS_MAX } from './limits.ts'
import { ManualTime } from './testing/manual-timers.ts'

test('everybody is looked at while few come, and in a crowd those who have failed', () => {
  const time = new ManualTime()
  const watch = new HelloWatch(time)
  for (let count = 0; count < HELLOS_PER_SECOND; count++) assert.ok(watch.looksAt('192.0.2.1'))
  assert.equal(watch.looksAt('192.0.2.1'), false)
  watch.failed('192.0.2.7')
  assert.equal(watch.looksAt('192.0.2.7'), true)
  assert.equal(watch.looksAt('192.0.2.1'), false)
  time.pass(seconds(1))
  assert.equal(watch.looksAt('192.0.2.1'), true)
})

test('only so many addresses are remembered, the latest', () => {
  const time = new ManualTime()
  const watch = new HelloWatch(time)
  for (let count = 0; count < HELLOS_PER_SECOND; count++) watch.looksAt('192.0.2.1')
  watch.failed('first')
  for (let count = 0; count < SUSPECTS_MAX; count++) watch.failed(`address ${count}`)
  assert.equal(watch.looksAt('first'), false)
  assert.equal(watch.looksAt('address 0'), true)
})
