import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { memoryBus } from '@birthmark/chip/i2c'
import { openVirtualChip, serveChip, TrustX, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import { createAuthority, openAuthority } from '@birthmark/factory/authority'
import { verifyLedger, viewLedger } from '@birthmark/factory/ledger'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { seededRandom } from '../testkit/random.ts'
import type { LineReport } from '../testkit/run-line-until-killed.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const CHILD = fileURLToPath(new URL('../testkit/run-line-until-killed.ts', import.meta.url))
const PASSPHRASE = 'a passphrase for tests'

/**
 * As many kills as there shall be, and how long they may take; on a slow machine there are fewer. Whoever names a
 * number gets all of them: `KILLS=200 node --test testing/job/line-kill.test.ts`.
 */
const ASKED = process.env['KILLS']
const KILLS = Number(ASKED ?? 200)
/** So many there are on the slowest machine. */
const KILLS_MIN = 20
const PATIENCE_MS = ASKED === undefined ? 40_000 : Number.POSITIVE_INFINITY
const CHIPS_PER_ORDER = 6

/** Processes that are loaded and wait: loading takes longer than what is killed. */
const SPARES = 3

test('killed at 200 moments, station and authority: one identity each, and the orders are finished', async (t) => {
  const seed = Number(process.hrtime.bigint() % 1_000_000n)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const place = await newPlace(t)
  let kills = 0
  const until = performance.now() + PATIENCE_MS
  let order = await newOrder(t, place, 0)
  while (kills < Math.min(KILLS, KILLS_MIN) || (kills < KILLS && performance.now() < until)) {
    const report = await runAndKill(place, order, Math.floor(random() * KILL_WINDOW_MS))
    if (report === undefined) kills += 1
    else if (report.finished === CHIPS_PER_ORDER) order = await newOrder(t, place, place.orders.length)
    const verdict = await verifyLedger(place.ledger).catch(() => undefined)
    assert.ok(verdict === undefined || verdict.ok || verdict.why === 'there is no heading', JSON.stringify(verdict))
  }
  t.diagnostic(`${kills} kills, ${place.orders.length} orders`)
  assert.ok(ASKED === undefined || kills === KILLS)
  for (const unfinished of place.orders) await finish(place, unfinished)
  for (const spare of place.spares) spare.kill('SIGKILL')
  await assertAccounted(place)
})

/** A run lasts about so long after it was told to begin. */
const KILL_WINDOW_MS = 300

interface Place {
  readonly folder: string
  readonly ledger: string
  readonly orders: Order[]
  readonly spares: ChildProcess[]
}

interface Order {
  readonly text: string
  readonly chips: readonly VirtualChip[]
  readonly sockets: readonly string[]
}

async function newPlace(t: TestContext): Promise<Place> {
  const folder = await scratchFolder(t)
  await createAuthority({
    folder: join(folder, 'ca'),
    passphrase: PASSPHRASE,
    rootName: [{ type: 'CN', value: 'Root' }],
    issuingName: [{ type: 'CN', value: 'Issuing CA' }],
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  const station = await SoftwareSigner.generate('ecdsa-p256-sha256')
  await writeFile(join(folder, 'station.key.pem'), station.toEncryptedPem(PASSPHRASE))
  const place: Place = { folder, ledger: join(folder, 'ledger.jsonl'), orders: [], spares: [] }
  t.after(() => {
    for (const spare of place.spares) spare.kill('SIGKILL')
  })
  return place
}

async function newOrder(t: TestContext, place: Place, number: number): Promise<Order> {
  const text = JSON.stringify({
    format: 'birthmark-work-order/2',
    id: `PO-${number}`,
    product: 'press',
    count: CHIPS_PER_ORDER,
    locks: ['key', 'certificate'],
  })
  const chips: VirtualChip[] = []
  const sockets: string[] = []
  for (let n = 0; n < CHIPS_PER_ORDER; n += 1) {
    const chip = await openVirtualChip()
    const socket = join(place.folder, `${number}-${n}.sock`)
    const server = await serveChip(socket, chip)
    t.after(() => server.close())
    chips.push(chip)
    sockets.push(socket)
  }
  const order = { text, chips, sockets }
  place.orders.push(order)
  return order
}

/** Starts a run and kills it so many milliseconds later. @returns What it reported, when it was through before. */
async function runAndKill(place: Place, order: Order, ms: number): Promise<{ finished: number } | undefined> {
  const child = await takeSpare(place)
  const ended = once(child, 'exit')
  const report = started(child, order)
  const winner = await Promise.race([report, after(ms, undefined)])
  child.kill('SIGKILL')
  await ended
  return winner
}

async function finish(place: Place, order: Order): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const child = await takeSpare(place)
    const ended = once(child, 'exit')
    const report = await Promise.race([started(child, order), ended.then(() => undefined)])
    await ended
    if (report?.finished === CHIPS_PER_ORDER) return
  }
  assert.fail(`the order could not be finished: ${order.text}`)
}

/** Gives a process that is loaded, and has others load meanwhile. */
async function takeSpare(place: Place): Promise<ChildProcess> {
  while (place.spares.length <= SPARES) {
    const env = { ...process.env, NODE_COMPILE_CACHE: join(place.folder, 'compiled') }
    const child = fork(CHILD, [place.folder, PASSPHRASE], { env })
    loaded.set(child, once(child, 'message'))
    place.spares.push(child)
  }
  const child = place.spares.shift()
  assert.ok(child)
  await loaded.get(child)
  return child
}

const loaded = new WeakMap<ChildProcess, Promise<unknown>>()

async function started(child: ChildProcess, { text, sockets }: Order): Promise<{ finished: number }> {
  child.send({ order: text, sockets })
  const [report] = (await once(child, 'message')) as [LineReport]
  assert.ok('finished' in report)
  return report
}

async function assertAccounted(place: Place): Promise<void> {
  const devices = place.orders.length * CHIPS_PER_ORDER
  const verdict = await verifyLedger(place.ledger)
  assert.ok(verdict.ok, JSON.stringify(verdict))

  const authority = await openAuthority({
    folder: join(place.folder, 'ca'),
    passphrase: PASSPHRASE,
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  assert.deepEqual([authority.issuedCount, authority.unresolved], [devices, []])
  const lines = (await readFile(join(place.folder, 'ca/journal.jsonl'), 'utf8')).trimEnd().split('\n')
  const records = lines.map((line) => JSON.parse(line).record)
  const intents = records.filter(({ kind }) => kind === 'intent').map(({ intent }) => intent)
  assert.equal(intents.length, devices + authority.voided.length, 'every serial number is a device or void')
  await authority.close()

  const { view, close } = await viewLedger(place.ledger)
  const fingerprints = new Set<string>()
  for (const { chips } of place.orders) {
    for (const slave of chips) {
      const chip = await TrustX.open(memoryBus(slave.slave))
      const { uid } = await chip.identify()
      const certificate = parseCertificate(
        (await chip.readCertificate(chip.defaultSlots.certificate)) ?? new Uint8Array(),
      )
      await chip.close()
      const kinds = (await view.entriesOf(uid)).map(({ content }) => content.kind)
      assert.deepEqual(kinds, ['begun', 'made', 'locked'])
      assert.equal(view.device(uid)?.fingerprint, certificate.fingerprint)
      fingerprints.add(certificate.fingerprint)
    }
  }
  assert.equal(fingerprints.size, devices)
  await close()
}
