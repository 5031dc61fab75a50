import { type Instant, isFault, later, type Millis, millis } from '@birthmark/foundation/kernel'
import { i2cFault } from './faults.ts'
import {
  type ControlFrame,
  type DamagedFrame,
  type DataFrame,
  FIRST_COUNTER,
  FRAME_OVERHEAD_BYTES,
  nextNumber,
} from './frame.ts'
import { HostRegisters } from './host-registers.ts'
import { Reassembly, splitMessage } from './packet.ts'
import { ACKNOWLEDGE_TIMEOUT, FRAME_BYTES_MAX, FRAME_BYTES_MIN, TRIES_MAX } from './registers.ts'
import type { Steps } from './steps.ts'

/**
 * The host's end of the protocol, as conversations without I/O: perform them with {@link performSteps}, one at a time.
 * After a conversation failed nobody can know where the chip stands: {@link isLost} says so, and {@link reset} is the
 * only way on.
 *
 * Source: IFX I2C protocol specification v1.65; the order of accesses is the one of the vendor's host library.
 */
export class HostLink {
  readonly #registers = new HostRegisters()
  #sent = FIRST_COUNTER
  #received = FIRST_COUNTER
  #frameBytesMax = FRAME_BYTES_MAX
  #isLost = true
  /** The last byte of the command was sent, and the chip did not say that it did not take it. */
  #mayHaveRun = false
  /** The command was sent once without any word from the chip. */
  #wasSilent = false

  /** Longest frame that both ends take, in bytes. */
  get frameBytesMax(): number {
    return this.#frameBytesMax
  }

  /** True before {@link open} and after a failure: {@link exchange} would not be understood. */
  get isLost(): boolean {
    return this.#isLost
  }

  /**
   * Whether the command of a failed {@link exchange} may have taken effect: `no` until its last byte was sent, and
   * after the chip said that it did not take it. After a response: whether an earlier sending of the same command may
   * have, in a chip that was reset since; only to be asked when the response says that the chip knows nothing.
   */
  get executed(): 'no' | 'unknown' {
    return this.#mayHaveRun ? 'unknown' : 'no'
  }

  /**
   * Starts with a chip that nobody else talks to: re-sync, then agrees on clock and frame length. Waits for nothing.
   *
   * @throws `I2C_NOT_ACKNOWLEDGED`, `I2C_CLOCK_REFUSED`, `I2C_FRAME_SIZE_REFUSED`, and what the bus throws
   */
  *open({ frameBytes = FRAME_BYTES_MAX, clockKHz }: LinkSettings = {}): Steps<void> {
    this.#mayHaveRun = false
    this.#isLost = true
    if (clockKHz !== undefined) yield* this.#registers.setClock(NEGOTIATION_KHZ)
    yield* this.#resync()
    if (clockKHz !== undefined) yield* this.#agreeOnClock(clockKHz)
    const offered = yield* this.#registers.setFrameLength(frameBytes)
    if (offered > frameBytes || offered < FRAME_BYTES_MIN) {
      throw i2cFault('I2C_FRAME_SIZE_REFUSED', { offered, wanted: frameBytes })
    }
    this.#frameBytesMax = offered
    this.#isLost = false
  }

