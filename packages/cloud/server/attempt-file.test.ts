import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Attempt, AttemptStage } from '@birthmark/cloud/front'
import { type Instant, instant, type LogFields, seconds, type Timers } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { type AttemptFile, openAttemptFile } from './attempt-file.ts'
import { readAttempt, writeAttempt } from './attempt-text.ts'
import type { AttemptFileLimits } from './limits.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }

interface World {
  now: Instant
  readonly events: [event: string, fields: LogFields | undefined][]
  readonly open: (limits?: Partial<AttemptFileLimits>) => AttemptFile
}

async function world(context: TestContext): Promise<World> {
  const folder = await scratchFolder(context)
  const opened: AttemptFile[] = []
  const timers: Timers = { after: () => () => undefined }
  const made: World = {
    now: instant(Date.parse('2026-01-02T03:04:05Z')),
    events: [],
    open: (limits = {}) => {
      const log = { write: (_: string, event: string, fields?: LogFields) => void made.events.push([event, fields]) }
      const file = openAttemptFile({ folder, clock: { now: () => made.now }, timers, log, limits })
      assert.ok(file)
      opened.push(file)
      return file
    },
  }
  return made
}

function refused(index: number, at: Instant, members: Partial<Attempt> = {}): Attempt {
  return {
    id: `attempt-${index}`,
    startedAt: at,
    remoteAddress: '192.0.2.1',
    listener: 'mqtt',
    ...SCOPE,
    sni: 'localhost',
    alpn: undefined,
    tlsVersion: 'TLSv1.3',
    certificateId: undefined,
    clientId: undefined,
    steps: [{ after: seconds(1), step: 'tls', detail: 'TLSv1.3' }],
    outcome: 'refused',
    cause: { code: 'NO_CLIENT_CERTIFICATE', reason: 'Why.', remedy: 'What to do.' },
    ...members,
  }
}

function keep(file: AttemptFile, stage: AttemptStage, ...attempts: readonly Attempt[]): void {
  for (const attempt of attempts) file.keep(attempt, stage)
}

test('what was refused is there after a restart, newest first, as a filter narrows it', async (context) => {
  const { now, open } = await world(context)
  const first = open()
  const one = refused(1, now, { certificateId: 'c', clientId: 'a' })
  const two = refused(2, instant(now + 1), { clientId: 'a' })
  const elsewhere = refused(3, instant(now + 2), { account: '999999999999' })
  keep(first, 'after-tls', one, two, elsewhere)
  first.close()
  const second = open()
  context.after(() => second.close())
  assert.deepEqual(second.list({ limit: 10 }), [elsewhere, two, one])
  assert.deepEqual(second.list({ limit: 10, scope: SCOPE }), [two, one])
  assert.deepEqual(second.list({ limit: 10, clientId: 'a', certificateId: 'c' }), [one])
  assert.deepEqual(second.list({ limit: 1, scope: SCOPE, outcome: 'refused' }), [two])
  assert.deepEqual(second.list({ limit: 10, outcome: 'ended' }), [])
})

test('strangers push out strangers only', async (context) => {
  const { now, open } = await world(context)
  const file = open({ keptMax: 3, strangersKeptMax: 2, perSecond: 1000, strangersPerSecond: 1000 })
  context.after(() => file.close())
  const known = Array.from({ length: 4 }, (_, index) => refused(index, instant(now + index)))
  keep(file, 'after-tls', ...known)
  const strangers = Array.from({ length: 50 }, (_, index) => refused(100 + index, instant(now + 100 + index)))
  keep(file, 'before-tls', ...strangers)
  const listed = file.list({ limit: 100 }).map(({ id }) => id)
  assert.deepEqual(listed, ['attempt-149', 'attempt-148', 'attempt-3', 'attempt-2', 'attempt-1'])
})

test('no more than so many go to disk in a second, and the rest is counted', async (context) => {
  const outside = await world(context)
  const file = outside.open({ perSecond: 5, strangersPerSecond: 2 })
  context.after(() => file.close())
  for (const stage of ['before-tls', 'after-tls'] as const) {
    keep(file, stage, ...Array.from({ length: 10 }, (_, index) => refused(index, outside.now)))
  }
  assert.equal(file.list({ limit: 100 }).length, 7)
  assert.deepEqual(outside.events, [['server.attempts-skipped', { count: 13 }]])
})

test('what is a month old is forgotten', async (context) => {
  const outside = await world(context)
  const file = outside.open()
  context.after(() => file.close())
  keep(file, 'after-tls', refused(1, outside.now))
  assert.equal(file.list({ limit: 10 }).length, 1)
  outside.now = instant(outside.now + seconds(31 * 24 * 3600))
  assert.equal(file.list({ limit: 10 }).length, 0)
})

test('a file that cannot be used is left as it is, and logged', async (context) => {
  const folder = await scratchFolder(context)
  writeFileSync(join(folder, 'attempts.db'), 'this is no database, and long enough to be looked at as one')
  const events: string[] = []
  const log = { write: (_: string, event: string) => void events.push(event) }
  const clock = { now: () => instant(0) }
  assert.equal(openAttemptFile({ folder, clock, timers: { after: () => () => undefined }, log }), undefined)
  assert.deepEqual(events, ['server.attempts-unusable'])
})

test('an attempt is read as it was written, and arbitrary text never throws', () => {
  const attempt = refused(1, instant(5), { certificateId: 'c' })
  assert.deepEqual(readAttempt(writeAttempt(attempt)), attempt)
  assert.equal(readAttempt(writeAttempt({ ...attempt, cause: undefined }))?.cause, undefined)
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((text) => `{"steps":${text},"listener":"mqtt"}`),
      ),
      (text) => {
        readAttempt(text)
      },
    ),
  )
})
