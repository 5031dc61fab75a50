import { type Instant, uint16 } from '@birthmark/foundation/kernel'
import type { ChipLink } from './chip-link.ts'
import { BASE_ADDRESS, FRAME_BYTES_MAX, FRAME_BYTES_MIN, REGISTER } from './registers.ts'

/** What of the bus interface survives a reset when the host asks for it (bit 15 of BASE_ADDR and I2C_MODE). */
export interface BusSettings {
  /** 7-bit address. */
  readonly address: number
  /** 1 standard, 2 fast, 3 both, 4 fast mode plus. */
  readonly mode: number
}

/** What the chip tells of its timing, 32 bits each; all ones: not supported, use the default. */
export interface BusTimings {
  readonly guardTime: number
  readonly transTimeout: number
}

/** What a write to the registers asks of the chip. */
export type RegisterEvent =
  | { readonly kind: 'none' }
  /** Execute it and call {@link ChipLink.respond}. */
  | { readonly kind: 'command'; readonly command: Uint8Array }
  | { readonly kind: 'reset' }
  /** Keep these for the next reset. */
  | { readonly kind: 'settings'; readonly settings: BusSettings }

/**
 * The register interface of the chip: a write names a register in its first byte, a read gives the register named
 * last. Reading past the end of a register, or an unknown one, gives FF.
 *
 * Source: IFX I2C protocol specification v1.65, physical layer; data sheet v2.70, protocol constants.
 */
export class ChipRegisters {
  readonly #link: ChipLink
  readonly #timings: BusTimings
  #persistent: BusSettings
  #current: BusSettings
  #selected: number = REGISTER.DATA

  constructor(link: ChipLink, persistent: BusSettings = DEFAULT_BUS_SETTINGS, timings: BusTimings = DEFAULT_TIMINGS) {
    this.#link = link
    this.#timings = timings
    this.#persistent = persistent
    this.#current = persistent
  }

  get address(): number {
    return this.#current.address
  }

  /** The fastest bus clock of the present mode, in kHz. */
  get kHzMax(): number {
    return this.#current.mode === MODE_FAST_PLUS ? 1000 : 400
  }

  /** Does what power-up and warm reset do here: volatile settings and frame counters start over. */
  reset(): void {
    this.#current = this.#persistent
    this.#selected = REGISTER.DATA
    this.#link.reset()
  }

  /** Takes a write transaction: the register and, unless a read follows, its content. */
  write(bytes: Uint8Array, now: Instant): RegisterEvent {
    const register = bytes[0]
    if (register === undefined) return NONE
    this.#selected = register
    if (bytes.length === 1) return NONE
    switch (register) {
      case REGISTER.DATA: {
        const command = this.#link.receive(bytes, now, 1)
        return command === undefined ? NONE : { kind: 'command', command }
      }
      case REGISTER.DATA_REG_LEN:
        return this.#writeFrameLength(bytes)
      case REGISTER.SOFT_RESET:
        return { kind: 'reset' }
      case REGISTER.BASE_ADDR:
      case REGISTER.I2C_MODE:
        return bytes.length === 3 ? this.#writeSetting(register, wordAt(bytes)) : NONE
      default:
        return NONE
    }
  }

  /** Answers a read transaction of `count` bytes. */
  read(count: number, now: Instant): Uint8Array {
    const content = this.#content(now)
    if (this.#selected === REGISTER.DATA && content.length > 0 && count >= content.length) this.#link.taken(now)
    if (count === content.length) return content
    const answer = new Uint8Array(count).fill(0xff)
    answer.set(content.subarray(0, count))
    return answer
  }

  #content(now: Instant): Uint8Array {
    switch (this.#selected) {
      case REGISTER.DATA:
        return this.#link.waiting(now) ?? NOTHING
      case REGISTER.DATA_REG_LEN:
        return uint16(this.#link.frameBytesMax)
      case REGISTER.I2C_STATE:
        return this.#link.state(now)
      case REGISTER.MAX_SCL_FREQU:
        return uint32(this.kHzMax)
      case REGISTER.GUARD_TIME:
        return uint32(this.#timings.guardTime)
      case REGISTER.TRANS_TIMEOUT:
        return uint32(this.#timings.transTimeout)
      case REGISTER.I2C_MODE:
        return uint16(this.#current.mode)
      default:
        return isApplicationState(this.#selected) ? FOUR_ZEROS : NOTHING
    }
  }

  #writeFrameLength(bytes: Uint8Array): RegisterEvent {
    const wanted = wordAt(bytes)
    // A length that is too large is cut, one below the minimum is not taken: the host reads back to learn.
    if (bytes.length === 3 && wanted >= FRAME_BYTES_MIN) this.#link.frameBytesMax = Math.min(wanted, FRAME_BYTES_MAX)
    return NONE
  }

  #writeSetting(register: number, word: number): RegisterEvent {
    const value = register === REGISTER.BASE_ADDR ? word & 0x7f : word & 0x07
    if (register === REGISTER.I2C_MODE && (value < MODE_STANDARD || value > MODE_FAST_PLUS)) return NONE
    const change = register === REGISTER.BASE_ADDR ? { address: value } : { mode: value }
    this.#current = { ...this.#current, ...change }
    if ((word & BIT_PERSIST) === 0) return NONE
    this.#persistent = { ...this.#persistent, ...change }
    return { kind: 'settings', settings: this.#persistent }
  }
}

/** How the product leaves the works (data sheet v2.70). */
export const DEFAULT_BUS_SETTINGS: BusSettings = { address: BASE_ADDRESS, mode: 3 }

const DEFAULT_TIMINGS: BusTimings = { guardTime: 0xffffffff, transTimeout: 0xffffffff }

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

function wordAt(bytes: Uint8Array): number {
  return ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)
}

function isApplicationState(register: number): boolean {
  return register >= REGISTER.APP_STATE_0 && register <= REGISTER.APP_STATE_F
}

const NONE: RegisterEvent = { kind: 'none' }
const NOTHING = new Uint8Array(0)
const FOUR_ZEROS = new Uint8Array(4)
const BIT_PERSIST = 0x8000
const MODE_STANDARD = 1
const MODE_FAST_PLUS = 4
