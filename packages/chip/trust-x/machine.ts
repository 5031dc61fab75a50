import { type Instant, type Millis, millis } from '@birthmark/foundation/kernel'
import { LIFECYCLE } from './access.ts'
import { COMMAND, type Command, decodeCommand, ERROR_RESPONSE, encodeResponse } from './apdu.ts'
import { ChipState } from './chip-state.ts'
import { type ChipChoices, DEFAULT_CHOICES } from './choices.ts'
import { getAuthMsg, setAuthMsg, setAuthScheme } from './commands/authentication.ts'
import { getDataObject, getRandom, openApplication, setDataObject } from './commands/data-objects.ts'
import { calcHash } from './commands/hash.ts'
import { calcSign, genKeyPair, verifySign } from './commands/keys.ts'
import type { Execute, Outcome } from './commands/outcome.ts'
import { calcSSec, deriveKey } from './commands/secrets.ts'
import type { ChipCrypto } from './crypto.ts'
import { CHIP_ERROR, isRefusal } from './errors.ts'
import { type ChipMemory, objectIn, withObject } from './memory.ts'
import { OID } from './objects.ts'

/** What a command did. */
export interface Execution {
  readonly response: Uint8Array
  /**
   * What the chip remembers now, when that changed: make it durable before the response goes out, or
   * {@link TrustXMachine.undo} it.
   */
  readonly memory: ChipMemory | undefined
  /** What the security monitor made the command wait. */
  readonly delay: Millis
  /** Length of the curve's numbers, in bytes, when a point was multiplied. */
  readonly curveBytes: number | undefined
}

/**
 * A Trust X above the bus: commands in, responses and changes of the memory out. No I/O, no clock of its own.
 *
 * Source: OPTIGA Trust X data sheet v2.70 and host library; where they are silent: docs/reference/trust-x-choices.md.
 */
export class TrustXMachine {
  readonly #crypto: ChipCrypto
  readonly #choices: ChipChoices
  #state: ChipState
  #before: ChipMemory

  constructor(memory: ChipMemory, crypto: ChipCrypto, now: Instant, choices: ChipChoices = DEFAULT_CHOICES) {
    this.#crypto = crypto
    this.#choices = choices
    this.#before = memory
    this.#state = new ChipState(memory, crypto, choices, now)
  }

  /** What the chip remembers, but for security events since power-up; see {@link memoryAt}. */
  get memory(): ChipMemory {
    return this.#state.memory
  }

  set memory(memory: ChipMemory) {
    this.#state.memory = memory
  }

  /** Executes one command. Whatever the bytes are, there is a response. */
  execute(bytes: Uint8Array, now: Instant): Execution {
    const state = this.#state
    this.#before = state.memory
    state.now = now
    state.securityDelay = millis(0)
    state.curveBytes = undefined
    const outcome = this.#outcome(bytes)
    const memory = state.memory === this.#before ? undefined : state.memory
    const effort = { memory, delay: state.securityDelay, curveBytes: state.curveBytes }
    if (!isRefusal(outcome)) return { response: encodeResponse(outcome), ...effort }
    // Of several errors before the host asks, the highest number is kept (Trust M manual v3.70, last error code).
    state.lastError = Math.max(state.lastError, outcome)
    return { response: ERROR_RESPONSE, ...effort }
  }

  /** Takes back what the last command changed in the memory, and gives the response that says so. */
  undo(): Uint8Array {
    this.#state.memory = this.#before
    this.#state.lastError = Math.max(this.#state.lastError, CHIP_ERROR.INTERNAL)
    return ERROR_RESPONSE
  }

  /** Gives the value of a one-byte status object. */
  status(oid: number): number {
    return objectIn(this.#state.memory, oid)?.content[0] ?? 0
  }

  /** What object E0C5 reads now. */
  securityEvents(now: Instant): number {
    this.#state.now = now
    return this.#state.securityEvents
  }

  /** Gives what the chip remembers when it loses power now, security events included. */
  memoryAt(now: Instant): ChipMemory {
    const { memory } = this.#state
    const count = this.securityEvents(now)
    const object = objectIn(memory, OID.SECURITY_EVENTS)
    if (object === undefined || object.content[0] === count) return memory
    return withObject(memory, OID.SECURITY_EVENTS, { ...object, content: Uint8Array.of(count) })
  }

  /** Starts over with power: the application is closed, nothing volatile is left. */
  powerUp(now: Instant): void {
    this.#state = new ChipState(this.#state.memory, this.#crypto, this.#choices, now)
  }

  #outcome(bytes: Uint8Array): Outcome {
    // Bit 7 of Cmd comes first, whatever else is wrong with the command.
    if ((bytes[0] ?? 0) >= 0x80) this.#state.lastError = 0
    const command = decodeCommand(bytes)
    if (isRefusal(command)) return command
    return this.#perform(command)
  }

  #perform({ code, param, data }: Command): Outcome {
    const state = this.#state
    if (!state.isOpen && code !== COMMAND.OPEN_APPLICATION) return CHIP_ERROR.NOT_AVAILABLE
    if (state.globalLifecycle === LIFECYCLE.TERMINATION) return CHIP_ERROR.NOT_AVAILABLE
    return COMMANDS.get(code)?.(state, param, data) ?? CHIP_ERROR.INVALID_COMMAND
  }
}

/** One row per command; one that is absent, the DTLS client's for example, is an invalid command. */
const COMMANDS: ReadonlyMap<number, Execute> = new Map([
  [COMMAND.OPEN_APPLICATION, openApplication],
  [COMMAND.GET_DATA_OBJECT, getDataObject],
  [COMMAND.SET_DATA_OBJECT, setDataObject],
  [COMMAND.GET_RANDOM, getRandom],
  [COMMAND.SET_AUTH_SCHEME, setAuthScheme],
  [COMMAND.SET_AUTH_MSG, setAuthMsg],
  [COMMAND.GET_AUTH_MSG, getAuthMsg],
  [COMMAND.CALC_HASH, calcHash],
  [COMMAND.CALC_SIGN, calcSign],
  [COMMAND.VERIFY_SIGN, verifySign],
  [COMMAND.CALC_SSEC, calcSSec],
  [COMMAND.DERIVE_KEY, deriveKey],
  [COMMAND.GEN_KEY_PAIR, genKeyPair],
])
