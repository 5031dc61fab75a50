import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SkippingTime } from '../../../../testing/testkit/skipping-time.ts'
import { freshMemory, openVirtualChip, TrustX, type VirtualChip } from './index.ts'

test('a tray of two hundred chips works side by side', async () => {
  const elements = await Promise.all(Array.from({ length: 200 }, async () => TrustX.open(await openVirtualChip())))
  const keys = await Promise.all(elements.map((element) => element.generateKey('0xE0F1')))
  await Promise.all(elements.map((element, index) => element.writeCertificate('0xE0E1', keys[index]!)))
  const read = await Promise.all(elements.map((element) => element.readCertificate('0xE0E1')))
  assert.deepEqual(read, keys)
  await Promise.all(elements.map((element) => element.close()))
})

test('a chip in memory takes less than 20 KB, personalised and with its host', async () => {
  const count = 300
  const certificate = new Uint8Array(600).fill(0x30)
  const make = async (): Promise<TrustX> => {
    const element = await TrustX.open(await openVirtualChip())
    await element.generateKey('0xE0F1')
    await element.writeCertificate('0xE0E1', certificate)
    return element
  }
  await Promise.all(Array.from({ length: 50 }, make))
  const before = usedBytes()
  const elements = await Promise.all(Array.from({ length: count }, make))
  const perChip = (usedBytes() - before) / count
  assert.ok(perChip < 20_000, `${Math.round(perChip)} bytes`)
  assert.equal(elements.length, count)
})

test('with the data sheet’s timing a chip takes its time, and a busy one gets slower', async () => {
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const element = await TrustX.open(chip, { clock: time, timers: time })
  await element.generateKey('0xE0F1')
  const digest = new Uint8Array(32)
  const took = async (): Promise<number> => {
    const before = time.now()
    await element.signDigest('0xE0F1', digest)
    return time.now() - before
  }
  assert.ok((await took()) >= 60)
  // Back to back, 60 ms each, the counter climbs past 127; then each signature waits for the next.
  for (let count = 0; count < 140; count++) await element.signDigest('0xE0F1', digest)
  assert.ok((await took()) >= 60 + 200, String(await took()))
  await element.close()
})

test('an instant chip answers a thousand commands without a moment passing', async () => {
  const time = new SkippingTime()
  const before = time.now()
  const chip: VirtualChip = await openVirtualChip({ memory: freshMemory(), clock: time })
  const element = await TrustX.open(chip, { clock: time, timers: time })
  await element.generateKey('0xE0F1')
  for (let count = 0; count < 1000; count++) await element.signDigest('0xE0F1', new Uint8Array(32))
  assert.equal(time.now(), before)
  await element.close()
})

/** Bytes in use after a collection. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  assert.ok(typeof collect === 'function')
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
