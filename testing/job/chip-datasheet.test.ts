import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type I2cBus, memoryBus } from '@birthmark/chip/i2c'
import { freshMemory, openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { openAuthority } from '@birthmark/factory/authority'
import { Ledger } from '@birthmark/factory/ledger'
import { runLine } from '@birthmark/factory/line'
import type { WorkOrder } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { newAuthority } from '../testkit/new-authority.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { SkippingTime } from '../testkit/skipping-time.ts'

/**
 * What a command takes, in milliseconds, and a reset: OPTIGA Trust X data sheet v2.70, performance at 400 kHz without
 * current limit. Opening the application is not in it; it is taken as long as a read.
 */
const TAKES_MS: ReadonlyMap<number, number> = new Map([
  [0x70, 9],
  [0x01, 9],
  [0x02, 15],
  [0x0c, 6],
  [0x31, 60],
  [0x38, 80],
])
const RESET_MS = 10

test('in the data sheet’s time a personalisation takes the sum of its commands, within 5 %', async (t) => {
  const folder = await scratchFolder(t)
  const authority = await openAuthority(await newAuthority(t))
  t.after(() => authority.close())
  const ledger = await Ledger.open({ path: join(folder, 'ledger.jsonl'), clock: systemClock, log: silentLog })
  t.after(() => ledger.close())
  const order: WorkOrder = { ...ORDER, trustAnchor: authority.root.der }
  await authority.admit(order)
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const commands: number[] = []
  const startedAt = time.now()
  const { finished } = await runLine({
    order,
    sockets: [() => TrustX.open(listening(memoryBus(chip.slave), commands), { clock: time, timers: time })],
    parallel: 1,
    authority: authority.station(order.id),
    ledger,
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  const took = time.now() - startedAt
  assert.equal(finished, 1)
  assert.ok(commands.includes(0x38) && commands.includes(0x31) && commands.length >= 12, String(commands))
  const sum = commands.reduce((total, code) => total + (TAKES_MS.get(code) ?? Number.NaN), RESET_MS)
  t.diagnostic(`${commands.length} commands, ${sum} ms by the data sheet, ${took} ms by the clock`)
  assert.ok(Math.abs(took - sum) <= 0.05 * sum, `${took} ms, where ${commands.length} commands sum up to ${sum} ms`)
})

/** Notes the code of every command that goes over the bus. */
function listening(bus: I2cBus, commands: number[]): I2cBus {
  return {
    write(bytes) {
      // Register, FCTR, LEN(2), PCTR, Cmd: a data frame that is a single packet or the first of a chain.
      const [register, control = 0x80, , , chain = 0, code] = bytes
      if (register === 0x80 && control < 0x80 && (chain & 0x07) < 2 && code !== undefined) commands.push(code & 0x7f)
      return bus.write(bytes)
    },
    read: (count) => bus.read(count),
    close: () => bus.close(),
  }
}

const ORDER: Omit<WorkOrder, 'trustAnchor'> = {
  id: 'PO-1',
  product: 'meter',
  count: 1,
  profile: 'device',
  subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
  locks: ['key', 'certificate', 'trustAnchor'],
}
