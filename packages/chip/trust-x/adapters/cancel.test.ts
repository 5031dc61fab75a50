import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type I2cMaster, memoryBus } from '@birthmark/chip/i2c'
import { Fault, isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { SkippingTime } from '../../../../testing/testkit/skipping-time.ts'
import { freshMemory, openVirtualChip, TrustX, type VirtualChip } from './index.ts'

/** A chip with a host, on virtual time, and what the host writes into DATA. */
async function bench(t: TestContext, spy: (frame: Uint8Array) => void = () => undefined) {
  const time = new SkippingTime()
  const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
  const element = await TrustX.open(spied(chip, spy), { clock: time, timers: time })
  t.after(() => chip.close())
  return { time, chip, element }
}

/** Tells of every data frame that the chip took. */
function spied(chip: VirtualChip, spy: (frame: Uint8Array) => void): I2cMaster {
  const bus = memoryBus(chip.slave)
  return {
    ...bus,
    write: async (bytes) => {
      await bus.write(bytes)
      if (bytes[0] === 0x80 && bytes.length > 6 && (bytes[1] ?? 0x80) < 0x80) spy(bytes)
    },
  }
}

test('a call whose signal was given before is dropped without a word to the chip', async (t) => {
  let frames = 0
  const { element } = await bench(t, () => frames++)
  const before = frames
  await cancels(element.until(AbortSignal.abort()).random(8), 'no')
  assert.equal(frames, before)
})

test('a call that waits for its turn is dropped; those before and behind it are done in order', async (t) => {
  const { element, chip } = await bench(t)
  const stop = new AbortController()
  const done: string[] = []
  const write = (target: TrustX, value: number): Promise<void> =>
    target.setDataObject(0xf1d0, Uint8Array.of(value)).finally(() => done.push(String(value)))
  const calls = [write(element, 1), write(element.until(stop.signal), 2), write(element, 3)]
  stop.abort()
  await cancels(calls[1]!, 'no')
  assert.deepEqual(done, ['2'])
  await Promise.all([calls[0], calls[2]])
  assert.deepEqual(done, ['2', '1', '3'])
  assert.deepEqual(chip.memory.objects.get(0xf1d0)?.content, Uint8Array.of(3))
})

test('a place in the queue is free again after its call was dropped', async (t) => {
  const { element } = await bench(t)
  const stop = new AbortController()
  const first = element.random(8)
  const waiting = Array.from({ length: 63 }, () => element.until(stop.signal).random(8))
  await assert.rejects(element.random(8), { code: 'TRUST_X_QUEUE_FULL' })
  stop.abort()
  for (const each of waiting) await cancels(each, 'no')
  assert.equal((await element.random(8)).length, 8)
  assert.equal((await first).length, 8)
})

test('a command that the chip works on is broken off: it may have been carried out; the next works', async (t) => {
  const stop = new AbortController()
  const { element, chip } = await bench(t, (frame) => {
    if (frame[5] === 0x02) stop.abort()
  })
  await cancels(element.until(stop.signal).setDataObject(0xf1d0, Uint8Array.of(7)), 'unknown')
  assert.deepEqual(await element.getDataObject(0xf1d0), Uint8Array.of(7))
  assert.deepEqual(chip.memory.objects.get(0xf1d0)?.content, Uint8Array.of(7))
})

test('a chain that is broken off before its last frame was not carried out', async (t) => {
  const stop = new AbortController()
  const { element } = await bench(t, (frame) => {
    if ((frame[4] ?? 0) === 0x01) stop.abort()
  })
  await cancels(element.until(stop.signal).setDataObject(0xf1e0, new Uint8Array(1500)), 'no')
  assert.equal((await element.getDataObject(0xf1e0)).length, 0)
})

test('a call of several commands that is broken off in a later one was carried out in part', async (t) => {
  const stop = new AbortController()
  let writes = 0
  const { element } = await bench(t, (frame) => {
    const isFirst = frame[4] === 0x00 || frame[4] === 0x01
    if (isFirst && frame[5] === 0x02 && ++writes === 2) stop.abort()
  })
  // 1728 bytes go out in two commands.
  await cancels(element.until(stop.signal).setDataObject(0xe0e1, new Uint8Array(1728)), 'unknown')
  assert.ok((await element.getDataObject(0xe0e1)).length >= 1549)
})

test('a later piece that the chip refuses says that something was written before it', async (t) => {
  const { element } = await bench(t)
  await assert.rejects(element.setDataObject(0xe0e8, new Uint8Array(1600)), (error) => {
    assert.ok(isFault(error, 'TRUST_X_BOUNDARY_EXCEEDED'), String(error))
    return error.context['executed'] === 'no'
  })
  await assert.rejects(element.setDataObject(0xe0e1, new Uint8Array(1729)), (error) => {
    assert.ok(isFault(error, 'TRUST_X_BOUNDARY_EXCEEDED'), String(error))
    return error.context['executed'] === 'unknown'
  })
})

test('a signal that comes after the answer changes nothing', async (t) => {
  const { element } = await bench(t)
  const stop = new AbortController()
  const mine = element.until(stop.signal)
  assert.equal((await mine.random(8)).length, 8)
  stop.abort()
  await cancels(mine.random(8), 'no')
  assert.equal((await element.random(8)).length, 8)
})

test('whenever a signal comes, what a call says of its effect is true, and the chip works on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 600 }), async (steps, size) => {
      const time = new SkippingTime()
      const chip = await openVirtualChip({ memory: freshMemory(), clock: time, timing: 'datasheet' })
      const bus = memoryBus(chip.slave)
      const stop = new AbortController()
      let left = steps
      const element = await TrustX.open(
        {
          ...bus,
          write: async (bytes) => {
            await bus.write(bytes)
            if (left-- === 0) stop.abort()
          },
        },
        { clock: time, timers: time },
      )
      const data = new Uint8Array(size).fill(0x5a)
      const executed = await element
        .until(stop.signal)
        .setDataObject(0xf1e0, data)
        .then(() => 'done', executedOf)
      const held = (await element.getDataObject(0xf1e0)).length
      if (executed === 'done') assert.equal(held, size)
      if (executed === 'no') assert.equal(held, 0)
      await chip.close()
    }),
    { numRuns: 150 },
  )
})

function executedOf(error: unknown): unknown {
  assert.ok(isFault(error, 'TRUST_X_CANCELLED'), String(error))
  return error.context['executed']
}

async function cancels(call: Promise<unknown>, executed: 'no' | 'unknown'): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof Fault && error.code === 'TRUST_X_CANCELLED', String(error))
    assert.equal(error.context['executed'], executed)
    assert.match(error.message, new RegExp(`carried out: ${executed}$`))
    return true
  })
}
