import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SecureElement } from '@birthmark/chip'
import { type Authority, openAuthority } from '@birthmark/factory/authority'
import { Ledger, verifyLedger } from '@birthmark/factory/ledger'
import { parseManifest } from '@birthmark/factory/manifest'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificates } from '@birthmark/foundation/x509'
import { ledgerOptions } from '../../../testing/testkit/ledger-options.ts'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import {
  type ElementMemory,
  freshMemory,
  interruptedElement,
  softwareElement,
} from '../../../testing/testkit/software-element.ts'
import { FAILURES_IN_ROW_COUNT_MAX, type LineOptions, type LineProgress, runLine } from './run-line.ts'

test('a line makes what is put in, several side by side, and hands out a manifest and a PEM bundle', async (t) => {
  const { options, authority, folder } = await newLine(t, 100)
  const memories = elements(12)
  const open = { now: 0, most: 0 }
  const sockets = memories.map((memory) => counted(softwareElement(memory), open))
  const progress: LineProgress[] = []
  const paths = { manifestPath: join(folder, 'manifest.jsonl'), bundlePath: join(folder, 'bundle.pem') }
  const summary = await runLine({
    ...options,
    ...paths,
    sockets,
    parallel: 4,
    onProgress: (event) => progress.push(event),
  })

  assert.deepEqual(summary.outcomes, { made: 12, 'made-before': 0, failed: 0, scrapped: 0, waiting: 0 })
  assert.deepEqual([summary.finished, summary.count, summary.ended], [12, 100, 'no-more-elements'])
  assert.equal(open.most, 4)
  assert.equal(open.now, 0)
  assert.equal(progress.filter(({ event }) => event === 'device').length, 12)

  const manifest = parseManifest(await readFile(paths.manifestPath, 'utf8'))
  assert.deepEqual(manifest.heading, { order: 'PO-1', product: 'press', count: 100, issuer: authority.issuing.der })
  assert.deepEqual(
    new Map(manifest.devices.map(({ uid, certificate }) => [uid, Buffer.from(certificate)])),
    new Map(memories.map(({ uid, certificates }) => [uid, Buffer.from(certificates.get('certificate')!)])),
  )
  assert.equal((await verifyLedger(join(folder, 'ledger.jsonl'), { head: manifest.ledger })).ok, true)
  const bundle = parseCertificates(await readFile(paths.bundlePath, 'utf8'))
  assert.deepEqual(
    bundle.map(({ fingerprint }) => fingerprint),
    manifest.devices.map(({ fingerprint }) => fingerprint),
  )
})

test('a device that fails is reported with its step and reason, and the line goes on', async (t) => {
  const { options } = await newLine(t, 100)
  const memories = elements(6)
  const sockets = memories.map((memory, index) =>
    index === 2 ? interruptedElement(softwareElement(memory), 5, 'before') : softwareElement(memory),
  )
  const failed: LineProgress[] = []
  const summary = await runLine({
    ...options,
    sockets: [...sockets, () => Promise.reject(new Error('no answer on the bus'))],
    parallel: 2,
    onProgress: (progress) => {
      if (progress.event === 'device' && progress.result.outcome === 'failed') failed.push(progress)
    },
  })
  assert.deepEqual(summary.outcomes, { made: 5, 'made-before': 0, failed: 2, scrapped: 0, waiting: 0 })
  const seen = failed.map((progress) =>
    progress.event === 'device' && progress.result.outcome === 'failed'
      ? [progress.result.uid, progress.result.step, progress.result.reason.code]
      : [],
  )
  assert.deepEqual(seen, [
    [memories[2]?.uid, 'writeCertificate', 'ELEMENT_GONE'],
    [undefined, 'open', 'UNEXPECTED'],
  ])
})

test('what a listener throws ends the run, when those at work have left their sockets', async (t) => {
  const { options } = await newLine(t, 100)
  const open = { now: 0, most: 0 }
  const sockets = elements(20).map((memory) => counted(softwareElement(memory), open))
  const onProgress = ({ event }: LineProgress): void => {
    if (event === 'device') throw new RangeError('the display is gone')
  }
  await assert.rejects(runLine({ ...options, sockets, parallel: 4, onProgress }), /the display is gone/)
  assert.deepEqual(open, { now: 0, most: 4 })
})

