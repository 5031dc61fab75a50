import assert from 'node:assert/strict'
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { test } from 'node:test'
import { Fault, toHex } from '@birthmark/foundation/kernel'
import { type BusFaultRates, faultyBus, NO_FAULTS } from '../../../../testing/testkit/faulty-bus.ts'
import { seededRandom } from '../../../../testing/testkit/random.ts'
import { SkippingTime } from '../../../../testing/testkit/skipping-time.ts'
import { freshMemory, openVirtualChip, TrustX } from './index.ts'

/** Faults one at a time, and all at once. */
const WEATHER: readonly (readonly [name: string, rates: BusFaultRates])[] = [
  ['NACKs', { ...NO_FAULTS, nack: 0.2 }],
  ['damaged frames', { ...NO_FAULTS, damagedWrite: 0.04, damagedRead: 0.04 }],
  ['lost frames', { ...NO_FAULTS, lostWrite: 0.06 }],
  ['resets', { ...NO_FAULTS, reset: 0.01 }],
  ['everything', { nack: 0.03, damagedWrite: 0.02, lostWrite: 0.02, damagedRead: 0.02, reset: 0.003 }],
]

const SEEDS = 12
const COMMANDS = 30

for (const [name, rates] of WEATHER) {
  for (const timing of ['instant', 'datasheet'] as const) {
    test(`with ${name} and ${timing} timing the driver gives right answers or declared faults`, async () => {
      let done = 0
      // Rates are per transaction, and a host that waits for silicon makes several times as many of them.
      const perCommand = timing === 'instant' ? rates : { ...rates, reset: rates.reset / 4 }
      for (let seed = 1; seed <= SEEDS; seed++) done += await new Storm(seed, perCommand, timing).run()
      assert.ok(done > SEEDS * COMMANDS * 0.5, `${done} of ${SEEDS * COMMANDS} commands were done`)
    })
  }
}

/** One chip, one host, bad wires, and what the chip must hold. */
class Storm {
  readonly #random: () => number
  readonly #seed: number
  readonly #rates: BusFaultRates
  readonly #timing: 'instant' | 'datasheet'
  /** What object F1D0 may hold: one value, or two after a write whose fate is unknown. */
  #contents: readonly string[] = ['']
  /** The keys that slot E0F1 may hold; `undefined` for a key that nobody has seen. */
  #keys: readonly (KeyObject | undefined)[] = []
  #uid = ''

  constructor(seed: number, rates: BusFaultRates, timing: 'instant' | 'datasheet') {
    this.#seed = seed
    this.#rates = rates
    this.#timing = timing
    this.#random = seededRandom(seed)
  }

  /** Counts the commands that were done. */
  async run(): Promise<number> {
    const time = new SkippingTime()
    const memory = freshMemory()
    this.#uid = toHex(memory.uid)
    const chip = await openVirtualChip({ memory, clock: time, timing: this.#timing })
    const bus = faultyBus(chip.slave, this.#random, this.#rates)
    const element = new TrustX(bus, { clock: time, timers: time })
    const commands = [
      () => this.#readUid(element),
      () => this.#hash(element),
      () => this.#write(element),
      () => this.#read(element),
      () => this.#generate(element),
      () => this.#sign(element),
      () => this.#derive(element),
    ]
    let done = 0
    for (let count = 0; count < COMMANDS; count++) {
      const command = commands[Math.floor(this.#random() * commands.length)]!
      try {
        await command()
        done++
      } catch (error) {
        assert.ok(error instanceof Fault && error.code.startsWith('TRUST_X_'), `seed ${this.#seed}: ${String(error)}`)
        assert.ok(['no', 'unknown'].includes(String(error.context['executed'])), error.code)
      }
    }
    await chip.close()
    return done
  }

  async #readUid(element: TrustX): Promise<void> {
    assert.equal((await element.identify()).uid, this.#uid, `seed ${this.#seed}`)
  }

  async #hash(element: TrustX): Promise<void> {
    const message = this.#bytes(this.#random() < 0.5 ? 40 : 3000)
    const expected = createHash('sha256').update(message).digest('hex')
    assert.equal(toHex(await element.calcHash(message)), expected, `seed ${this.#seed}`)
  }

  async #write(element: TrustX): Promise<void> {
    const data = this.#bytes(50)
    await this.#remember(
      element.setDataObject(0xf1d0, data, { erase: true }),
      () => {
        this.#contents = [toHex(data)]
      },
      () => {
        this.#contents = [...this.#contents, toHex(data)]
      },
    )
  }

  async #read(element: TrustX): Promise<void> {
    const content = toHex(await element.getDataObject(0xf1d0))
    assert.ok(this.#contents.includes(content), `seed ${this.#seed}: ${content}`)
    this.#contents = [content]
  }

  async #generate(element: TrustX): Promise<void> {
    let key: KeyObject | undefined
    const attempt = element.generateKey('0xE0F1').then((spki) => {
      key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
    })
    await this.#remember(
      attempt,
      () => {
        this.#keys = [key]
      },
      () => {
        this.#keys = [...this.#keys, undefined]
      },
    )
  }

  async #sign(element: TrustX): Promise<void> {
    const message = this.#bytes(20)
    const signature = await element.signDigest('0xE0F1', createHash('sha256').update(message).digest())
    const fits = this.#keys.some((key) => key === undefined || verify('sha256', message, key, signature))
    assert.ok(fits, `seed ${this.#seed}: a signature of another key`)
  }

  /** Goes through sessions, which a reset must not leave half-filled unnoticed. */
  async #derive(element: TrustX): Promise<void> {
    const { point } = await element.exportKeyPair('ec-p256')
    await element.genKeyPair(0xe100, 'ec-p256', 0x20)
    const secret = await element.calcSSec(0xe100, { curve: 'ec-p256', point })
    await element.calcSSecInto(0xe101, 0xe100, { curve: 'ec-p256', point })
    await element.setDataObject(0xf1d1, secret, { erase: true })
    await element.setMetadata(0xf1d1, Uint8Array.of(0xd3, 1, 0))
    const seed = this.#bytes(20)
    const [one, other] = [await element.deriveKey(0xe101, seed, 32), await element.deriveKey(0xf1d1, seed, 32)]
    assert.equal(toHex(one), toHex(other), `seed ${this.#seed}`)
  }

  async #remember(attempt: Promise<void>, whenDone: () => void, whenUnknown: () => void): Promise<void> {
    try {
      await attempt
      whenDone()
    } catch (error) {
      if (error instanceof Fault && error.context['executed'] !== 'no') whenUnknown()
      throw error
    }
  }

  #bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.#random() * 256))
  }
}
