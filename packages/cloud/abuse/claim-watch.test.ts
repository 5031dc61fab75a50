import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { ABUSE_RULES, type AbuseRules, type Alarm, type ClaimRequest, ClaimWatch } from './index.ts'

const CLAIM = 'c'.repeat(64)
const START = 1_800_000_000_000

class Bench {
  readonly watch: ClaimWatch
  readonly alarms: Alarm[] = []
  now: Instant = instant(START)

  constructor(rules: Partial<AbuseRules> = {}) {
    this.watch = new ClaimWatch({ ...ABUSE_RULES, ...rules })
  }

  get rules(): readonly string[] {
    return this.alarms.map(({ rule }) => rule)
  }

  wait(seconds: number): void {
    this.now = instant(this.now + seconds * 1000)
  }

  /** Asks, and says whether it may go on. */
  asks(connection: string | number, remoteAddress = '192.0.2.1', certificateId = CLAIM): boolean {
    const { brake, alarms } = this.watch.asks(request(connection, remoteAddress, certificateId), this.now)
    this.alarms.push(...alarms)
    return brake === undefined
  }

  refused(connection: string | number): void {
    this.alarms.push(...this.watch.refused({ ...request(connection), why: 'serial x is not listed' }, this.now))
  }
}

function request(connection: string | number, remoteAddress = '192.0.2.1', certificateId = CLAIM): ClaimRequest {
  return { certificateId, connectionId: String(connection), remoteAddress }
}

test('a batch of honest devices is neither braked nor noticed', () => {
  const bench = new Bench()
  for (let device = 0; device < 5000; device += 1) {
    assert.ok(bench.asks(device, `10.0.0.${device % 50}`))
    assert.ok(bench.asks(device, `10.0.0.${device % 50}`))
    bench.wait(0.01)
  }
  assert.equal(bench.alarms.length, 0)
})

test('a claim that tries serial numbers is alarmed at the third, and its connection braked', () => {
  const bench = new Bench()
  for (let guess = 0; guess < 3; guess += 1) {
    assert.ok(bench.asks('thief'), `guess ${guess}`)
    bench.refused('thief')
  }
  assert.deepEqual(bench.rules, ['CLAIM_REFUSED'])
  assert.match(bench.alarms[0]?.reason ?? '', /asked 3 times for what it may not have; last: serial x is not listed\.$/)
  assert.equal(bench.asks('thief'), false)
  assert.ok(bench.asks('thief again'))
  bench.refused('thief again')
  assert.equal(bench.asks('thief again'), false, 'while the alarm lasts, one refusal is enough')
  assert.ok(bench.asks('device') && bench.asks('device'), 'an honest device is not concerned')
  assert.equal(bench.alarms.length, 1, 'the same alarm is raised once')
  bench.wait(2000)
  assert.ok(bench.asks('thief'), 'it is over')
})

test('a connection that asks too often waits, and its claim is alarmed', () => {
  const bench = new Bench()
  const passed = Array.from({ length: 100 }, () => bench.asks('busy')).filter(Boolean)
  assert.equal(passed.length, ABUSE_RULES.connectionRequests.count)
  assert.deepEqual(bench.rules, ['CLAIM_FAST'])
  assert.equal(Array.from({ length: 10 }, () => bench.asks('other')).filter(Boolean).length, 4, 'as one device needs')
})

test('a claim of which all connections together ask too often is alarmed', () => {
  const bench = new Bench({ claimRequests: { count: 100, within: ABUSE_RULES.claimRequests.within } })
  for (let device = 0; device < 101; device += 1) bench.asks(device)
  assert.deepEqual(bench.rules, ['CLAIM_FAST'])
  assert.match(bench.alarms[0]?.reason ?? '', /101 requests within 60 s\.$/)
})

test('a claim that is used from too many networks is alarmed; addresses of one network are one', () => {
  const bench = new Bench()
  for (let device = 0; device < 200; device += 1) bench.asks(device, `2001:db8:1:2::${device.toString(16)}`)
  for (let device = 0; device < 99; device += 1) bench.asks(device, `198.51.100.${device}`)
  assert.equal(bench.alarms.length, 0)
  bench.asks('last', '::ffff:203.0.113.5')
  assert.deepEqual(bench.rules, ['CLAIM_PLACES'])
  assert.equal(bench.alarms[0]?.facts['places'], 101)
})

test('networks that were seen long ago do not count', () => {
  const bench = new Bench()
  for (let device = 0; device < 300; device += 1) {
    bench.asks(device, `198.51.100.${device}`)
    bench.wait(60)
  }
  assert.equal(bench.alarms.length, 0)
})

test('a thing of somebody else is told of each time, and counts as a refusal', () => {
  const bench = new Bench()
  const take = (thingName: string, outcome: 'bind' | 'refuse') => {
    const taken = { ...request('thief'), thingName, outcome, others: ['d'.repeat(64)] }
    bench.alarms.push(...bench.watch.took(taken, bench.now))
  }
  take('m1', 'bind')
  take('m2', 'bind')
  take('m2', 'refuse')
  assert.deepEqual(bench.rules, ['THING_TAKEN', 'THING_TAKEN'])
  assert.match(bench.alarms[0]?.reason ?? '', /thing m1, which has the certificate d{64}; it was bound beside it/)
  take('m3', 'bind')
  assert.deepEqual(bench.rules, ['THING_TAKEN', 'THING_TAKEN', 'THING_TAKEN', 'CLAIM_REFUSED'])
  assert.equal(bench.asks('thief'), false)
})

test('whatever comes, a fresh connection passes twice, and alarms are rare', () => {
  const event = fc.record({
    kind: fc.constantFrom('asks', 'refused', 'wait'),
    connection: fc.integer({ min: 0, max: 5 }),
    address: fc.string(),
    seconds: fc.integer({ min: 0, max: 900 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const bench = new Bench()
      let fresh = 0
      for (const { kind, connection, address, seconds } of events) {
        if (kind === 'wait') bench.wait(seconds)
        else if (kind === 'asks') bench.asks(connection, address)
        else bench.refused(connection)
        fresh += 1
        assert.ok(bench.asks(`fresh ${fresh}`) && bench.asks(`fresh ${fresh}`))
      }
      const spans = 1 + (bench.now - START) / ABUSE_RULES.lasts
      assert.ok(bench.alarms.length <= spans * 3, `${bench.alarms.length} alarms`)
    }),
  )
})
