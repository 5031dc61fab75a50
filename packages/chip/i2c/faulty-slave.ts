import type { I2cSlave } from './bus.ts'
import { REGISTER } from './registers.ts'

/** How often each fault happens, 0 to 1; one that is left out does not. For testing drivers. */
export interface SlaveFaultRates {
  /** Per transaction: the chip does not answer its address. */
  readonly nack?: number
  /** Per frame, in both directions: one bit turns over, so that its check sequence is wrong. */
  readonly damaged?: number
  /** Per frame, in both directions: it never arrives; the host reads all ones instead of the chip's. */
  readonly lost?: number
  /** Per frame that the host writes: its answer is hidden for 1 to {@link LATE_LOOKS_MAX} looks. */
  readonly late?: number
  /** Per frame that the host writes: the chip starts over right after it, in the middle of the command. */
  readonly reset?: number
}

/**
 * Gives a chip that goes wrong as `random` says: same numbers, same faults.
 *
 * @param random Gives numbers from 0 up to 1.
 */
export function faultySlave(slave: I2cSlave, random: () => number, rates: SlaveFaultRates): I2cSlave {
  return new FaultySlave(slave, random, rates)
}

class FaultySlave implements I2cSlave {
  readonly #slave: I2cSlave
  readonly #random: () => number
  readonly #rates: SlaveFaultRates
  #selected = 0
  /** Looks at I2C_STATE that still show a chip at work. */
  #hiddenLooks = 0

  constructor(slave: I2cSlave, random: () => number, rates: SlaveFaultRates) {
    this.#slave = slave
    this.#random = random
    this.#rates = rates
  }

  get address(): number {
    return this.#slave.address
  }

  write(bytes: Uint8Array): boolean {
    const { nack, lost, damaged, late, reset } = this.#rates
    if (this.#happens(nack)) return false
    this.#selected = bytes[0] ?? this.#selected
    if (this.#selected !== REGISTER.DATA || bytes.length === 1) return this.#slave.write(bytes)
    if (this.#happens(lost)) return true
    if (this.#happens(late)) this.#hiddenLooks = 1 + Math.floor(this.#random() * LATE_LOOKS_MAX)
    const isTaken = this.#slave.write(this.#happens(damaged) ? this.#disturb(bytes, 1) : bytes)
    if (this.#happens(reset)) {
      this.powerDown()
      this.powerUp()
    }
    return isTaken
  }

  read(count: number): Uint8Array | undefined {
    const { nack, lost, damaged } = this.#rates
    if (this.#happens(nack)) return undefined
    if (this.#selected === REGISTER.I2C_STATE && this.#hiddenLooks > 0) {
      this.#hiddenLooks--
      // Past the end of a register there are ones.
      const state = new Uint8Array(count).fill(0xff)
      state.set(BUSY.subarray(0, count))
      return state
    }
    const bytes = this.#slave.read(count)
    if (bytes === undefined || this.#selected !== REGISTER.DATA) return bytes
    if (this.#happens(lost)) return new Uint8Array(count).fill(0xff)
    return this.#happens(damaged) ? this.#disturb(bytes, 0) : bytes
  }

  setClock(kHz: number): void {
    this.#slave.setClock?.(kHz)
  }

  powerUp(): void {
    this.#hiddenLooks = 0
    this.#slave.powerUp()
  }

  powerDown(): void {
    this.#slave.powerDown()
  }

  #happens(rate = 0): boolean {
    return rate > 0 && this.#random() < rate
  }

  /** Turns one bit over, at or behind byte `from`. */
  #disturb(bytes: Uint8Array, from: number): Uint8Array {
    const disturbed = Uint8Array.from(bytes)
    const bit = Math.floor(this.#random() * (disturbed.length - from) * 8)
    const at = from + (bit >> 3)
    disturbed[at] = (disturbed[at] ?? 0) ^ (1 << (bit & 7))
    return disturbed
  }
}

/** Looks that a late answer takes at most; at the pauses of the vendor's library these are 0.1 seconds. */
export const LATE_LOOKS_MAX = 24

/** I2C_STATE of a chip that works and has nothing to say. */
const BUSY = Uint8Array.of(0x88, 0, 0, 0)
