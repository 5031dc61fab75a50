import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { ChipBench, command, field } from '../../../testing/testkit/chip-bench.ts'
import { SecurityMonitor, securityDelay } from './security-monitor.ts'

test('the delay is none up to 127, then grows to five seconds', () => {
  const rows: readonly (readonly [count: number, milliseconds: number])[] = [
    [0, 0],
    [127, 0],
    [128, 39],
    [191, 2500],
    [255, 5000],
  ]
  for (const [count, milliseconds] of rows) assert.equal(securityDelay(count), milliseconds)
})

test('an event counts up, five seconds without one count down, and quiet earns credit up to five', () => {
  const monitor = new SecurityMonitor(2, 5, instant(0))
  monitor.event(instant(0))
  assert.equal(monitor.count(instant(4999)), 3)
  assert.equal(monitor.count(instant(5000)), 2)
  assert.equal(monitor.count(instant(15_000)), 0)
  // A minute of quiet: five credits, so that the sixth event counts.
  for (let event = 0; event < 5; event++) monitor.event(instant(75_000))
  assert.equal(monitor.count(instant(75_000)), 0)
  monitor.event(instant(75_000))
  assert.equal(monitor.count(instant(75_000)), 1)
})

test('the counter stops at 255', () => {
  const monitor = new SecurityMonitor(254, 5, instant(0))
  assert.equal(monitor.event(instant(0)), securityDelay(254))
  assert.equal(monitor.event(instant(0)), 5000)
  assert.equal(monitor.event(instant(0)), 5000)
  assert.equal(monitor.count(instant(0)), 255)
})

test('a clock that goes back changes nothing', () => {
  const monitor = new SecurityMonitor(3, 5, instant(10_000))
  assert.equal(monitor.count(instant(0)), 3)
})

test('stored keys count and session keys do not; the count is kept without power', () => {
  const chip = ChipBench.open()
  chip.ok('38 03 0009 01 0002 E0F1 02 0001 10')
  chip.ok('38 03 0009 01 0002 E100 02 0001 10')
  const sign = (oid: string): string => chip.ok(command('31 11', field('01', '11'.repeat(32)), field('03', oid)))
  sign('E100')
  assert.equal(chip.ok('01 00 0002 E0C5'), '00')
  sign('E0F1')
  sign('E0F1')
  assert.equal(chip.ok('01 00 0002 E0C5'), '02')
  const later = ChipBench.open(chip.machine.memoryAt(chip.time.now()))
  assert.equal(later.ok('01 00 0002 E0C5'), '02')
  later.time.pass(5000)
  assert.equal(later.ok('01 00 0002 E0C5'), '01')
})
