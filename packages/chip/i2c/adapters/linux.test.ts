import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { openLinuxBus } from './index.ts'

test('without the package the fault names it and how to install it', async () => {
  await assert.rejects(openLinuxBus('/dev/i2c-1'), (error) => {
    assert.ok(isFault(error, 'I2C_PACKAGE_MISSING'))
    assert.match(`${error.message}. ${error.remedy}`, /package i2c-bus.*npm install i2c-bus/)
    return true
  })
})

test('a package that is another one is refused as a missing one', async () => {
  for (const other of [{}, undefined, { openPromisified: 3 }, { openPromisified: async () => ({ close: 1 }) }]) {
    await assert.rejects(openLinuxBus('/dev/i2c-1', { load: async () => other }), { code: 'I2C_PACKAGE_MISSING' })
  }
})

test('what is no name of a bus is refused before anything is opened', async () => {
  for (const name of ['', '/dev/i2c-', '/dev/i2c-1/..', 'i2c-1', '/dev/spidev0.0', '/dev/i2c-1234']) {
    await assert.rejects(openLinuxBus(name), { code: 'I2C_DEVICE_NAME_INVALID' }, name)
  }
})

test('a bus that the system does not have is named, with the system’s reason', async () => {
  const load = async () => ({ openPromisified: () => Promise.reject(systemError('ENOENT')) })
  await assert.rejects(openLinuxBus('/dev/i2c-7', { load }), (error) => {
    assert.ok(isFault(error, 'I2C_DEVICE_UNUSABLE'))
    assert.match(error.message, /\/dev\/i2c-7 .*ENOENT/)
    return true
  })
})

for (const nack of ['ENXIO', 'EREMOTEIO', 'EIO']) {
  test(`the driver works over plain transactions, and addresses a chip again that gives ${nack}`, async () => {
    const { load, counts } = await wires({ nack, every: 3 })
    const element = await TrustX.open(await openLinuxBus('/dev/i2c-1', { load }))
    assert.match((await element.identify()).uid, /^cd16/)
    await element.setDataObject(0xf1e0, new Uint8Array(1500).fill(7), { erase: true })
    assert.equal((await element.getDataObject(0xf1e0)).length, 1500)
    await element.close()
    assert.ok(counts.nacks > 10)
    assert.deepEqual([counts.longestWrite, counts.closed], [278, 1])
  })
}

test('a bus that breaks fails the command with what the system says', async () => {
  const { load } = await wires({ nack: 'ENODEV', every: 1 })
  const bus = await openLinuxBus('/dev/i2c-1', { load })
  await assert.rejects(TrustX.open(bus), (error) => {
    assert.ok(isFault(error, 'TRUST_X_COMMAND_LOST'))
    return /I2C_DEVICE_UNUSABLE/.test(error.message)
  })
  await bus.close()
  await assert.rejects(bus.read(4), { code: 'I2C_BUS_GONE' })
})

test('whatever a package does, the bus opens or fails with a declared fault, and so does every transfer', async () => {
  const anything = fc.oneof(fc.constant(undefined), fc.nat(), fc.string(), fc.constant(null), fc.object())
  const outcome = fc.oneof(
    fc.constantFrom('ENXIO', 'EREMOTEIO', 'EIO', 'ENODEV', 'ETIMEDOUT').map((code) => ({ code })),
    fc.nat({ max: 300 }).map((bytesRead) => ({ bytesRead })),
    fc.constant({ throws: 'a string' }),
  )
  const perform = async (done: typeof outcome extends fc.Arbitrary<infer Value> ? Value : never) => {
    if ('code' in done) throw systemError(done.code)
    // oxlint-disable-next-line typescript/only-throw-error -- a foreign package may throw anything
    if ('throws' in done) throw done.throws
    return { bytesRead: done.bytesRead, bytesWritten: done.bytesRead }
  }
  await fc.assert(
    fc.asyncProperty(
      fc.string({ maxLength: 14 }),
      fc.option(anything),
      fc.array(outcome),
      async (name, odd, script) => {
        const opened = {
          i2cWrite: () => perform(script.shift() ?? { bytesRead: 0 }),
          i2cRead: () => perform(script.shift() ?? { bytesRead: 0 }),
          close: async () => undefined,
        }
        const load = async () => (odd === null ? { openPromisified: async () => opened } : odd)
        await declared(openLinuxBus(name, { load }))
        const bus = await declared(openLinuxBus('/dev/i2c-1', { load }))
        if (bus === undefined) return
        while (script.length > 0) {
          await declared(bus.write(Uint8Array.of(0x82)))
          const bytes: Uint8Array | undefined = await declared(bus.read(20))
          if (bytes !== undefined) assert.ok(bytes.length <= 20)
        }
        await bus.close()
        await assert.rejects(bus.read(1), { code: 'I2C_BUS_GONE' })
      },
    ),
  )
})

async function declared<Value>(attempt: Promise<Value>): Promise<Value | undefined> {
  try {
    return await attempt
  } catch (error) {
    assert.ok(isFault(error) && error.code.startsWith('I2C_'), String(error))
    return undefined
  }
}

/** Stands for `i2c-bus` on a machine with wires: a virtual chip, and an error instead of every n-th acknowledgement. */
async function wires({ nack, every }: { nack: string; every: number }) {
  const chip = await openVirtualChip()
  const counts = { transfers: 0, nacks: 0, longestWrite: 0, closed: 0 }
  const begin = (): void => {
    counts.transfers++
    if (counts.transfers % every > 0) return
    counts.nacks++
    throw systemError(nack)
  }
  const opened = {
    async i2cWrite(address: number, count: number, bytes: Uint8Array) {
      begin()
      assert.deepEqual([address, count], [0x30, bytes.length])
      counts.longestWrite = Math.max(counts.longestWrite, count)
      await chip.write(Uint8Array.from(bytes))
      return { bytesWritten: count, buffer: bytes }
    },
    async i2cRead(address: number, count: number, buffer: Uint8Array) {
      begin()
      assert.equal(address, 0x30)
      buffer.set(await chip.read(count))
      return { bytesRead: count, buffer }
    },
    async close() {
      counts.closed++
      await chip.close()
    },
  }
  return { load: async () => ({ openPromisified: async () => opened }), counts }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: from the system`), { code })
}
