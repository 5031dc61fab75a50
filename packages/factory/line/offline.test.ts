import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { challengeOf } from '@birthmark/factory/desk'
import type { DeviceRequest } from '@birthmark/factory/order'
import { type Instant, instant, silentLog } from '@birthmark/foundation/kernel'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { OfflineStation } from './offline.ts'

const UNTIL = instant(Date.UTC(2026, 0, 2))
const SEED = 'ab'.repeat(32)
const ISSUERS = { intermediates: [Uint8Array.of(1)], root: Uint8Array.of(2) }

test('CSRs wait on the disk up to the count and the end of the allotment', async (t) => {
  const { open, clock } = await place(t)
  const first = await open()
  assert.equal(await first.challenge('aaaaaaaa'), challengeOf(SEED, 'PO-1', 'aaaaaaaa'))
  assert.deepEqual(await first.issuers(), ISSUERS)
  for (const uid of ['aaaaaaaa', 'bbbbbbbb', 'aaaaaaaa']) {
    await assert.rejects(first.issue(request(uid)), { code: 'CERTIFICATE_PENDING', blame: 'busy' })
  }
  await assert.rejects(first.issue(request('cccccccc')), { code: 'ALLOTMENT_USED_UP' })
  await first.close()
  const second = await open()
  await assert.rejects(second.issue(request('cccccccc')), { code: 'ALLOTMENT_USED_UP' })
  clock.time = instant(UNTIL + 1)
  await assert.rejects(second.issue(request('aaaaaaaa')), { code: 'ALLOTMENT_INVALID' })
  await second.close()
})

test('what is synchronised is given, also after a restart; what is refused is told and stays', async (t) => {
  const { open } = await place(t)
  const first = await open()
  for (const uid of ['aaaaaaaa', 'bbbbbbbb']) await first.issue(request(uid)).catch(() => undefined)
  const asked: string[] = []
  const result = await first.sync({
    issueDrawn: async ({ uid }, allotment) => {
      asked.push(`${uid} ${allotment}`)
      if (uid === 'bbbbbbbb') throw Object.assign(new Error('no'), { code: 'ALLOTMENT_UNKNOWN' })
      return { certificate: Uint8Array.of(7), ...ISSUERS }
    },
  })
  assert.deepEqual(asked, [`aaaaaaaa ${ID}`, `bbbbbbbb ${ID}`])
  assert.deepEqual(result, { issued: 1, refused: [{ uid: 'bbbbbbbb', code: 'ALLOTMENT_UNKNOWN', message: 'no' }] })
  // What is scrapped meanwhile is not asked for again.
  const spared = await first.sync({ issueDrawn: () => assert.fail('it is scrapped') }, new Set(['bbbbbbbb']))
  assert.deepEqual(spared, { issued: 0, refused: [] })
  await first.close()
  const second = await open()
  assert.equal(second.waiting, 1)
  assert.deepEqual(
    ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'].map((uid) => second.knows(uid)),
    [true, true, false],
  )
  assert.deepEqual((await second.issue(request('aaaaaaaa'))).certificate, Uint8Array.of(7))
  await assert.rejects(second.issue(request('bbbbbbbb')), { code: 'CERTIFICATE_PENDING' })
  await second.close()
})

const ID = 'cd'.repeat(16)

async function place(t: TestContext): Promise<{
  readonly open: () => Promise<OfflineStation>
  readonly clock: { time: Instant; now: () => Instant }
}> {
  const clock = { time: instant(Date.UTC(2026, 0, 1)), now: (): Instant => clock.time }
  const path = join(await scratchFolder(t), 'offline.jsonl')
  const allotment = { id: ID, order: 'PO-1', station: 'ef'.repeat(32), count: 2, until: UNTIL, seed: SEED }
  const open = (): Promise<OfflineStation> =>
    OfflineStation.open({ path, allotment, issuers: ISSUERS, clock, log: silentLog })
  return { open, clock }
}

function request(uid: string): DeviceRequest {
  const vendor = { certificate: Uint8Array.of(4), signature: Uint8Array.of(5) }
  return { uid, csr: Uint8Array.of(3), ...(uid.startsWith('b') && { vendor }) }
}
