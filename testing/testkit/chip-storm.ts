import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { type ChipFaults, freshMemory, openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { Fault, toHex } from '@birthmark/foundation/kernel'
import { seededRandom } from './random.ts'
import { seededCrypto } from './seeded-crypto.ts'
import { SkippingTime } from './skipping-time.ts'

/** Which faults happen, and how often each. */
export type StormFaults = Omit<ChipFaults, 'random'>

/** What a storm left behind. */
export interface StormResult {
  /** One line for each command: what it was, and `done` or the fault with what it says of the effect. */
  readonly log: readonly string[]
  readonly done: number
}

/**
 * Sends random commands to a virtual chip with faults, on virtual time, and asserts that each ends in the right answer
 * or in a declared fault that tells whether it may have been carried out. Everything follows from the seed.
 */
export async function runStorm(seed: number, count: number, faults: StormFaults): Promise<StormResult> {
  const random = seededRandom(seed)
  const time = new SkippingTime()
  const crypto = seededCrypto(seededRandom(seed + 1))
  const memory = freshMemory(crypto)
  const weather = { ...faults, random: seededRandom(seed + 2) }
  const chip = await openVirtualChip({ memory, clock: time, crypto, faults: weather })
  const host = new StormHost(new TrustX(chip, { clock: time, timers: time }), toHex(memory.uid), random)
  const log: string[] = []
  let done = 0
  for (let index = 0; index < count; index++) {
    const outcome = await host.command().catch((error: unknown) => `seed ${seed}, command ${index}: ${String(error)}`)
    assert.doesNotMatch(outcome, /^seed/)
    if (outcome.endsWith('done')) done++
    log.push(`${outcome} at ${time.now()}`)
  }
  await chip.close()
  return { log, done }
}

/** A host that knows what the chip may hold. */
class StormHost {
  readonly #element: TrustX
  readonly #uid: string
  readonly #random: () => number
  /** What object F1D0 may hold: one value, or more after writes whose fate is unknown. */
  #contents: readonly string[] = ['']
  /** The keys that slot E0F1 may hold; `undefined` for one that nobody has seen. */
  #keys: readonly (Uint8Array | undefined)[] = []
  readonly #commands: readonly (readonly [name: string, perform: () => Promise<void>])[] = [
    ['uid', () => this.#readUid()],
    ['hash', () => this.#hash()],
    ['write', () => this.#write()],
    ['read', () => this.#read()],
    ['keygen', () => this.#generate()],
    ['sign', () => this.#sign()],
    ['verify', () => this.#verify()],
    ['agree', () => this.#agree()],
    ['random', () => this.#draw()],
  ]

  constructor(element: TrustX, uid: string, random: () => number) {
    this.#element = element
    this.#uid = uid
    this.#random = random
  }

  /** Gives what came of it; throws what must not happen. */
  async command(): Promise<string> {
    const [name, perform] = this.#commands[Math.floor(this.#random() * this.#commands.length)]!
    try {
      await perform()
      return `${name} done`
    } catch (error) {
      if (!(error instanceof Fault && error.code.startsWith('TRUST_X_'))) throw error
      const executed = error.context['executed']
      assert.ok(executed === 'no' || executed === 'unknown', `${name}: ${error.code} without word on its effect`)
      return `${name} ${error.code} ${executed}`
    }
  }

  async #readUid(): Promise<void> {
    assert.equal((await this.#element.identify()).uid, this.#uid)
  }

  async #hash(): Promise<void> {
    const message = this.#bytes(this.#random() < 0.8 ? 40 : 3000)
    assert.equal(toHex(await this.#element.calcHash(message)), createHash('sha256').update(message).digest('hex'))
  }

  async #write(): Promise<void> {
    const data = this.#bytes(50)
    const perform = (): Promise<void> => this.#element.setDataObject(0xf1d0, data, { erase: true })
    await this.#change(
      perform,
      () => {
        this.#contents = [toHex(data)]
      },
      () => {
        this.#contents = [...this.#contents, toHex(data)]
      },
    )
  }

  async #read(): Promise<void> {
    const content = toHex(await this.#element.getDataObject(0xf1d0))
    assert.ok(this.#contents.includes(content), `F1D0 holds ${content}`)
    this.#contents = [content]
  }

  async #generate(): Promise<void> {
    let key: Uint8Array | undefined
    const perform = async (): Promise<void> => {
      key = await this.#element.generateKey('0xE0F1')
    }
    await this.#change(
      perform,
      () => {
        this.#keys = [key]
      },
      () => {
        this.#keys = [...this.#keys, undefined]
      },
    )
  }

  async #sign(): Promise<void> {
    const message = this.#bytes(20)
    const signature = await this.#element.signDigest('0xE0F1', createHash('sha256').update(message).digest())
    const fits = this.#keys.some((key) => key === undefined || verify('sha256', message, publicKey(key), signature))
    assert.ok(fits, 'a signature of another key')
  }

  async #verify(): Promise<void> {
    const { scalar, point } = KEY
    const digest = this.#bytes(32)
    const { r, s } = SIGNER.sign('ec-p256', scalar, digest)
    const signature = derSignature(r, s)
    const isRight = this.#random() < 0.5
    const shown = isRight ? digest : this.#bytes(32)
    assert.equal(await this.#element.verifySign(shown, signature, { curve: 'ec-p256', point }), isRight)
  }

  async #agree(): Promise<void> {
    await this.#element.genKeyPair(0xe100, 'ec-p256', 0x20)
    const peer = { curve: 'ec-p256', point: KEY.point } as const
    const [one, other] = [await this.#element.calcSSec(0xe100, peer), await this.#element.calcSSec(0xe100, peer)]
    assert.equal(toHex(one), toHex(other))
  }

  async #draw(): Promise<void> {
    assert.equal((await this.#element.random(32)).length, 32)
  }

  async #change(perform: () => Promise<void>, whenDone: () => void, whenUnknown: () => void): Promise<void> {
    try {
      await perform()
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

function publicKey(spki: Uint8Array): ReturnType<typeof createPublicKey> {
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
}

function derSignature(...numbers: readonly Uint8Array[]): Uint8Array {
  const integers = numbers.flatMap((number) => {
    const digits = [...number.subarray(number.findIndex((digit) => digit !== 0))]
    if ((digits[0] ?? 0) >= 0x80) digits.unshift(0)
    return [0x02, digits.length, ...digits]
  })
  return Uint8Array.of(0x30, integers.length, ...integers)
}

/** Of the outside world; the chip never sees its scalar. */
const SIGNER = seededCrypto(seededRandom(7))
const KEY = SIGNER.generateKey('ec-p256')
