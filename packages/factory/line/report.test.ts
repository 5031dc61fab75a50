import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { keyIdOf, Ledger } from '@birthmark/factory/ledger'
import { instant } from '@birthmark/foundation/kernel'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { ledgerOptions, STATION_SIGNER } from '../../../testing/testkit/ledger-options.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { reportLine } from './report.ts'
import { RunStatistics } from './statistics.ts'

test('what was ordered is built, scrapped, lost or never built, lot by lot and station by station', async (t) => {
  const path = join(await scratchFolder(t), 'ledger.jsonl')
  let ledger = await Ledger.open(ledgerOptions(path))
  t.after(() => ledger.close())
  const write = async (order: string, uid: string, ...kinds: readonly string[]): Promise<void> => {
    const device = { order, uid, fingerprint: uid.padStart(64, '0') }
    for (const kind of kinds) {
      if (kind === 'begun') await ledger.record({ kind, order, uid, publicKey: Uint8Array.of(1) })
      if (kind === 'made') await ledger.record({ kind, ...device, certificate: Uint8Array.of(2) })
      if (kind === 'locked') await ledger.record({ kind, ...device })
      if (kind === 'scrapped') await ledger.record({ kind, order, uid, reason: 'OPERATOR' })
      if (kind === 'shipped') await ledger.record({ kind, order, uid, to: 'Hydraulics Ltd' })
      if (kind === 'revoked') await ledger.record({ kind, order, uid, reason: 'keyCompromise' })
    }
  }
  await write('locking', 'aaaaaaa1', 'begun', 'made', 'locked', 'shipped')
  await write('locking', 'aaaaaaa2', 'begun', 'made', 'locked')
  await write('locking', 'aaaaaaa3', 'begun', 'made')
  await write('locking', 'aaaaaaa4', 'begun')
  await write('locking', 'aaaaaaa5', 'begun', 'scrapped')
  await write('locking', 'aaaaaaa6', 'begun', 'made', 'locked', 'revoked')
  await write('open', 'bbbbbbb1', 'begun', 'made')
  await write('open', 'bbbbbbb2', 'begun')
  // A second station finishes what the first one began, and begins some of its own.
  await ledger.admitWriter({ name: 'second', publicKey: SECOND.publicKey })
  await ledger.close()
  const writer = { name: 'second', signer: SECOND }
  ledger = await Ledger.open({ ...ledgerOptions(path), writer })
  await write('open', 'bbbbbbb2', 'made')
  await write('open', 'bbbbbbb3', 'begun')
  await write('open', 'bbbbbbb4', 'begun', 'made')
  const about = { product: 'press', station: keyIdOf(STATION_SIGNER.publicKey), stationName: 'station' }
  const runs = ['locking', 'open'].map((order) => {
    return new RunStatistics({ ...about, order, count: 8, startedAt: instant(0) }).record(instant(0))
  })
  const connected = async function* (): AsyncGenerator<string> {
    yield* ['aaaaaaa1', 'bbbbbbb1', 'bbbbbbb4', 'cccccccc'].map((uid) => uid.padStart(64, '0').toUpperCase())
  }
  const { lots, stations } = await reportLine({ view: ledger, runs, connected: connected() })
  assert.deepEqual(
    lots.map(({ built, shipped, scrapped, revoked, lost, neverBuilt, connected: seen }) => {
      return { built, shipped, scrapped, revoked, lost, neverBuilt, seen }
    }),
    [
      { built: 2, shipped: 1, scrapped: 1, revoked: 1, lost: 2, neverBuilt: 2, seen: 1 },
      { built: 3, shipped: 0, scrapped: 0, revoked: 0, lost: 1, neverBuilt: 4, seen: 2 },
    ],
  )
  for (const { ordered, built, scrapped, revoked, lost, neverBuilt = 0 } of lots) {
    assert.equal(built + scrapped + revoked + lost + neverBuilt, ordered)
  }
  const signed = stations.map(({ order, name, begun, made, locked, scrapped }) => {
    return [order, name, begun, made, locked, scrapped]
  })
  assert.deepEqual(signed, [
    ['locking', 'station', 6, 4, 3, 1],
    ['open', 'station', 2, 1, 0, 0],
    ['open', 'second', 2, 2, 0, 0],
  ])
  const became = stations.map(({ order, name, built, lost, connected: seen }) => [order, name, built, lost, seen])
  assert.deepEqual(became, [
    ['locking', 'station', 2, 2, 1],
    ['open', 'station', 2, 0, 1],
    ['open', 'second', 1, 1, 1],
  ])
})

test('where one station made everything, what became of its devices is what became of the lot', async (t) => {
  const ledger = await Ledger.open(ledgerOptions(join(await scratchFolder(t), 'ledger.jsonl')))
  t.after(() => ledger.close())
  for (const uid of ['aaaaaaa1', 'aaaaaaa2']) {
    await ledger.record({ kind: 'begun', order: 'PO-1', uid, publicKey: Uint8Array.of(1) })
  }
  await ledger.record({
    kind: 'made',
    order: 'PO-1',
    uid: 'aaaaaaa1',
    fingerprint: '1'.padStart(64, '0'),
    certificate: Uint8Array.of(2),
  })
  const { stations } = await reportLine({ view: ledger, runs: [] })
  const [{ built, lost, connected } = {}] = stations
  assert.deepEqual([built, lost, connected], [1, 1, undefined])
})

const SECOND = await SoftwareSigner.generate('ecdsa-p256-sha256')
