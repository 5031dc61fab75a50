import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { I2cBus, I2cMaster } from '@birthmark/chip/i2c'
import { fromHex, instant, isFault, millis } from '@birthmark/foundation/kernel'
import { SkippingTime } from '../../../testing/testkit/skipping-time.ts'
import { freshMemory, openVirtualChip, TrustX } from './adapters/index.ts'
import { nodeCrypto } from './adapters/node-crypto.ts'
import { TrustXDevice } from './device.ts'
import type { ChipMemory } from './memory.ts'

const TIMING = { start: millis(10), wake: millis(5), command: () => millis(3) }

/** A chip with power since 0, awake from 10 on. */
function sleepyDevice(memory: ChipMemory = freshMemory()): TrustXDevice {
  const device = new TrustXDevice(memory, { crypto: nodeCrypto, keep: () => true, timing: TIMING }, instant(0))
  device.powerUp(instant(0))
  return device
}

/** Whether the chip acknowledges a write that names I2C_STATE. */
function answers(device: TrustXDevice, now: number): boolean {
  return device.write(fromHex('82'), instant(now))
}

test('after 20 ms without being addressed the chip sleeps; being addressed wakes it', () => {
  const device = sleepyDevice()
  assert.equal(answers(device, 10), true)
  assert.equal(answers(device, 29), true)
  assert.equal(answers(device, 49), false)
  assert.equal(device.read(4, instant(53)), undefined)
  assert.equal(answers(device, 54), true)
  assert.equal(answers(device, 73), true)
  assert.equal(answers(device, 93), false)
})

test('the sleep delay is what object E0C3 says', async () => {
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const element = await TrustX.open(chip, { clock: time, timers: time })
  await element.setDataObject(0xe0c3, Uint8Array.of(200))
  time.pass(199)
  assert.equal(chip.slave.write(fromHex('82')), true)
  time.pass(200)
  assert.equal(chip.slave.write(fromHex('82')), false)
  await element.close()
})

test('a chip does not sleep while it works, while a response waits, or while events count', async () => {
  const device = sleepyDevice()
  device.write(fromHex('80 03 0015 00 F0 00 0010 D2760000 0447656E41757468 4170706C C9B6'), instant(10))
  assert.equal(answers(device, 200), true)
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const element = await TrustX.open(chip, { clock: time, timers: time })
  await element.genKeyPair(0xe0f1, 'ec-p256', 0x10)
  await element.calcSign(0xe0f1, new Uint8Array(32))
  time.pass(4000)
  assert.equal(chip.slave.write(fromHex('82')), true, 'an event counts for five seconds')
  time.pass(4000)
  assert.equal(chip.slave.write(fromHex('82')), false)
  await element.close()
})

test('an instant chip never sleeps', async () => {
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time })
  time.pass(1_000_000)
  assert.equal(chip.slave.write(fromHex('82')), true)
  await chip.close()
})

test('the driver wakes a sleeping chip, whose application, sessions and hash are as they were', async () => {
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const heard = { nacks: 0 }
  const element = await TrustX.open(counting(chip, heard), { clock: time, timers: time })
  await element.genKeyPair(0xe100, 'ec-p256', 0x10)
  for (let count = 0; count < 5; count++) {
    time.pass(1000)
    const before = heard.nacks
    assert.equal((await element.calcSign(0xe100, new Uint8Array(32)))[0], 0x30)
    assert.ok(heard.nacks > before, 'it slept')
  }
  await element.close()
})

test('a chip that wakes up later than the host waits is a fault, and nothing was carried out', async () => {
  const time = new SkippingTime()
  const options = { memory: freshMemory(), clock: time, timing: 'datasheet', choices: { wakeMillis: 300 } } as const
  const chip = await openVirtualChip(options)
  const element = await TrustX.open(chip, { clock: time, timers: time })
  time.pass(1000)
  await assert.rejects(element.random(8), (error) => {
    assert.ok(isFault(error, 'TRUST_X_COMMAND_LOST'), String(error))
    return error.context['executed'] === 'no' && error.context['why'] === 'I2C_NOT_ACKNOWLEDGED'
  })
  time.pass(100)
  assert.equal((await element.random(8)).length, 8)
  await element.close()
})

/** Counts what the chip does not acknowledge. */
function counting(bus: I2cMaster, heard: { nacks: number }): I2cBus {
  const note = (error: unknown): never => {
    if (isFault(error, 'I2C_NOT_ACKNOWLEDGED')) heard.nacks++
    throw error
  }
  return {
    write: (bytes) => (async () => bus.write(bytes))().catch(note),
    read: (count) => (async () => bus.read(count))().catch(note),
    close: () => bus.close(),
  }
}
