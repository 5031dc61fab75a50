import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Instant, instant, later, millis } from './brand.ts'
import { TokenBucket } from './token-bucket.ts'

const START = instant(1_700_000_000_000)

test('a bucket gives a burst, then its rate', () => {
  const bucket = new TokenBucket(10)
  const taken = (now: Instant): number => Array.from({ length: 50 }, () => bucket.take(1, now)).filter(Boolean).length
  assert.equal(taken(START), 10)
  assert.equal(taken(START), 0)
  assert.equal(taken(later(START, millis(300))), 3)
  assert.equal(taken(later(START, millis(60_000))), 10)
  assert.equal(taken(instant(START - 60_000)), 0)
})

test('a bucket says how long a debt lasts', () => {
  const bucket = new TokenBucket(1000, 500)
  assert.equal(bucket.owe(500, START), 0)
  assert.equal(bucket.owe(250, START), 250)
  assert.equal(bucket.owe(0, later(START, millis(100))), 150)
  assert.equal(bucket.owe(0, later(START, millis(250))), 0)
  assert.equal(bucket.wait(2, later(START, millis(250))), 2)
  assert.equal(bucket.wait(2, later(START, millis(252))), 0)
})

test('a bucket without a rate gives everything', () => {
  const bucket = new TokenBucket(Number.POSITIVE_INFINITY)
  assert.equal(bucket.take(1_000_000, START), true)
  assert.equal(bucket.owe(1_000_000, START), 0)
  assert.equal(bucket.wait(1_000_000, START), 0)
})

test('no pattern of asking gets more than burst and rate', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ wait: fc.nat(2000), count: fc.integer({ min: 1, max: 20 }) }), { maxLength: 200 }),
      (asks) => {
        const bucket = new TokenBucket(7)
        let now = START
        let given = 0
        for (const { wait, count } of asks) {
          now = later(now, millis(wait))
          if (bucket.take(count, now)) given += count
        }
        assert.ok(given <= 7 + ((now - START) * 7) / 1000 + 1e-6)
      },
    ),
  )
})
