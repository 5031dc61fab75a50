import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { I2cBus, I2cMaster } from '@birthmark/chip/i2c'
import { openVirtualChip, TrustX, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import { type Authority, openAuthority } from '@birthmark/factory/authority'
import { Ledger, verifyLedger } from '@birthmark/factory/ledger'
import { parseManifest } from '@birthmark/factory/manifest'
import { Fault, millis, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'
import { ledgerOptions } from '../../../testing/testkit/ledger-options.ts'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { type LineOptions, runLine } from './run-line.ts'

const CHIPS = 20

test('a line makes devices of chips on a bus: key inside, certificate and anchor written, all locked', async (t) => {
  const { options, authority, folder } = await newLine(t)
  const chips = await Promise.all(Array.from({ length: CHIPS }, () => openVirtualChip()))
  const manifestPath = join(folder, 'manifest.jsonl')
  const summary = await runLine({ ...options, manifestPath, sockets: chips.map(connect), parallel: 4 })
  assert.deepEqual(summary.outcomes, { made: CHIPS, 'made-before': 0, failed: 0, scrapped: 0, waiting: 0 })

  const manifest = parseManifest(await readFile(manifestPath, 'utf8'))
  const made = new Map(manifest.devices.map((device) => [device.uid, device]))
  for (const { uid, memory } of chips) {
    const chip = await TrustX.open(await openVirtualChip({ memory }))
    const { key, certificate, trustAnchor } = chip.defaultSlots
    assert.deepEqual(await chip.readCertificate(certificate), made.get(uid)?.certificate)
    assert.deepEqual(await chip.readCertificate(trustAnchor), authority.root.der)
    assert.deepEqual(await Promise.all([key, certificate, trustAnchor].map((slot) => chip.isLocked(slot))), [
      true,
      true,
      true,
    ])
    const { subject } = parseCertificate(made.get(uid)!.certificate)
    assert.deepEqual(subject.at(-1), { type: 'serialNumber', value: uid })
    await assert.rejects(chip.generateKey(key))
    await assert.rejects(chip.writeCertificate(certificate, authority.root.der))
    await chip.close()
  }
  assert.equal(made.size, CHIPS)
  assert.equal((await verifyLedger(join(folder, 'ledger.jsonl'), { head: manifest.ledger })).ok, true)
})

test('chips that lose their bus anywhere are finished when put in again, with one certificate each', async (t) => {
  const { options, authority } = await newLine(t)
  const chips = await Promise.all(Array.from({ length: CHIPS }, () => openVirtualChip()))
  const torn = chips.map((chip, index) => () => TrustX.open(cutBus(chip, 10 * (index + 1)), { patience: millis(50) }))
  const first = await runLine({ ...options, sockets: torn, parallel: 1 })
  assert.ok(first.outcomes.failed > CHIPS / 2, `only ${first.outcomes.failed} were cut`)

  const again = await Promise.all(chips.map(({ memory }) => openVirtualChip({ memory })))
  const second = await runLine({ ...options, sockets: again.map(connect), parallel: 4 })
  assert.equal(second.finished, CHIPS)
  assert.deepEqual([second.outcomes.failed, second.outcomes.scrapped], [0, 0])
  assert.equal(authority.issuedCount, CHIPS)
  assert.deepEqual([authority.unresolved, authority.voided], [[], []])
})

function connect(chip: VirtualChip): () => Promise<TrustX> {
  return () => TrustX.open(chip)
}

/** A bus that is gone after so many transfers. */
function cutBus(bus: I2cMaster, transfers: number): I2cBus {
  let count = 0
  const transfer = async <Value>(perform: () => Promise<Value>): Promise<Value> => {
    count += 1
    if (count > transfers) throw new Fault('I2C_BUS_GONE', { blame: 'peer', message: 'the bus is gone', remedy: '' })
    return perform()
  }
  return {
    write: (bytes) => transfer(async () => bus.write(bytes)),
    read: (count) => transfer(async () => bus.read(count)),
    close: () => bus.close(),
  }
}

interface TestLine {
  readonly options: Omit<LineOptions, 'sockets' | 'parallel'>
  readonly authority: Authority
  readonly folder: string
}

async function newLine(t: TestContext): Promise<TestLine> {
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
    count: 2 * CHIPS,
    profile: 'device',
    subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
    trustAnchor: authority.root.der,
    locks: ['key', 'certificate', 'trustAnchor'],
  } as const
  await authority.admit(order)
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  return { options: { order, authority: authority.station(order.id), ledger, ...ports }, authority, folder }
}
