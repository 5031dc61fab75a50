import { type Instant, instant, later, type Millis, millis, uint16 } from '@birthmark/foundation/kernel'
import { type ControlFrame, type DamagedFrame, type DataFrame, decodeFrame, encodeFrame } from './frame.ts'
import { ACKNOWLEDGE_TIMEOUT, decodeState, REGISTER } from './registers.ts'
import type { StepReport, Steps } from './steps.ts'

/**
 * The chip's registers as a host uses them. Every method may throw `I2C_NOT_ACKNOWLEDGED`, from a chip that does not
 * answer its address for too long, and what the bus throws.
 *
 * Source: IFX I2C protocol specification v1.65, physical layer.
 */
export class HostRegisters {
  #now: Instant = instant(0)

  /** When the last transaction ended. */
  get now(): Instant {
    return this.#now
  }

  /** Offers a frame to the chip. */
  *writeFrame(frame: DataFrame | ControlFrame): Steps<void> {
    const bytes = encodeFrame(frame, 1)
    bytes[0] = REGISTER.DATA
    this.#now = (yield { do: 'write', bytes }).now
  }

  /**
   * Gives the next frame that the chip offers, looking at once and then until `deadline`; `undefined` when it offers
   * none until then, or is idle for too long.
   */
  *pollFrame(deadline: Instant, frameBytesMax: number): Steps<DataFrame | ControlFrame | DamagedFrame | undefined> {
    const started = this.#now
    let idleSince = started
    for (;;) {
      const state = decodeState(this.#note(yield READ_STATE))
      const waiting = state?.waiting ?? 0
      if (state?.busy !== false || waiting > 0) idleSince = this.#now
      if (waiting > frameBytesMax) return { kind: 'damaged', why: 'size' }
      if (waiting > 0) {
        return decodeFrame(this.#note(yield { do: 'read', register: REGISTER.DATA, count: waiting }))
      }
      if (this.#now >= deadline || this.#now >= later(idleSince, IDLE_PATIENCE)) return undefined
      const pause = Math.round((this.#now - started) / POLL_SHARE)
      yield { do: 'pause', delay: millis(Math.min(Math.max(pause, 1), POLL_PAUSE_MS_MAX)) }
    }
  }

  /** Tells whether the chip certainly has nothing to say. */
  *isSilent(): Steps<boolean> {
    return decodeState(this.#note(yield READ_STATE))?.waiting === 0
  }

  /** Tells whether the chip is idle with nothing to say, for as long as it holds back a response that was read once. */
  *staysSilent(): Steps<boolean> {
    const started = this.#now
    let silentSince = started
    for (;;) {
      const state = decodeState(this.#note(yield READ_STATE))
      if (state?.waiting !== 0) return false
      if (state.busy) silentSince = this.#now
      else if (this.#now >= later(silentSince, ACKNOWLEDGE_TIMEOUT)) return true
      if (this.#now >= later(started, IDLE_PATIENCE)) return false
      yield { do: 'pause', delay: millis(POLL_PAUSE_MS_MAX) }
    }
  }

  /** Gives the fastest bus clock that the chip takes in its present mode, in kHz. */
  *clockMax(): Steps<number> {
    const bytes = this.#note(yield { do: 'read', register: REGISTER.MAX_SCL_FREQU, count: 4 })
    return ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  }

  /** Sets the mode of the bus interface for good, as the vendor's library does: 3 up to 400 kHz, 4 up to 1000. */
  *setMode(mode: number): Steps<void> {
    yield { do: 'write', bytes: Uint8Array.of(REGISTER.I2C_MODE, MODE_PERSISTS, mode) }
  }

  /** Sets the speed of the bus clock, where the bus lets its master decide it. */
  *setClock(kHz: number): Steps<void> {
    this.#now = (yield { do: 'clock', kHz }).now
  }

  /** Gives the frame length that the chip works with, in bytes. */
  *frameLength(): Steps<number> {
    const bytes = this.#note(yield { do: 'read', register: REGISTER.DATA_REG_LEN, count: 2 })
    return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
  }

  /** Asks for a frame length and gives the one that the chip works with now. */
  *setFrameLength(count: number): Steps<number> {
    yield { do: 'write', bytes: Uint8Array.of(REGISTER.DATA_REG_LEN, ...uint16(count)) }
    return yield* this.frameLength()
  }

  /** Asks for a warm reset and waits until it must be over. */
  *softReset(): Steps<void> {
    yield { do: 'write', bytes: Uint8Array.of(REGISTER.SOFT_RESET, 0, 0) }
    yield { do: 'pause', delay: RESET_PAUSE }
  }

  #note({ now, bytes = NOTHING }: StepReport): Uint8Array {
    this.#now = now
    return bytes
  }
}

const NOTHING = new Uint8Array(0)

/** The look at a chip that every command takes at least once. */
const READ_STATE = { do: 'read', register: REGISTER.I2C_STATE, count: 4 } as const

/**
 * A chip that took a command is busy or has something to read; one that is neither for this long has lost it, to a
 * reset for example. Well above the pause before a response is offered again.
 */
const IDLE_PATIENCE: Millis = millis(250)

/** Longest pause between two looks at I2C_STATE, in milliseconds, as the vendor's library does. */
const POLL_PAUSE_MS_MAX = 5

/**
 * A pause is this fraction of the time that has gone by: who polls so adds about 3 % to a long command, and little to
 * the traffic of a short one.
 */
const POLL_SHARE = 20

/** Bit 15 of I2C_MODE: the mode outlives a reset. */
const MODE_PERSISTS = 0x80

/** After a reset while non-volatile memory was being programmed (data sheet v2.70). */
const RESET_PAUSE: Millis = millis(12)
