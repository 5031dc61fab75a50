import { HostLink, type I2cBus, performSteps, RESPONSE_PATIENCE, type Steps } from '@birthmark/chip/i2c'
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
}

/** A command of the chip, and how messages call it. */
export interface NamedCommand {
  readonly name: string
  readonly code: number
  readonly param: number
  readonly data: readonly Uint8Array[]
}

/**
 * A host's connection to one chip: commands go out one at a time, a refusal comes back as the fault of its error code.
 * After a failure on the bus the next command resets the chip and opens the application anew.
 */
export class Connection {
  readonly #bus: I2cBus
  readonly #options: ConnectionOptions
  readonly #link = new HostLink()
  #isOpen = false
  #isClosed = false
  #hasFailed = false
  #waiting = 0
  #tail: Promise<void> = Promise.resolve()

  constructor(bus: I2cBus, options: ConnectionOptions) {
    this.#bus = bus
    this.#options = options
  }

  /**
   * Does `work`, which may send several commands, when all that was asked for before is done.
   *
   * @throws `TRUST_X_QUEUE_FULL`, and what `work` throws
   */
  async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= WAITING_COUNT_MAX) throw trustXFault('TRUST_X_QUEUE_FULL', { waiting: this.#waiting })
    this.#waiting++
    const before = this.#tail
    let finish = (): void => undefined
    this.#tail = new Promise((resolve) => {
      finish = resolve
    })
    try {
      await before
      return await work()
    } finally {
      this.#waiting--
      finish()
    }
  }

  /**
   * Sends one command, from inside {@link inTurn}, and gives its OutData.
   *
   * @throws `TRUST_X_COMMAND_LOST`, `TRUST_X_RESPONSE_INVALID`, or the fault of the chip's error code
   */
  async send(command: NamedCommand): Promise<Uint8Array> {
    const { name } = command
    if (this.#isClosed) throw trustXFault('TRUST_X_COMMAND_LOST', { command: name, why: 'closed', executed: 'no' })
    if (!this.#isOpen || this.#link.isLost) await this.#open(name)
    const data = await this.#exchange(command)
    if (data !== undefined) return data
    throw await this.#readRefusal(name, this.#link.executed)
  }

  /** Lets go of the bus. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#bus.close()
  }

  async #open(command: string): Promise<void> {
    this.#isOpen = false
    // The first time nobody else has talked to the chip; afterwards its state is unknown and a proven reset is due.
    await this.#perform(this.#hasFailed ? this.#link.reset() : this.#link.open(), command, 'no')
    const data = await this.#exchange({ ...OPEN_APPLICATION, name: command }, 'no')
    this.#hasFailed = data === undefined
    if (data === undefined) throw refusalFault(CHIP_ERROR.NOT_AVAILABLE, { command })
    this.#isOpen = true
  }

  /**
   * Gives OutData; `undefined` when the chip refused.
   *
   * @param executed Whether the caller's command took effect, when this exchange is only about it.
   */
  async #exchange({ name, code, param, data }: NamedCommand, executed?: Executed): Promise<Uint8Array | undefined> {
    const patience = this.#options.patience ?? RESPONSE_PATIENCE
    const bytes = await this.#perform(
      this.#link.exchange(encodeCommand(code, param, ...data), patience),
      name,
      executed,
    )
    const response = decodeResponse(bytes)
    if (response !== undefined) return response.ok ? response.data : undefined
    throw trustXFault('TRUST_X_RESPONSE_INVALID', { command: name, executed: executed ?? 'unknown' })
  }

  async #perform<Result>(steps: Steps<Result>, command: string, executed?: Executed): Promise<Result> {
    try {
      return await performSteps(steps, this.#bus, this.#options.clock, this.#options.timers)
    } catch (error) {
      this.#hasFailed = true
      const context = { command, why: codeOf(error), executed: executed ?? this.#link.executed }
      throw trustXFault('TRUST_X_COMMAND_LOST', context, error)
    }
  }

  /** Asks why a command was refused. A chip that does not even answer that has lost its state. */
  async #readRefusal(command: string, executed: Executed): Promise<Fault> {
    const data = await this.#exchange({ ...READ_LAST_ERROR, name: command }, executed)
    if (data !== undefined) return refusalFault(data[0] ?? 0, { command })
    this.#isOpen = false
    this.#hasFailed = true
    // It was reset: the command did nothing now, but the same one may have been executed before the reset.
    return refusalFault(CHIP_ERROR.NOT_AVAILABLE, { command, executed })
  }
}

/**
 * Commands that may wait for one chip. At 60 ms for a signature this is four seconds of work; at the limit the call
 * fails with `TRUST_X_QUEUE_FULL`.
 */
export const WAITING_COUNT_MAX = 64

/** Bit 7 clears an error that an earlier host left behind. */
const OPEN_APPLICATION = { code: COMMAND.OPEN_APPLICATION | 0x80, param: 0x00, data: [APPLICATION_ID] }

/** Without bit 7, which would erase what is to be read. */
const READ_LAST_ERROR = { code: COMMAND.GET_DATA_OBJECT, param: 0x00, data: [uint16(OID.LAST_ERROR)] }

/** What faults say of a command's effect. */
type Executed = 'no' | 'unknown'

function codeOf(error: unknown): string {
  return isFault(error) ? error.code : 'the bus failed'
}