  /**
   * Makes the chip start over, whatever state it is in, and then {@link open}s it. The reset is proven: a register is
   * set to another value than its default before, and must have lost it afterwards. Takes 12 ms.
   *
   * @throws `I2C_NOT_RESET`, and as {@link open}
   */
  *reset(settings: LinkSettings = {}): Steps<void> {
    this.#mayHaveRun = false
    this.#isLost = true
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if ((yield* this.#registers.setFrameLength(FRAME_BYTES_MIN)) !== FRAME_BYTES_MIN) continue
      yield* this.#registers.softReset()
      if ((yield* this.#registers.frameLength()) !== FRAME_BYTES_MIN) return yield* this.open(settings)
    }
    throw i2cFault('I2C_NOT_RESET')
  }

  /**
   * Sends a command and gives its response. A frame without an answer is sent {@link TRIES_MAX} times; when the chip
   * shows that it does not have the last sending, both sides re-sync and the command is sent once more. After silence
   * it is not: it may have been executed.
   *
   * @param patience How long the chip may work on it; the vendor allows 6 seconds.
   * @throws `I2C_NOT_ACKNOWLEDGED`, `I2C_COMMAND_UNANSWERED`, `I2C_COMMAND_REFUSED`, `I2C_RESPONSE_MISSING`,
   *   `I2C_RESPONSE_DAMAGED`, and what the bus throws; see {@link executed} then
   */
  *exchange(command: Uint8Array, patience: Millis): Steps<Uint8Array> {
    this.#mayHaveRun = false
    this.#wasSilent = false
    this.#isLost = true
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const sent = yield* this.#sendCommand(command)
      if (sent === 'silence') throw i2cFault('I2C_COMMAND_UNANSWERED')
      const response = sent === 'not taken' ? sent : yield* this.#receiveResponse(sent, patience)
      if (response !== 'not taken') {
        this.#isLost = false
        this.#mayHaveRun = this.#wasSilent
        return response
      }
      this.#mayHaveRun = this.#wasSilent
      if (!(yield* this.#restart())) break
    }
    throw i2cFault('I2C_COMMAND_REFUSED')
  }

  /** As the vendor's library does it: the mode changes only when the chip's clock is on the wrong side of 400 kHz. */
  *#agreeOnClock(wanted: number): Steps<void> {
    for (let tries = 0; ; tries++) {
      let offered = yield* this.#registers.clockMax()
      const mode = wanted > FAST_MODE_KHZ ? MODE_FAST_PLUS : MODE_STANDARD_AND_FAST
      if (wanted > FAST_MODE_KHZ !== offered > FAST_MODE_KHZ) {
        yield* this.#registers.setMode(mode)
        offered = yield* this.#registers.clockMax()
      }
      if (wanted <= offered) return yield* this.#registers.setClock(wanted)
      // Registers have no checksum: a number that is too small may be a disturbed one.
      if (tries + 1 >= TRIES_MAX) throw i2cFault('I2C_CLOCK_REFUSED', { offered, wanted })
    }
  }

  /** Gives the first response frame when it came along with the acknowledgement of the last packet. */
  *#sendCommand(command: Uint8Array): Steps<DataFrame | Delivery> {
    const packets = splitMessage(command, this.#frameBytesMax - FRAME_OVERHEAD_BYTES)
    let outcome: DataFrame | Delivery = 'not taken'
    let left = packets.length
    for (const packet of packets) {
      left--
      const isLast = left === 0
      outcome = yield* this.#deliver(packet, isLast)
      // Half a chain is never executed; a response before its end says that the chip lost the thread.
      if (!isLast && outcome !== 'acknowledged') return 'not taken'
    }
    return outcome
  }

  /** What the chip says of one sending holds for those before it, never for one after it that it is silent about. */
  *#deliver(packet: Uint8Array, isLast: boolean): Steps<DataFrame | Delivery> {
    const number = nextNumber(this.#sent)
    const frame: DataFrame = { kind: 'data', number, acknowledges: this.#received, refuses: false, packet }
    let heard: Delivery = 'silence'
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      this.#mayHaveRun ||= isLast
      try {
        yield* this.#registers.writeFrame(frame)
      } catch (error) {
        // A chip that did not even answer its address has nothing of this sending.
        if (isFault(error, 'I2C_NOT_ACKNOWLEDGED')) this.#mayHaveRun = this.#wasSilent
        throw error
      }
      const answer = yield* this.#awaitAcknowledge(number)
      if (answer === 'acknowledged' || typeof answer === 'object') {
        this.#sent = number
        return answer
      }
      this.#wasSilent ||= isLast && answer === 'silence'
      // This sending was not taken; one before it, that nobody spoke of, may have been, if the chip was reset since.
      this.#mayHaveRun = this.#wasSilent
      heard = answer
    }
    return heard
  }

  /**
   * Looks at least once, then until the acknowledge timeout. A chip that asks for this very frame, or that still has
   * another one as its last, did not take it; after silence it may have. A NAK says nothing once this end has sent
   * something else, which it may be meant for.
   */
  *#awaitAcknowledge(number: number): Steps<DataFrame | Delivery> {
    const deadline = later(this.#registers.now, ACKNOWLEDGE_TIMEOUT)
    let heard: Delivery = 'silence'
    let hasSpoken = false
    for (let frames = 0; frames < STRAY_FRAMES_MAX; frames++) {
      const frame = yield* this.#poll(deadline)
      if (frame === undefined) return heard
      if (frame.kind === 'ack' && frame.number === number) return 'acknowledged'
      if (frame.kind === 'nak' && frame.number === number) return hasSpoken ? 'silence' : 'not taken'
      if (frame.kind === 'ack') heard = 'not taken'
      if (frame.kind === 'data' && frame.number === nextNumber(this.#received) && frame.acknowledges === number) {
        return frame
      }
      hasSpoken = (yield* this.#answerStray(frame)) || hasSpoken
    }
    return heard
  }

  *#receiveResponse(first: DataFrame | 'acknowledged', patience: Millis): Steps<Uint8Array | 'not taken'> {
    const reassembly = new Reassembly(RESPONSE_BYTES_MAX)
    const deadline = later(this.#registers.now, patience)
    let frame = first === 'acknowledged' ? yield* this.#nextResponseFrame(deadline, patience) : first
    for (;;) {
      this.#received = frame.number
      yield* this.#control('ack', frame.number)
      const result = reassembly.accept(frame.packet, this.#frameBytesMax - FRAME_OVERHEAD_BYTES)
      switch (result.kind) {
        case 'message':
          return result.message
        case 'refused':
          return 'not taken'
        case 'broken':
          throw i2cFault('I2C_RESPONSE_DAMAGED')
        case 'more':
          frame = yield* this.#nextResponseFrame(deadline, patience)
      }
    }
  }

  *#nextResponseFrame(deadline: Instant, patience: Millis): Steps<DataFrame> {
    for (let damaged = 0, frames = 0; damaged < TRIES_MAX && frames < STRAY_FRAMES_MAX; frames++) {
      const frame = yield* this.#poll(deadline)
      if (frame === undefined) throw i2cFault('I2C_RESPONSE_MISSING', { patienceMs: patience })
      const isNext = frame.kind === 'data' && frame.number === nextNumber(this.#received)
      if (isNext && frame.acknowledges === this.#sent) return frame
      if (frame.kind === 'damaged') damaged++
      yield* this.#answerStray(frame)
    }
    throw i2cFault('I2C_RESPONSE_DAMAGED')
  }

  /**
   * A receiver's duty to a frame that it does not take: what is damaged is asked for again, a data frame out of turn
   * gets an acknowledgement of the last good one, a control frame that is none is dropped. Tells whether it spoke.
   */
  *#answerStray(frame: DataFrame | ControlFrame | DamagedFrame): Steps<boolean> {
    if (frame.kind === 'damaged' && frame.why !== 'control') {
      // It may have been the acknowledgement or the response: the chip offers either again.
      yield* this.#control('nak', nextNumber(this.#received))
      return true
    }
    // A response that is known already means that its acknowledgement was lost.
    if (frame.kind === 'data') yield* this.#control('ack', this.#received)
    return frame.kind === 'data'
  }

  /** Gives the next frame that the chip offers until `deadline`. */
  #poll(deadline: Instant): Steps<DataFrame | ControlFrame | DamagedFrame | undefined> {
    return this.#registers.pollFrame(deadline, this.#frameBytesMax)
  }

  #control(kind: 'ack' | 'nak', number: number): Steps<void> {
    return this.#registers.writeFrame({ kind, number })
  }

  /** Sets both counters back. A chip that still has something to say did not hear it. */
  *#resync(): Steps<void> {
    this.#startCounting()
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      yield* this.#registers.writeFrame({ kind: 'resync' })
      if (yield* this.#registers.isSilent()) return
    }
  }

  /**
   * Re-syncs in the middle of the traffic, and tells whether the chip dropped what it had to say. One that did not hear
   * of it may hold the response to an earlier command, under the very numbers that the next response will have.
   */
  *#restart(): Steps<boolean> {
    this.#startCounting()
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      yield* this.#registers.writeFrame({ kind: 'resync' })
      if (yield* this.#registers.staysSilent()) return true
    }
    return false
  }

  #startCounting(): void {
    this.#sent = FIRST_COUNTER
    this.#received = FIRST_COUNTER
  }
}

/** What both ends agree on before the first command; every part has a default. */
export interface LinkSettings {
  /** Longest frame to use, {@link FRAME_BYTES_MIN} to {@link FRAME_BYTES_MAX} bytes, the default; a chip may cut it. */
  readonly frameBytes?: number
  /** Speed of the bus clock, up to 1000 kHz. Without it clock and mode stay as they are. */
  readonly clockKHz?: number
}

/** What became of a packet that no response came with. */
type Delivery = 'acknowledged' | 'not taken' | 'silence'

/** How long the vendor lets a command take, and its host library waits: TL_MAX_EXIT_TIMEOUT. */
export const RESPONSE_PATIENCE: Millis = millis(6000)

/** Fastest clock of standard and fast mode, and the clock that every chip takes (IFX I2C v1.65, I2C_MODE). */
const FAST_MODE_KHZ = 400
const NEGOTIATION_KHZ = 100

/** Values of I2C_MODE. */
const MODE_STANDARD_AND_FAST = 3
const MODE_FAST_PLUS = 4

/** How often a command is offered: once, and once more after a re-sync or a chaining error. */
const ROUNDS_MAX = 2

/**
 * Frames that a chip may offer while another one is awaited; repeats give two or three. At the limit it counts as no
 * answer: a chip that always has something to read must not keep its host busy for ever.
 */
const STRAY_FRAMES_MAX = 16

/** Longest response that is kept, in bytes; the chip's own maximum is 0x0615. */
const RESPONSE_BYTES_MAX = 4096
