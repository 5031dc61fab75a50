import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { type LogFields, millis, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { attemptCause, CAUSE_VALUE_CHARACTERS_MAX } from './attempt-causes.ts'
import { AttemptLog } from './attempt-log.ts'
import { attemptsReference } from './attempts-reference.ts'
import { ManualTime } from './testing/manual-timers.ts'

const ORIGIN = { listener: 'mqtt', remoteAddress: '192.0.2.1' } as const
const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const COUNTS = { bytesIn: 0, bytesOut: 0 }

function openLog(limits = { attemptsMax: 3, refusedAttemptsMax: 3, stepsPerAttemptMax: 2 }, log = silentLog) {
  const clock = new ManualTime()
  return { clock, attempts: new AttemptLog({ clock, entropy: systemEntropy, log, limits, defaultScope: SCOPE }) }
}

test('the newest attempts are kept and listed first', () => {
  const { attempts } = openLog()
  const ids = Array.from({ length: 5 }, () => attempts.open(ORIGIN).id)
  assert.deepEqual(
    attempts.list({}).map(({ id }) => id),
    ids.slice(2).toReversed(),
  )
  assert.deepEqual(
    attempts.list({ limit: 1 }).map(({ id }) => id),
    ids.slice(4),
  )
})

test('a list holds at most what was asked for, at most 1000, and never more than is kept', () => {
  fc.assert(
    fc.property(
      fc.nat(12),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 2000 }),
      (opened, kept, limit) => {
        const { attempts } = openLog({ attemptsMax: kept, refusedAttemptsMax: 1, stepsPerAttemptMax: 1 })
        for (let count = 0; count < opened; count++) attempts.open(ORIGIN)
        assert.equal(attempts.list({ limit }).length, Math.min(opened, kept, limit))
      },
    ),
  )
})

test('every member of a filter narrows', () => {
  const { attempts } = openLog()
  const one = attempts.open(ORIGIN)
  one.show({ clientId: 'a', certificateId: 'c' })
  const two = attempts.open(ORIGIN)
  two.show({ clientId: 'a' })
  two.end('ended', '', COUNTS)
  assert.equal(attempts.list({ clientId: 'a' }).length, 2)
  assert.equal(attempts.list({ clientId: 'b' }).length, 0)
  assert.deepEqual(
    attempts.list({ clientId: 'a', certificateId: 'c' }).map(({ id }) => id),
    [one.id],
  )
  assert.deepEqual(
    attempts.list({ outcome: 'ended' }).map(({ id }) => id),
    [two.id],
  )
})

test('steps beyond the limit are counted, and nothing follows the end', () => {
  const { attempts, clock } = openLog()
  const record = attempts.open(ORIGIN)
  record.step('tls', 'one')
  clock.pass(seconds(1))
  record.step('connect', 'x'.repeat(1000))
  record.step('publish', 'left out')
  record.end('ended', 'it ended', COUNTS)
  record.step('publish', 'too late')
  record.end('refused', 'again', COUNTS)
  const [attempt] = attempts.list({})
  assert.equal(attempt?.outcome, 'ended')
  assert.deepEqual(
    attempt.steps.map(({ step, after }) => [step, after]),
    [
      ['tls', millis(0)],
      ['connect', millis(1000)],
      ['end', millis(1000)],
    ],
  )
  assert.equal(attempt.steps[1]?.detail.length, 400)
  assert.equal(attempt.steps[2]?.detail, 'it ended (1 more steps are not recorded)')
})

test('the first cause stays, and one wide event is logged at the end', () => {
  const events: LogFields[] = []
  const { attempts } = openLog(undefined, { write: (_level, _event, fields = {}) => void events.push(fields) })
  const record = attempts.open(ORIGIN)
  record.show({ clientId: 'press-7' })
  record.blame(attemptCause('POLICY_DENIED_PUBLISH', { why: 'no' }))
  record.blame(attemptCause('CONNECTION_LOST', { why: 'gone' }))
  record.end('ended', '', { bytesIn: 3, bytesOut: 4 })
  assert.equal(attempts.list({})[0]?.cause?.code, 'POLICY_DENIED_PUBLISH')
  assert.equal(events.length, 1)
  assert.partialDeepStrictEqual(events[0], {
    clientId: 'press-7',
    code: 'POLICY_DENIED_PUBLISH',
    reason: 'no',
    remedy: 'Correct the policies of the certificate, or the topic.',
    bytesIn: 3,
    bytesOut: 4,
  })
})

test('values in a cause are cut, and a missing one is named so', () => {
  const { reason } = attemptCause('SNI_FOREIGN', { sni: 'x'.repeat(5000) })
  assert.ok(reason.length < CAUSE_VALUE_CHARACTERS_MAX + 200)
  assert.match(reason, /^Certificate unknown is/)
})

test('docs/reference/attempts.md says what the table says', async () => {
  const page = await readFile(new URL('../../../docs/reference/attempts.md', import.meta.url), 'utf8')
  assert.equal(page, attemptsReference(), 'out of date: run npm run docs')
})

test('attempts that were refused after TLS stay, however many come after them', () => {
  const { attempts } = openLog()
  const refused = Array.from({ length: 4 }, () => {
    const record = attempts.open(ORIGIN)
    record.show({ tlsVersion: 'TLSv1.3' })
    record.blame(attemptCause('NO_CLIENT_CERTIFICATE'))
    record.end('refused', '', COUNTS)
    return record.id
  })
  for (let count = 0; count < 50; count++) attempts.open(ORIGIN).end(count % 2 === 0 ? 'refused' : 'ended', '', COUNTS)
  const listed = attempts.list({}).map(({ id }) => id)
  assert.equal(listed.length, 6)
  assert.deepEqual(listed.slice(3), refused.slice(1).toReversed())
})
