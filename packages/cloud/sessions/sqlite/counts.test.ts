import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import fc from 'fast-check'
import type { SessionChange, SessionStore } from '../store.ts'
import { openSqliteSessions } from './index.ts'

/** Any change of three sessions of two clients, in any order: of what is not there, twice, and such that fail. */
const changes: fc.Arbitrary<SessionChange> = fc
  .record({
    what: fc.constantFrom('begin', 'end', 'keep', 'keep', 'keep', 'settle', 'release'),
    id: fc.integer({ min: 1, max: 3 }),
    place: fc.integer({ min: 1, max: 4 }),
    lasts: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  })
  .map(({ what, id, place, lasts }): SessionChange => {
    if (what === 'begin') return { do: 'begin', session: sessionOf(id) }
    if (what === 'end') return { do: 'end', id }
    if (what !== 'keep') return { do: what === 'settle' ? 'settle' : 'release', id, place }
    const expiresAt = lasts === undefined ? undefined : instant(lasts)
    return { do: 'keep', id, place, qos: 1, packet: PACKET, receivedAt: instant(0), expiresAt }
  })

/** What is written in one turn, and when those that have expired are dropped after it. */
const turns = fc.array(
  fc.record({ written: fc.array(changes, { maxLength: 4 }), dropAt: fc.option(fc.integer({ min: 1, max: 9 })) }),
  { maxLength: 12 },
)

test('what is counted is what is on disk, whatever was written twice, dropped or refused', async () => {
  await fc.assert(
    fc.asyncProperty(turns, async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'birthmark-counted-'))
      const options = { folder, clock: systemClock, log: silentLog }
      const store = openSqliteSessions(options)
      for (const { written, dropAt } of steps) {
        await Promise.allSettled(written.map((change) => store.write(change)))
        if (dropAt !== null) store.dropExpired(1, 0, instant(dropAt))
        assert.deepEqual(store.counts, seen(store))
      }
      const { counts } = store
      store.close()
      const again = openSqliteSessions(options)
      assert.deepEqual(again.counts, counts)
      again.close()
      rmSync(folder, { recursive: true })
    }),
    { numRuns: 30 },
  )
})

test('a turn that is refused is not counted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-counted-'))
  const store = openSqliteSessions({ folder, clock: systemClock, log: silentLog })
  const keep = {
    do: 'keep',
    id: 1,
    place: 1,
    qos: 1,
    packet: PACKET,
    receivedAt: instant(0),
    expiresAt: undefined,
  } as const
  await Promise.all([store.write({ do: 'begin', session: sessionOf(1) }), store.write(keep)])
  assert.deepEqual(store.counts, { sessions: 1, messages: 1 })
  const refused = [{ ...keep, place: 2 }, keep].map((change) => store.write(change))
  for (const each of refused) await assert.rejects(each)
  assert.deepEqual(store.counts, { sessions: 1, messages: 1 })
  for (const _ of [1, 2]) await store.write({ do: 'settle', id: 1, place: 1 })
  assert.deepEqual(store.counts, { sessions: 1, messages: 0 })
  store.close()
  rmSync(folder, { recursive: true })
})

/** Counts by what can be read. Messages without a session are read too: nothing forbids them. */
function seen(store: SessionStore): object {
  const messages = [1, 2, 3].flatMap((id) => store.read(id, { after: 0, last: 9 }, 9))
  return { sessions: store.restore().length, messages: messages.length }
}

/** The third takes the place of the first: they have one client id. */
function sessionOf(id: number): Extract<SessionChange, { readonly do: 'begin' }>['session'] {
  const scope = { account: '111122223333', region: 'r' }
  const clientId = id === 2 ? 'b' : 'a'
  return { id, scope, clientId, version: 5, expiry: 1, disconnectedAt: undefined, will: undefined }
}

/** A PUBLISH of MQTT 5.0 on the topic `t`, without properties or payload. */
const PACKET = Uint8Array.of(0x30, 4, 0, 1, 0x74, 0)
