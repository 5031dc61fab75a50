import {
  HostLink,
  type I2cMaster,
  performSteps,
  RESPONSE_PATIENCE,
  type Steps,
  type StopSignal,
} from '@birthmark/chip/i2c'
import { type Clock, type Fault, isFault, type Millis, type Timers, uint16 } from '@birthmark/foundation/kernel'
import { APPLICATION_ID, COMMAND, decodeResponse, encodeCommand } from './apdu.ts'
import { CHIP_ERROR } from './errors.ts'
import { refusalFault, trustXFault } from './faults.ts'
import { OID } from './objects.ts'

/** What a host needs to talk to a chip. */
export interface ConnectionOptions {
  readonly clock: Clock
  readonly timers: Timers
  /** How long one command may take inside the chip; default {@link RESPONSE_PATIENCE}. */
  readonly patience?: Millis
  /** Speed of the bus clock to agree on, in kHz; without it clock and mode stay as they are. */
  readonly clockKHz?: number
}

/** A command of the chip, and how messages call it. */
export interface NamedCommand {
  readonly name: string
  readonly code: number
  readonly param: number
  readonly data: readonly Uint8Array[]
  /** An earlier command of the same call has changed the chip: no fault may say any more that nothing was done. */
  readonly follows?: boolean
}

/**
 * A host's connection to one chip: commands go out one at a time, a refusal comes back as the fault of its error code.
 * After a failure on the bus the next command resets the chip and opens the application anew.
 */
export class Connection {
  readonly options: ConnectionOptions
  readonly #bus: I2cMaster
  readonly #link = new HostLink()
  #isOpen = false
  #isClosed = false
  #hasFailed = false
  /** Somebody has the turn; it goes on to the first of {@link #waiting} without a break. */
  #isBusy = false
  readonly #waiting: (() => void)[] = []
  /** Of the command under way: who may stop it, and what a fault says of its effect when it had none. */
  #signal: StopSignal | undefined
  #atLeast: Executed = 'no'

  constructor(bus: I2cMaster, options: ConnectionOptions) {
    this.#bus = bus
    this.options = options
  }

  /**
   * Does `work`, which may send several commands, when all that was asked for before is done.
   *
   * @param signal Drops it from the queue; once it runs, that is for {@link send} to see.
   * @throws `TRUST_X_QUEUE_FULL`, `TRUST_X_CANCELLED`, and what `work` throws
   */
  async inTurn<Result>(work: () => Promise<Result>, signal?: StopSignal): Promise<Result> {
    if (signal?.aborted === true) throw cancelled()
    if (!this.#isBusy) this.#isBusy = true
    else await this.#itsTurn(signal)
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#isBusy = false
      else next()
    }
  }

