/** A line on a disk that is really full: it stops, nothing that was told is lost, and with room it goes on. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuthority } from '@birthmark/factory/authority'
import { viewLedger } from '@birthmark/factory/ledger'
import { newAuthority } from '../testkit/new-authority.ts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { NO_SMALL_DISK, smallDisk } from '../testkit/small-disk.ts'

test('a line whose disk fills up stops, keeps what it told, and goes on with room', {
  skip: NO_SMALL_DISK,
}, async (t) => {
  const options = await newAuthority(t)
  const folder = await scratchFolder(t)
  const disk = smallDisk(t)
  const file = (name: string): string => join(folder, name)
  const data = join(disk, 'line')
  writeFileSync(file('pass'), `${options.passphrase}\n`)
  const order = { format: 'birthmark-work-order/2', id: 'PO-1', product: 'press', count: 2000, locks: ['key'] }
  writeFileSync(file('order.json'), JSON.stringify(order))
  writeFileSync(join(disk, 'filler'), Buffer.alloc(1_700_000))
  const authority = ['--authority', options.folder, '--passphrase-file', file('pass')]
  const run = async (count: number): Promise<{ status: number | null; events: readonly Event[] }> => {
    const words = ['line', 'run', '--work-order', file('order.json'), ...authority, '--data', data, '--json']
    const { status, stdout } = await runBirthmark([...words, '--virtual', String(count), '--parallel', '16'])
    return {
      status,
      events: stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    }
  }

  const { status, events } = await run(2000)
  assert.equal(status, 1)
  const made = events.filter(({ outcome }) => outcome === 'made').map(({ uid }) => uid)
  const codes = events.flatMap(({ reason }) => reason?.code ?? [])
  assert.ok(made.length > 0 && codes.length > 0)
  assert.ok(
    codes.every((code) => code === 'DISK_FULL' || code === 'LEDGER_FAILED'),
    [...new Set(codes)].join(),
  )
  assert.equal(events.at(-1)?.error?.code, 'DISK_FULL')
  t.diagnostic(`${made.length} devices before the disk was full`)

  rmSync(join(disk, 'filler'))
  const again = await run(3)
  assert.equal(again.status, 0)
  const verdict = await runBirthmark(['ledger', 'verify', join(data, 'ledger.jsonl')])
  assert.equal(verdict.status, 0, verdict.stderr)
  const { view, close } = await viewLedger(join(data, 'ledger.jsonl'))
  for (const uid of made) assert.equal(view.device(uid)?.stage, 'locked')
  const counts = view.count('PO-1')
  await close()
  // Every certificate belongs to a device that was on record before it was asked for.
  const ca = await openAuthority(options)
  t.after(() => ca.close())
  assert.ok(ca.issuedCount >= made.length + 3)
  assert.ok(ca.issuedCount <= counts.begun + counts.made + counts.locked)
})

interface Event {
  readonly outcome?: string
  readonly uid: string
  readonly reason?: { readonly code: string }
  readonly error?: { readonly code: string }
}
