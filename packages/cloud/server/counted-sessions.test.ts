import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SessionChange } from '@birthmark/cloud/sessions'
import { openSqliteSessions } from '@birthmark/cloud/sessions/sqlite'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { CountedSessions } from './counted-sessions.ts'

const CLIENTS = ['a', 'b'] as const

/** Any run of changes; ids and places are given as a front gives them. */
const runs = fc.array(
  fc.record({ what: fc.constantFrom('begin', 'end', 'keep', 'settle'), client: fc.constantFrom(...CLIENTS) }),
  { maxLength: 40 },
)

test('what is counted is what the store has when it is opened again', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'birthmark-counted-'))
      const options = { folder, clock: systemClock, log: silentLog }
      const counted = new CountedSessions(openSqliteSessions(options))
      const live = new Map<string, { readonly id: number; places: number[] }>()
      let place = 0
      for (const { what, client } of steps) {
        const change = changeOf(counted, live, what, client, (place += 1))
        if (change !== undefined) await counted.write(change)
      }
      const { counts } = counted
      counted.close()
      const again = new CountedSessions(openSqliteSessions(options))
      assert.deepEqual(again.counts, counts)
      again.close()
      rmSync(folder, { recursive: true })
    }),
    { numRuns: 20 },
  )
})

function changeOf(
  store: CountedSessions,
  live: Map<string, { readonly id: number; places: number[] }>,
  what: string,
  clientId: string,
  place: number,
): SessionChange | undefined {
  const known = live.get(clientId)
  if (what === 'begin') {
    const id = store.newId()
    live.set(clientId, { id, places: [] })
    const scope = { account: '111122223333', region: 'r' }
    const session = { id, scope, clientId, version: 5, expiry: 1, disconnectedAt: undefined, will: undefined } as const
    return { do: 'begin', session }
  }
  if (known === undefined) return undefined
  if (what === 'end') {
    live.delete(clientId)
    return { do: 'end', id: known.id }
  }
  if (what === 'keep') {
    known.places.push(place)
    const packet = Uint8Array.of(1)
    return { do: 'keep', id: known.id, place, qos: 1, packet, receivedAt: instant(0), expiresAt: undefined }
  }
  const first = known.places.shift()
  return first === undefined ? undefined : { do: 'settle', id: known.id, place: first }
}