test('a second run finishes what the first left, and its manifest holds both', async (t) => {
  const { options, authority, folder } = await newLine(t, 5)
  const memories = elements(5)
  const manifestPath = join(folder, 'manifest.jsonl')
  const torn = memories.map((memory, index) =>
    interruptedElement(softwareElement(memory), index % 2 === 0 ? 8 : 99, 'after'),
  )
  const first = await runLine({ ...options, sockets: torn, parallel: 5, manifestPath })
  assert.deepEqual([first.finished, first.outcomes.failed], [2, 3])
  assert.equal(parseManifest(await readFile(manifestPath, 'utf8')).devices.length, 2)
  const second = await runLine({ ...options, sockets: memories.map(softwareElement), parallel: 1, manifestPath })
  assert.deepEqual(second.outcomes, { made: 3, 'made-before': 2, failed: 0, scrapped: 0, waiting: 0 })
  assert.equal(second.ended, 'order-complete')
  const manifest = parseManifest(await readFile(manifestPath, 'utf8'))
  assert.deepEqual(new Set(manifest.devices.map(({ uid }) => uid)), new Set(memories.map(({ uid }) => uid)))
  assert.equal(authority.issuedCount, 5)
})

test('a line takes no element that its order has no room for, and makes up for one that failed', async (t) => {
  const { options, authority } = await newLine(t, 3)
  const memories = elements(8)
  const taken: string[] = []
  async function* supply(): AsyncGenerator<SecureElement> {
    for (const [index, memory] of memories.entries()) {
      taken.push(memory.uid)
      // The second never says who it is, so that it has no part in the order.
      yield index === 1 ? interruptedElement(softwareElement(memory), 1, 'before') : softwareElement(memory)
    }
  }
  const summary = await runLine({ ...options, sockets: supply(), parallel: 8 })
  assert.equal(summary.ended, 'order-complete')
  assert.deepEqual(summary.outcomes, { made: 3, 'made-before': 0, failed: 1, scrapped: 0, waiting: 0 })
  assert.equal(taken.length, 4)
  assert.equal(authority.issuedCount, 3)
  for (const { calls } of memories.slice(4)) assert.deepEqual(calls, [])
})

test('a line stops when too many fail in a row', async (t) => {
  const { options } = await newLine(t, 1000)
  const taken = { count: 0 }
  function* supply(): Generator<() => Promise<SecureElement>> {
    for (;;) {
      taken.count += 1
      yield () => Promise.reject(new Error('no answer on the bus'))
    }
  }
  const summary = await runLine({ ...options, sockets: supply(), parallel: 4 })
  assert.equal(summary.ended, 'too-many-failures')
  assert.ok(taken.count >= FAILURES_IN_ROW_COUNT_MAX && taken.count <= FAILURES_IN_ROW_COUNT_MAX + 4)
})

test('when the supply of elements breaks, those at work are finished first', async (t) => {
  const { options, ledger } = await newLine(t, 10)
  async function* supply(): AsyncGenerator<SecureElement> {
    for (const memory of elements(3)) yield softwareElement(memory)
    throw new Error('the conveyor stands still')
  }
  await assert.rejects(runLine({ ...options, sockets: supply(), parallel: 8 }), /conveyor/)
  assert.equal(ledger.count('PO-1').locked, 3)
})

interface TestLine {
  readonly options: Omit<LineOptions, 'sockets' | 'parallel'>
  readonly authority: Authority
  readonly ledger: Ledger
  readonly folder: string
}

async function newLine(t: TestContext, count: number): Promise<TestLine> {
  const folder = await scratchFolder(t)
  const authority = await openAuthority(await newAuthority(t))
  const ledger = await Ledger.open(ledgerOptions(join(folder, 'ledger.jsonl')))
  t.after(async () => {
    await ledger.close()
    await authority.close()
  })
  const order = {
    id: 'PO-1',
    product: 'press',
    count,
    profile: 'device',
    subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
    locks: ['certificate'],
  } as const
  await authority.admit(order)
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  return { options: { order, authority: authority.station(order.id), ledger, ...ports }, authority, ledger, folder }
}

function elements(count: number): ElementMemory[] {
  return Array.from({ length: count }, (_, index) => freshMemory(index.toString(16).padStart(16, '0')))
}

/** Counts how many elements are open at a time: from their first call to their close. */
function counted(element: SecureElement, open: { now: number; most: number }): SecureElement {
  return {
    ...element,
    identify: async () => {
      open.now += 1
      open.most = Math.max(open.most, open.now)
      return element.identify()
    },
    close: async () => {
      open.now -= 1
      await element.close()
    },
  }
}
