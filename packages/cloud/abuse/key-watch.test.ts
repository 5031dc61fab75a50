import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '@birthmark/foundation/kernel'
import { ABUSE_RULES, type Alarm, type KeyUse, KeyWatch } from './index.ts'

const ID = 'd'.repeat(64)

class Bench {
  readonly watch = new KeyWatch(ABUSE_RULES)
  readonly alarms: Alarm[] = []
  now = 1_800_000_000_000

  opens(remoteAddress: string, others: KeyUse['others'], choice: { clientId?: string; things?: number } = {}): void {
    const use = { certificateId: ID, clientId: 'press-7', remoteAddress, things: 1, others, ...choice }
    this.alarms.push(...this.watch.opened(use, instant(this.now)))
    this.now += 1000
  }

  /** The same client id comes from one address after the other; each ends the one before. */
  takesTurns(...addresses: readonly string[]): void {
    let before: string | undefined
    for (const address of addresses) {
      this.opens(address, before === undefined ? [] : [{ clientId: 'press-7', remoteAddress: before }])
      before = address
    }
  }
}

test('a device that comes back, and one that moves to another network, is not noticed', () => {
  const bench = new Bench()
  bench.takesTurns('192.0.2.1', '192.0.2.1', '198.51.100.1', '203.0.113.1')
  assert.equal(bench.alarms.length, 0)
})

test('two devices that take each other’s connection over, from two networks, are noticed soon', () => {
  const bench = new Bench()
  bench.takesTurns('192.0.2.1', '198.51.100.1', '192.0.2.1', '198.51.100.1')
  assert.equal(bench.alarms.length, 1)
  assert.equal(bench.alarms[0]?.rule, 'KEY_SHARED')
  assert.match(bench.alarms[0].reason, /client id press-7 goes back and forth between 192\.0\.2\.1 and 198\.51\.100\.1/)
  assert.deepEqual(bench.alarms[0].facts['addresses'], ['198.51.100.1', '192.0.2.1'])
})

test('two devices behind one address are noticed after some take-overs', () => {
  const bench = new Bench()
  bench.takesTurns(...Array.from({ length: 10 }, () => '192.0.2.1'))
  assert.equal(bench.alarms.length, 0)
  bench.takesTurns('192.0.2.1', '192.0.2.1')
  assert.equal(bench.alarms.length, 1)
  assert.match(bench.alarms[0]?.reason ?? '', /taken over 10 times while it was connected/)
})

test('take-overs of long ago do not count', () => {
  const bench = new Bench()
  for (let day = 0; day < 40; day += 1) {
    bench.takesTurns('192.0.2.1', '198.51.100.1')
    bench.now += 86_400_000
  }
  assert.equal(bench.alarms.length, 0)
})

test('a certificate with more clients at once than things is noticed at the connect; a claim is not', () => {
  const bench = new Bench()
  const other = [{ clientId: 'press-7', remoteAddress: '192.0.2.1' }]
  bench.opens('192.0.2.1', other, { clientId: 'clone', things: 0 })
  bench.opens('192.0.2.1', other, { clientId: 'press-8', things: 2 })
  assert.equal(bench.alarms.length, 0)
  bench.opens('192.0.2.1', other, { clientId: 'clone' })
  assert.match(bench.alarms[0]?.reason ?? '', /2 client ids are connected at once, and 1 may be/)
  assert.deepEqual(bench.alarms[0]?.facts['clientIds'], ['clone', 'press-7'])
})