  /**
   * Sends one command, from inside {@link inTurn}, and gives its OutData.
   *
   * @throws `TRUST_X_COMMAND_LOST`, `TRUST_X_CANCELLED`, `TRUST_X_RESPONSE_INVALID`, or the fault of the chip's error
   *   code
   */
  async send(command: NamedCommand, signal?: StopSignal): Promise<Uint8Array> {
    const { name } = command
    this.#begin(name, command.follows === true ? 'unknown' : 'no', signal)
    if (this.#mustOpen) await this.#open(name)
    const data = await this.#exchange(command)
    if (data !== undefined) return data
    throw await this.#readRefusal(name, this.#link.executed)
  }

  /**
   * Opens the application, from inside {@link inTurn}, unless it is open.
   *
   * @throws `TRUST_X_COMMAND_LOST` when no chip answers, `TRUST_X_NOT_AVAILABLE`, `TRUST_X_CANCELLED`
   */
  async open(signal?: StopSignal): Promise<void> {
    this.#begin(OPEN_NAME, 'no', signal)
    if (this.#mustOpen) await this.#open(OPEN_NAME)
  }

  /** Lets go of the bus. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#bus.close()
  }

  /** Waits for the turn, or for the signal. */
  async #itsTurn(signal: StopSignal | undefined): Promise<void> {
    // The one whose turn it is counts too.
    if (this.#waiting.length + 1 >= WAITING_COUNT_MAX) {
      throw trustXFault('TRUST_X_QUEUE_FULL', { waiting: this.#waiting.length + 1, executed: 'no' })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (): void => {
      const place = this.#waiting.indexOf(resolve)
      if (place === -1) return
      this.#waiting.splice(place, 1)
      reject(cancelled())
    }
    this.#waiting.push(resolve)
    signal?.addEventListener('abort', leave)
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  get #mustOpen(): boolean {
    return !this.#isOpen || this.#link.isLost
  }

  #begin(command: string, executed: Executed, signal: StopSignal | undefined): void {
    this.#signal = signal
    this.#atLeast = executed
    if (this.#isClosed) throw trustXFault('TRUST_X_COMMAND_LOST', { command, why: 'closed', executed })
    if (signal?.aborted === true) throw trustXFault('TRUST_X_CANCELLED', { command, executed })
  }

  async #open(command: string): Promise<void> {
    this.#isOpen = false
    // The first time nobody else has talked to the chip; afterwards its state is unknown and a proven reset is due.
    const { clockKHz } = this.options
    const settings = clockKHz === undefined ? {} : { clockKHz }
    try {
      await this.#perform(this.#hasFailed ? this.#link.reset(settings) : this.#link.open(settings))
    } catch (error) {
      throw this.#lost(error, command, 'no')
    }
    const data = await this.#exchange({ ...OPEN_APPLICATION, name: command }, 'no')
    this.#hasFailed = data === undefined
    if (data === undefined) throw refusalFault(CHIP_ERROR.NOT_AVAILABLE, { command, executed: this.#executed('no') })
    this.#isOpen = true
  }

  /**
   * Gives OutData; `undefined` when the chip refused.
   *
   * @param executed Whether the caller's command took effect, when this exchange is only about it.
   */
  async #exchange({ name, code, param, data }: NamedCommand, executed?: Executed): Promise<Uint8Array | undefined> {
    const patience = this.options.patience ?? RESPONSE_PATIENCE
    let bytes: Uint8Array
    try {
      bytes = await this.#perform(this.#link.exchange(encodeCommand(code, param, ...data), patience))
    } catch (error) {
      throw this.#lost(error, name, executed)
    }
    const response = decodeResponse(bytes)
    if (response !== undefined) return response.ok ? response.data : undefined
    throw trustXFault('TRUST_X_RESPONSE_INVALID', { command: name, executed: this.#executed(executed ?? 'unknown') })
  }

  #perform<Result>(steps: Steps<Result>): Promise<Result> {
    const { clock, timers } = this.options
    return performSteps(steps, this.#bus, { clock, timers, signal: this.#signal })
  }

  #lost(error: unknown, command: string, executed?: Executed): Fault {
    this.#hasFailed = true
    const context = { command, why: codeOf(error), executed: this.#executed(executed ?? this.#link.executed) }
    const code = isFault(error, 'I2C_BROKEN_OFF') ? 'TRUST_X_CANCELLED' : 'TRUST_X_COMMAND_LOST'
    return trustXFault(code, context, error)
  }

  /** Asks why a command was refused. A chip that does not even answer that has lost its state. */
  async #readRefusal(command: string, executed: Executed): Promise<Fault> {
    const data = await this.#exchange({ ...READ_LAST_ERROR, name: command }, executed)
    if (data !== undefined) return refusalFault(data[0] ?? 0, { command, executed: this.#executed('no') })
    this.#isOpen = false
    this.#hasFailed = true
    // It was reset: the command did nothing now, but the same one may have been executed before the reset.
    return refusalFault(CHIP_ERROR.NOT_AVAILABLE, { command, executed: this.#executed(executed) })
  }

  #executed(executed: Executed): Executed {
    return executed === 'no' ? this.#atLeast : executed
  }
}

/**
 * Commands that may wait for one chip. At 60 ms for a signature this is four seconds of work; at the limit the call
 * fails with `TRUST_X_QUEUE_FULL`.
 */
export const WAITING_COUNT_MAX = 64

const OPEN_NAME = 'OpenApplication'

/** Bit 7 clears an error that an earlier host left behind. */
const OPEN_APPLICATION = { code: COMMAND.OPEN_APPLICATION | 0x80, param: 0x00, data: [APPLICATION_ID] }

/** Without bit 7, which would erase what is to be read. */
const READ_LAST_ERROR = { code: COMMAND.GET_DATA_OBJECT, param: 0x00, data: [uint16(OID.LAST_ERROR)] }

/** What faults say of a command's effect. */
type Executed = 'no' | 'unknown'

/** Of a call that was cancelled before its turn. */
function cancelled(): Fault {
  return trustXFault('TRUST_X_CANCELLED', { command: 'the call', executed: 'no' })
}

function codeOf(error: unknown): string {
  return isFault(error) ? error.code : 'the bus failed'
}
