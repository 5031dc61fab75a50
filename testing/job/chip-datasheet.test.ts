import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { decodeFrame, type I2cMaster, memoryBus } from '@birthmark/chip/i2c'
import { type ChipMemory, datasheetTiming } from '@birthmark/chip/trust-x'
import { freshMemory, openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { openAuthority } from '@birthmark/factory/authority'
import { Ledger } from '@birthmark/factory/ledger'
import { runLine } from '@birthmark/factory/line'
import type { WorkOrder } from '@birthmark/factory/order'
import { millis, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { ledgerOptions } from '../testkit/ledger-options.ts'
import { newAuthority } from '../testkit/new-authority.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { SkippingTime } from '../testkit/skipping-time.ts'

/** Rows: the bus clock, the current limit in object E0C4. What a command takes by the data sheet follows from both. */
const CONDITIONS: readonly (readonly [kHz: number, milliamperes: number])[] = [
  [400, 6],
  [400, 15],
  [100, 15],
]

for (const [kHz, milliamperes] of CONDITIONS) {
  const where = `at ${kHz} kHz and ${milliamperes} mA`
  test(`${where} a personalisation takes the sum of its commands by the data sheet, within 5 %`, async (t) => {
    const { took, exchanges } = await personalise(t, kHz, milliamperes)
    const codes = exchanges.map(({ code }) => code)
    for (const code of [0x70, 0x01, 0x02, 0x31, 0x38]) assert.ok(codes.includes(code), `command ${code} is missing`)
    const timing = datasheetTiming(millis(0))
    const sum = exchanges.reduce<number>((total, { code, commandBytes, response }) => {
      const isRefused = response[0] === 0xff
      const curveBytes = !isRefused && [0x31, 0x38].includes(code) ? 32 : undefined
      const work = { code, commandBytes, responseBytes: response.length, curveBytes, isRefused, frameBytesMax: 277 }
      return total + timing.command({ ...work, kHz, milliamperes })
    }, timing.start)
    t.diagnostic(
      `${exchanges.length} commands, ${sum.toFixed(0)} ms by the data sheet, ${took.toFixed(0)} ms by the clock`,
    )
    assert.ok(Math.abs(took - sum) <= 0.05 * sum, `${took} ms, where ${exchanges.length} commands sum up to ${sum} ms`)
  })
}

/** Personalises one chip on a line, on virtual time. */
async function personalise(
  t: TestContext,
  clockKHz: number,
  milliamperes: number,
): Promise<{ readonly took: number; readonly exchanges: readonly Exchange[] }> {
  const folder = await scratchFolder(t)
  const authority = await openAuthority(await newAuthority(t))
  t.after(() => authority.close())
  const ledger = await Ledger.open(ledgerOptions(join(folder, 'ledger.jsonl')))
  t.after(() => ledger.close())
  const order: WorkOrder = { ...ORDER, trustAnchor: authority.root.der }
  await authority.admit(order)
  const time = new SkippingTime()
  const chip = await openVirtualChip({
    memory: await limited(milliamperes),
    clock: time,
    clockKHz,
    timing: 'datasheet',
  })
  const listener = new Listener(memoryBus(chip.slave))
  const startedAt = time.now()
  const { finished } = await runLine({
    order,
    sockets: [() => TrustX.open(listener, { clock: time, timers: time })],
    parallel: 1,
    authority: authority.station(order.id),
    ledger,
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
  })
  const took = time.now() - startedAt
  assert.equal(finished, 1)
  return { took, exchanges: listener.exchanges }
}

/** Gives the memory of a fresh chip whose current limit somebody has set. */
async function limited(milliamperes: number): Promise<ChipMemory> {
  const chip = await openVirtualChip({ memory: freshMemory() })
  const element = await TrustX.open(chip)
  await element.setDataObject(0xe0c4, Uint8Array.of(milliamperes))
  await element.close()
  return chip.memory
}

/** One command that went over the bus, and its whole response. */
interface Exchange {
  readonly code: number
  commandBytes: number
  readonly response: number[]
}

/** Puts together what goes over a bus without faults. */
class Listener implements I2cMaster {
  readonly exchanges: Exchange[] = []
  readonly #bus: I2cMaster
  #readsData = false

  constructor(bus: I2cMaster) {
    this.#bus = bus
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#readsData = bytes[0] === 0x80 && bytes.length === 1
    const frame = bytes[0] === 0x80 ? decodeFrame(bytes.subarray(1)) : undefined
    if (frame?.kind === 'data') {
      const [chain = 0, code = 0] = frame.packet
      if (chain < 2) this.exchanges.push({ code: code & 0x7f, commandBytes: 0, response: [] })
      const last = this.exchanges.at(-1)
      if (last !== undefined) last.commandBytes += frame.packet.length - 1
    }
    return this.#bus.write(bytes)
  }

  async read(count: number): Promise<Uint8Array> {
    const bytes = await this.#bus.read(count)
    const frame = this.#readsData ? decodeFrame(bytes) : undefined
    if (frame?.kind === 'data') this.exchanges.at(-1)?.response.push(...frame.packet.subarray(1))
    return bytes
  }

  close(): Promise<void> {
    return this.#bus.close()
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
