import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, instant, isFault, millis, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { type BusFaultRates, faultyBus, NO_FAULTS } from '../../../testing/testkit/faulty-bus.ts'
import { seededRandom } from '../../../testing/testkit/random.ts'
import { SkippingTime } from '../../../testing/testkit/skipping-time.ts'
import type { I2cMaster, I2cSlave } from './bus.ts'
import { ChipLink } from './chip-link.ts'
import { ChipRegisters } from './chip-registers.ts'
import { HostLink } from './host-link.ts'
import { memoryBus } from './memory-bus.ts'
import { performSteps, type Steps } from './steps.ts'

/** A chip that answers each command with what `answer` makes of it, `delay` milliseconds later. */
function chipThat(time: SkippingTime, answer: (command: Uint8Array) => Uint8Array, delay = 0): I2cSlave {
  const link = new ChipLink(1557)
  const registers = new ChipRegisters(link)
  return {
    get address() {
      return registers.address
    },
    write(bytes) {
      const event = registers.write(bytes, time.now())
      if (event.kind === 'command') link.respond(answer(event.command), instant(time.now() + delay))
      if (event.kind === 'reset') registers.reset()
      return true
    },
    read: (count) => registers.read(count, time.now()),
    powerUp: () => registers.reset(),
    powerDown: () => undefined,
  }
}

/** A host on a bus. */
class Host {
  readonly link = new HostLink()
  readonly #bus: I2cMaster
  readonly #time: SkippingTime

  constructor(bus: I2cMaster, time: SkippingTime) {
    this.#bus = bus
    this.#time = time
  }

  do<Result>(steps: Steps<Result>): Promise<Result> {
    return performSteps(steps, this.#bus, { clock: this.#time, timers: this.#time })
  }

  exchange(command: Uint8Array): Promise<Uint8Array> {
    return this.do(this.link.exchange(command, millis(6000)))
  }
}

const echo = (command: Uint8Array): Uint8Array => Uint8Array.of(...command, 0xee)

test('any command and response go through, at any agreed frame length and speed of the chip', async () => {
  const frameLength = fc.integer({ min: 16, max: 277 })
  const commands = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(commands, frameLength, fc.nat({ max: 200 }), async (all, wanted, delay) => {
      const time = new SkippingTime()
      const host = new Host(memoryBus(chipThat(time, echo, delay)), time)
      await host.do(host.link.open({ frameBytes: wanted }))
      assert.equal(host.link.frameBytesMax, wanted)
      for (const command of all) assert.equal(toHex(await host.exchange(command)), toHex(echo(command)))
    }),
    { numRuns: 60 },
  )
})

test('an instant chip never makes its host wait', async () => {
  const time = new SkippingTime()
  const before = time.now()
  const host = new Host(memoryBus(chipThat(time, echo)), time)
  await host.do(host.link.open())
  await host.exchange(new Uint8Array(1557))
  assert.equal(time.now(), before)
})

test('a chip that offers a longer frame than was asked for is refused', async () => {
  const time = new SkippingTime()
  const bus: I2cMaster = {
    write: async () => undefined,
    read: async (count) => new Uint8Array(count),
    close: async () => undefined,
  }
  const host = new Host(bus, time)
  await assert.rejects(host.do(host.link.open()), (error) => isFault(error, 'I2C_FRAME_SIZE_REFUSED'))
})

test('a chip that sleeps for a while is waited for; one that is not there is a fault', async () => {
  const time = new SkippingTime()
  const chip = memoryBus(chipThat(time, echo))
  const wakesAt = time.now() + 50
  const sleepy: I2cMaster = {
    ...chip,
    write: async (bytes) => {
      if (time.now() < wakesAt) throw new Fault('I2C_NOT_ACKNOWLEDGED', { blame: 'peer', message: '', remedy: '' })
      await chip.write(bytes)
    },
  }
  const host = new Host(sleepy, time)
  await host.do(host.link.open())
  const nobody: I2cMaster = {
    ...chip,
    write: async () => {
      throw new Fault('I2C_NOT_ACKNOWLEDGED', { blame: 'peer', message: '', remedy: '' })
    },
  }
  const other = new Host(nobody, time)
  await assert.rejects(other.do(other.link.open()), (error) => isFault(error, 'I2C_NOT_ACKNOWLEDGED'))
})

test('a command that gets no response is a fault after the host’s patience, and may have been executed', async () => {
  const time = new SkippingTime()
  const host = new Host(memoryBus(chipThat(time, echo, 1e9)), time)
  await host.do(host.link.open())
  await assert.rejects(host.exchange(Uint8Array.of(1)), (error) => isFault(error, 'I2C_RESPONSE_MISSING'))
  assert.equal(host.link.executed, 'unknown')
  assert.equal(host.link.isLost, true)
})

test('a command whose last byte was not sent was not executed', async () => {
  const time = new SkippingTime()
  const chip = memoryBus(chipThat(time, echo))
  let writes = 0
  const failing: I2cMaster = {
    ...chip,
    write: async (bytes) => {
      if (++writes > 6) throw new Fault('I2C_BUS_GONE', { blame: 'operator', message: '', remedy: '' })
      await chip.write(bytes)
    },
  }
  const host = new Host(failing, time)
  await host.do(host.link.open())
  await assert.rejects(host.exchange(new Uint8Array(1000)), (error) => isFault(error, 'I2C_BUS_GONE'))
  assert.equal(host.link.executed, 'no')
})

