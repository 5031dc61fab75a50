import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { seededRandom } from '../../../testing/testkit/random.ts'
import { backoffDelay, FIELD_BACKOFF } from './backoff.ts'

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

test('a fleet that lost its endpoint at one moment comes back evenly: no tenth of the time gets a fifth more', () => {
  const random = seededRandom(7)
  const entropy = { bytes: (count: number) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)) }
  const slots = Array<number>(10).fill(0)
  const devices = 50_000
  for (let device = 0; device < devices; device += 1) {
    const slot = Math.floor((backoffDelay(FIELD_BACKOFF, 20, entropy) / FIELD_BACKOFF.delayMax) * slots.length)
    slots[slot] = (slots[slot] ?? 0) + 1
  }
  for (const count of slots) assert.ok(Math.abs(count / (devices / slots.length) - 1) < 0.2, slots.join(' '))
})

test('one seed gives one fleet', () => {
  const waits = (seed: number): readonly number[] => {
    const random = seededRandom(seed)
    const entropy = { bytes: (count: number) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)) }
    return Array.from({ length: 20 }, (_, index) => backoffDelay(FIELD_BACKOFF, index + 1, entropy))
  }
  assert.deepEqual(waits(1), waits(1))
  assert.notDeepEqual(waits(1), waits(2))
})
