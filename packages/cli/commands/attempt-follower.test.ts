import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import type { AttemptView } from '../attempts.ts'
import { AttemptFollower } from './attempt-follower.ts'

const PAGE = 10

function attempt(n: number, outcome: AttemptView['outcome']): AttemptView {
  const shown = {
    sni: undefined,
    alpn: undefined,
    tlsVersion: undefined,
    certificateId: undefined,
    clientId: undefined,
  }
  const where = { remoteAddress: '::1', listener: 'mqtt', account: '', region: '' } as const
  const steps = [{ after: millis(1), step: 'end' as const, detail: '' }]
  return { id: String(n), startedAt: instant(n), ...where, ...shown, steps, outcome, cause: undefined }
}

/** A server's attempts, of which an answer holds the newest {@link PAGE} of an outcome. */
class Attempts {
  readonly all: AttemptView[] = []

  grow(count: number): void {
    for (let n = 0; n < count; n += 1) this.all.push(attempt(this.all.length, n % 3 === 0 ? 'refused' : 'ended'))
  }

  answers(): readonly AttemptView[][] {
    return (['refused', 'ended'] as const).map((outcome) =>
      this.all
        .filter((one) => one.outcome === outcome)
        .slice(-PAGE)
        .toReversed(),
    )
  }
}

test('each attempt is shown once, in order, or it is said that some may be missing; memory stays bounded', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 25 }), { maxLength: 60 }), (steps) => {
      const attempts = new Attempts()
      const follower = new AttemptFollower(PAGE)
      follower.take(attempts.answers())
      const shown: string[] = []
      let missed = false
      for (const count of steps) {
        attempts.grow(count)
        const { fresh, mayHaveMissed } = follower.take(attempts.answers())
        shown.push(...fresh.map(({ id }) => id))
        missed ||= mayHaveMissed
        assert.ok(follower.remembered <= 2 * PAGE)
      }
      assert.equal(new Set(shown).size, shown.length)
      assert.deepEqual(
        shown,
        shown.toSorted((left, right) => Number(left) - Number(right)),
      )
      assert.ok(missed || shown.length === attempts.all.length, 'nothing is missing without a word')
    }),
  )
})

test('a day of a busy server needs no more memory than two answers', () => {
  const attempts = new Attempts()
  const follower = new AttemptFollower(PAGE)
  let shown = 0
  for (let look = 0; look < 2000; look += 1) {
    attempts.all.splice(0, Math.max(0, attempts.all.length - 4 * PAGE))
    for (let n = 0; n < 7; n += 1) attempts.all.push(attempt(look * 7 + n, 'ended'))
    shown += follower.take(attempts.answers()).fresh.length
    assert.ok(follower.remembered <= 2 * PAGE)
  }
  assert.equal(shown, 14_000)
})

test('what is open is not shown, and is once it is over', () => {
  const follower = new AttemptFollower(PAGE)
  assert.deepEqual(follower.take([[attempt(1, 'open')]]).fresh, [])
  assert.deepEqual(follower.take([[attempt(1, 'ended')]]).fresh.length, 1)
})