test('a chip that always has something to read does not keep its host for ever', async () => {
  const time = new SkippingTime()
  const bus: I2cMaster = {
    write: async () => undefined,
    read: async (count) => (count === 2 ? Uint8Array.of(1, 0x15) : Uint8Array.of(0x48, 0, 0, 5, 9).subarray(0, count)),
    close: async () => undefined,
  }
  const host = new Host(bus, time)
  await host.do(host.link.open())
  await assert.rejects(host.exchange(Uint8Array.of(1)), (error) => isFault(error, 'I2C_COMMAND_UNANSWERED'))
})

test('a reset is proven: a chip that does not do it is a fault', async () => {
  const time = new SkippingTime()
  const chip = chipThat(time, echo)
  const stubborn = memoryBus({
    ...chip,
    write: (bytes) => (bytes[0] === 0x88 ? true : chip.write(bytes)),
  })
  const host = new Host(stubborn, time)
  await assert.rejects(host.do(host.link.reset()), (error) => isFault(error, 'I2C_NOT_RESET'))
  const honest = new Host(memoryBus(chipThat(time, echo)), time)
  await honest.do(honest.link.reset())
  assert.equal(honest.link.frameBytesMax, 0x115)
})

/** Faults one at a time, and all at once. */
const WEATHER: readonly (readonly [name: string, rates: BusFaultRates])[] = [
  ['NACKs', { ...NO_FAULTS, nack: 0.3 }],
  ['damaged writes', { ...NO_FAULTS, damagedWrite: 0.1 }],
  ['lost writes', { ...NO_FAULTS, lostWrite: 0.1 }],
  ['damaged reads', { ...NO_FAULTS, damagedRead: 0.1 }],
  ['resets', { ...NO_FAULTS, reset: 0.02 }],
  ['everything', { nack: 0.05, damagedWrite: 0.03, lostWrite: 0.03, damagedRead: 0.03, reset: 0.005 }],
]

for (const [name, rates] of WEATHER) {
  test(`with ${name} on the wires every exchange gives its own response or a declared fault`, async () => {
    let answered = 0
    for (let seed = 1; seed <= SEEDS; seed++) answered += await stormyExchanges(seed, rates)
    // The link is for this: most commands get through.
    assert.ok(answered > SEEDS * EXCHANGES * 0.5, `${answered} of ${SEEDS * EXCHANGES}`)
  })
}

test('on the wires no command is executed twice, whatever is repeated', async () => {
  const rates = { nack: 0.1, damagedWrite: 0.15, lostWrite: 0.15, damagedRead: 0.1, reset: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const time = new SkippingTime()
    const random = seededRandom(seed)
    let executed = 0
    const count = (): Uint8Array => Uint8Array.of(++executed)
    const host = new Host(faultyBus(chipThat(time, count, random() < 0.5 ? 0 : 40), random, rates), time)
    for (let exchanges = 0; exchanges < EXCHANGES; exchanges++) {
      const before = executed
      try {
        if (host.link.isLost) await host.do(exchanges === 0 ? host.link.open() : host.link.reset())
        const [answer] = await host.exchange(new Uint8Array(random() < 0.7 ? 20 : 700))
        assert.deepEqual([answer, executed], [before + 1, before + 1], `seed ${seed}`)
      } catch (error) {
        if (!isFault(error)) throw error
        assert.ok(executed === before || (executed === before + 1 && host.link.executed === 'unknown'), `seed ${seed}`)
      }
    }
  }
})

for (const missed of [1, 2, 3]) {
  test(`a chip that misses ${missed} re-syncs does not pass an old response off as the next one`, async () => {
    const time = new SkippingTime()
    const chip = chipThat(time, echo)
    const spoiled = { frames: false, resyncs: missed }
    const deaf = memoryBus({
      ...chip,
      write(bytes) {
        if (bytes[0] !== 0x80 || bytes.length === 1) return chip.write(bytes)
        // The chip never hears that its first response was read.
        if (!spoiled.frames) return bytes[1] === 0x80 ? true : chip.write(bytes)
        if (bytes[1] !== 0xc0) return chip.write(Uint8Array.from(bytes, (byte, at) => (at === 4 ? byte ^ 1 : byte)))
        spoiled.resyncs--
        spoiled.frames = spoiled.resyncs > 0
        return spoiled.resyncs >= 0 || chip.write(bytes)
      },
    })
    const host = new Host(deaf, time)
    await host.do(host.link.open())
    assert.equal(toHex(await host.exchange(Uint8Array.of(1))), '01ee')
    spoiled.frames = true
    const second = host.exchange(Uint8Array.of(2))
    if (missed < 3) assert.equal(toHex(await second), '02ee')
    else await assert.rejects(second, (error) => isFault(error, 'I2C_COMMAND_REFUSED'))
    assert.equal(host.link.executed, 'no')
  })
}

const SEEDS = 60
const EXCHANGES = 12

/** Counts the exchanges that were answered; every answer must be the one to its own question. */
async function stormyExchanges(seed: number, rates: BusFaultRates): Promise<number> {
  const time = new SkippingTime()
  const random = seededRandom(seed)
  const delay = random() < 0.5 ? 0 : 40
  const host = new Host(faultyBus(chipThat(time, echo, delay), random, rates), time)
  let answered = 0
  for (let count = 0; count < EXCHANGES; count++) {
    const size = random() < 0.7 ? 20 : 700
    const command = Uint8Array.from({ length: size }, (_, index) => (index < 2 ? count : Math.floor(random() * 256)))
    try {
      if (host.link.isLost) await host.do(count === 0 ? host.link.open() : host.link.reset())
      assert.equal(toHex(await host.exchange(command)), toHex(echo(command)), `seed ${seed}`)
      answered++
    } catch (error) {
      assert.ok(error instanceof Fault, `seed ${seed}: ${String(error)}`)
    }
  }
  return answered
}
