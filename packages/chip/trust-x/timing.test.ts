import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeMicros } from '@birthmark/chip/i2c'
import { millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { SkippingTime } from '../../../testing/testkit/skipping-time.ts'
import { freshMemory, openVirtualChip, TrustX } from './adapters/index.ts'
import { CURVES } from './curves.ts'
import { type CommandWork, datasheetTiming } from './timing.ts'

const TIMING = datasheetTiming(millis(5))

/** At 400 kHz without current limit, in frames of 277 bytes. */
const WORK = { curveBytes: undefined, isRefused: false, frameBytesMax: 277, kHz: 400, milliamperes: 15 }

/** Rows: what, its lengths, what the data sheet's performance table says of the whole sequence, in milliseconds. */
const MEASURED: readonly (readonly [what: string, work: Partial<CommandWork> & { code: number }, total: number])[] = [
  ['a signature', { code: 0x31, commandBytes: 44, responseBytes: 74, curveBytes: 32 }, 60],
  ['a signature over a challenge', { code: 0x18, commandBytes: 4, responseBytes: 74, curveBytes: 32 }, 60],
  ['a verification', { code: 0x32, commandBytes: 187, responseBytes: 4, curveBytes: 32 }, 85],
  ['a key agreement', { code: 0x33, commandBytes: 87, responseBytes: 36, curveBytes: 32 }, 65],
  ['a key pair', { code: 0x38, commandBytes: 13, responseBytes: 75, curveBytes: 32 }, 80],
  ['a derivation', { code: 0x34, commandBytes: 97, responseBytes: 52 }, 140],
  ['16 random bytes', { code: 0x0c, commandBytes: 6, responseBytes: 20 }, 6],
  ['writing 100 bytes', { code: 0x02, commandBytes: 108, responseBytes: 4 }, 15],
  ['reading 100 bytes', { code: 0x01, commandBytes: 10, responseBytes: 104 }, 9],
  ['hashing 500 bytes at 5 kB/s', { code: 0x30, commandBytes: 507, responseBytes: 4 }, 100],
]

for (const [what, work, total] of MEASURED) {
  test(`${what} takes ${total} ms at 400 kHz without current limit, within 5 %`, () => {
    isNear(take(work), total)
  })
}

test('6 mA slow the chip down as it was measured on a host, and 9 mA give 60 % of full speed', () => {
  const [, sign] = MEASURED[0]!
  // 152 ms on a host that was slow itself.
  isNear(take({ ...sign, milliamperes: 6 }), 145)
  const own = (milliamperes: number): number => take({ ...sign, milliamperes }) - exchangeMicros(workOf(sign)) / 1000
  isNear(own(15) / own(9), 0.6)
  const shortHash = take({ code: 0x30, commandBytes: 23, responseBytes: 39, milliamperes: 6 })
  assert.ok(shortHash > 62 && shortHash < 72, String(shortHash))
})

/** Rows: lengths of command and response, longest frame, bus clock; what the wires take, counted by hand. */
const WIRES: readonly (readonly [
  commandBytes: number,
  responseBytes: number,
  frame: number,
  kHz: number,
  us: number,
])[] = [
  // Reading the UID, as in the data sheet's log with an acknowledgement of its own: 3 looks (7 bytes), the command
  // (18 bytes with address and register), its acknowledgement (8), the response (40), its acknowledgement (7).
  [10, 31, 277, 400, ((3 * 7 + 18 + 8 + 40 + 7) * 9 + 12 * 2) * 2.5 + 12 * 50],
  [10, 31, 277, 100, ((3 * 7 + 18 + 8 + 40 + 7) * 9 + 12 * 2) * 10 + 12 * 50],
  // The same in frames of 16 bytes: one for the command, four for the response (three of 16, one of 7 bytes).
  [10, 31, 16, 1000, ((6 * 7 + 18 + 8 + 3 * 19 + 10 + 4 * 7) * 9 + 27 * 2) * 1 + 27 * 50],
]

for (const [commandBytes, responseBytes, frameBytesMax, kHz, us] of WIRES) {
  test(`${commandBytes} + ${responseBytes} bytes in frames of ${frameBytesMax} at ${kHz} kHz take ${us} us`, () => {
    assert.equal(exchangeMicros({ commandBytes, responseBytes, frameBytesMax, kHz }), us)
  })
}

test('more bytes, a slower clock, shorter frames and less current never make a command faster', () => {
  const code = fc.constantFrom(0x01, 0x02, 0x0c, 0x30, 0x31, 0x38)
  const work = fc.record({
    code,
    commandBytes: fc.integer({ min: 4, max: 1557 }),
    responseBytes: fc.integer({ min: 4, max: 1557 }),
    frameBytesMax: fc.integer({ min: 17, max: 277 }),
    kHz: fc.integer({ min: 101, max: 1000 }),
    milliamperes: fc.integer({ min: 7, max: 15 }),
  })
  fc.assert(
    fc.property(work, (one) => {
      const base = take(one)
      assert.ok(take({ ...one, commandBytes: one.commandBytes + 1 }) > base)
      assert.ok(take({ ...one, responseBytes: one.responseBytes + 1 }) > base)
      assert.ok(take({ ...one, frameBytesMax: one.frameBytesMax - 1 }) >= base)
      assert.ok(take({ ...one, kHz: one.kHz - 1 }) > base)
      assert.ok(take({ ...one, milliamperes: one.milliamperes - 1 }) > base)
    }),
  )
})

test('a command that is refused before the work takes no longer than a short one', () => {
  assert.ok(take({ code: 0x31, commandBytes: 44, responseBytes: 4, isRefused: true }) < 10)
  assert.ok(take({ code: 0x32, commandBytes: 187, responseBytes: 4, isRefused: true, curveBytes: 32 }) > 80)
})

/** What one signature takes on a chip with a host, on virtual time. */
async function signing(options: {
  clockKHz?: number
  milliamperes?: number
  curve?: 'ec-p256' | 'ec-p384'
}): Promise<number> {
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const { clockKHz, milliamperes = 15, curve = 'ec-p256' } = options
  const element = await TrustX.open(chip, {
    clock: time,
    timers: time,
    ...(clockKHz === undefined ? {} : { clockKHz }),
  })
  await element.setDataObject(0xe0c4, Uint8Array.of(milliamperes))
  await element.genKeyPair(0xe0f1, curve, 0x10)
  const before = time.now()
  await element.calcSign(0xe0f1, new Uint8Array(32))
  await element.close()
  return time.now() - before
}

test('current limit, bus clock and curve change what a host waits for', async () => {
  isNear(await signing({}), 60)
  isNear(await signing({ milliamperes: 6 }), 145)
  assert.ok((await signing({ clockKHz: 100 })) > (await signing({ clockKHz: 400 })) + 5)
  const [p256 = 0, p384 = 0] = [...CURVES.values()].map(({ bytes }) => bytes ** 3)
  isNear(await signing({ curve: 'ec-p384' }), (60 * p384) / p256)
})

test('a chip that was never told fast mode plus counts 400 kHz at most', async () => {
  const longRead = async (clockKHz: number, agreed?: number): Promise<number> => {
    const time = new SkippingTime()
    const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet', clockKHz })
    const settings = agreed === undefined ? {} : { clockKHz: agreed }
    const element = await TrustX.open(chip, { clock: time, timers: time, ...settings })
    await element.setDataObject(0xf1e0, new Uint8Array(1500))
    const before = time.now()
    await element.getDataObject(0xf1e0)
    await element.close()
    return time.now() - before
  }
  assert.equal(await longRead(1000), await longRead(400))
  assert.ok((await longRead(100)) > (await longRead(400)) + 90)
  assert.ok((await longRead(400, 1000)) < (await longRead(400)) - 15)
})

function take(work: Partial<CommandWork> & { code: number }): number {
  return TIMING.command(workOf(work))
}

function workOf(work: Partial<CommandWork> & { code: number }): CommandWork {
  return { commandBytes: 4, responseBytes: 4, ...WORK, ...work }
}

function isNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 0.05 * expected, `${actual}, not ${expected}`)
}
