import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { backoffDelay } from './backoff.ts'

const backoff = { firstDelayMax: millis(100), delayMax: millis(1_000) }
const constant = (byte: number) => ({ bytes: (count: number) => new Uint8Array(count).fill(byte) })

test('the bound doubles from the first delay and stops at the longest', () => {
  const bounds = [1, 2, 3, 4, 5, 6, 1_000].map((attempt) => backoffDelay(backoff, attempt, constant(0xff)))
  assert.deepEqual(bounds, [99, 199, 399, 799, 999, 999, 999])
})

test('the wait may be nothing', () => {
  assert.equal(backoffDelay(backoff, 5, constant(0)), 0)
})

test('every wait lies between nothing and the longest delay', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.uint8Array({ minLength: 4, maxLength: 4 }), (attempt, bytes) => {
      const delay = backoffDelay(backoff, attempt, { bytes: () => bytes })
      assert.ok(delay >= 0 && delay < backoff.delayMax)
    }),
  )
})
