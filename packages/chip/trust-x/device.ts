import { ChipLink, ChipRegisters } from '@birthmark/chip/i2c'
import { type Instant, later, type Millis, millis } from '@birthmark/foundation/kernel'
import { APDU_BYTES_MAX, ERROR_RESPONSE } from './apdu.ts'
import { type ChipChoices, DEFAULT_CHOICES } from './choices.ts'
import type { ChipCrypto } from './crypto.ts'
import { type Execution, TrustXMachine } from './machine.ts'
import type { ChipMemory } from './memory.ts'
import { OID } from './objects.ts'
import type { ChipTiming } from './timing.ts'

/** What a virtual chip needs from outside. */
export interface DevicePorts {
  readonly crypto: ChipCrypto
  /**
   * Makes the memory durable before the response leaves. False says that it could not, after telling somebody why; the
   * command fails with error code 06 then.
   */
  readonly keep: (memory: ChipMemory) => boolean
  /** How long a command takes; leave it out for a chip that is always ready and never sleeps. */
  readonly timing?: ChipTiming
  /** Speed of the bus clock until {@link TrustXDevice.setClock}, in kHz; default 400. */
  readonly clockKHz?: number
  /** What the chip does where no document says it; default {@link DEFAULT_CHOICES}. */
  readonly choices?: ChipChoices
}

/**
 * A whole Trust X as its bus sees it: registers, link and commands in one. Every access says what time it is; nothing
 * happens in between. It has no power at first.
 */
export class TrustXDevice {
  readonly #ports: DevicePorts
  readonly #link = new ChipLink(APDU_BYTES_MAX)
  readonly #registers: ChipRegisters
  readonly #machine: TrustXMachine
  /** When it answers its address; `undefined` without power. */
  #startedAt: Instant | undefined
  /** When somebody last addressed it. */
  #usedAt: Instant
  #clockKHz: number

  constructor(memory: ChipMemory, ports: DevicePorts, now: Instant) {
    this.#ports = ports
    this.#usedAt = now
    this.#clockKHz = ports.clockKHz ?? DEFAULT_CLOCK_KHZ
    const choices = ports.choices ?? DEFAULT_CHOICES
    this.#registers = new ChipRegisters(this.#link, memory.bus, choices)
    this.#machine = new TrustXMachine(memory, ports.crypto, now, choices)
  }

  /** Its 7-bit address on the bus. */
  get address(): number {
    return this.#registers.address
  }

  /** What it remembers, as far as it is durable. */
  get memory(): ChipMemory {
    return this.#machine.memory
  }

  /** Takes a write transaction; false is a NACK. */
  write(bytes: Uint8Array, now: Instant): boolean {
    if (!this.#isAwake(now)) return false
    const event = this.#registers.write(bytes, now)
    switch (event.kind) {
      case 'none':
        break
      case 'command':
        this.#execute(event.command, now)
        break
      case 'reset':
        this.powerDown(now)
        this.powerUp(now)
        break
      case 'settings':
        this.#remember({ ...this.#machine.memory, bus: event.settings })
        break
    }
    return true
  }

  /** Answers a read transaction; `undefined` is a NACK. */
  read(count: number, now: Instant): Uint8Array | undefined {
    return this.#isAwake(now) ? this.#registers.read(count, now) : undefined
  }

  /** The bus clock has this speed from now on, in kHz; the chip counts no faster than its mode allows. */
  setClock(kHz: number): void {
    this.#clockKHz = kHz
  }

  /** Gets power: everything volatile starts over. A warm reset is a loss of power too short to notice. */
  powerUp(now: Instant): void {
    this.#registers.reset()
    this.#machine.powerUp(now)
    const { timing } = this.#ports
    this.#startedAt = timing === undefined ? now : later(now, timing.start)
    this.#usedAt = this.#startedAt
  }

  /** Loses power; the count of security events is kept. Harmless when repeated. */
  powerDown(now: Instant): void {
    if (this.#startedAt === undefined) return
    this.#startedAt = undefined
    const memory = this.#machine.memoryAt(now)
    if (memory !== this.#machine.memory) this.#remember(memory)
  }

  /** Tells whether it answers its address now; a sleeping chip does not, and wakes up from being addressed. */
  #isAwake(now: Instant): boolean {
    if (this.#startedAt === undefined || now < this.#startedAt) return false
    const wake = this.#ports.timing?.wake
    if (wake !== undefined && this.#isAsleep(now)) {
      this.#startedAt = later(now, wake)
      this.#usedAt = this.#startedAt
      return false
    }
    this.#usedAt = now
    return true
  }

  /** After the delay of E0C3 without being addressed, once all work is done and no security event counts any more. */
  #isAsleep(now: Instant): boolean {
    if (now < later(this.#usedAt, millis(this.#machine.status(OID.SLEEP_DELAY)))) return false
    return this.#link.isIdle && this.#machine.securityEvents(now) === 0
  }

  #execute(command: Uint8Array, now: Instant): void {
    const { timing } = this.#ports
    // The limit that holds is the one from before the command.
    const milliamperes = timing === undefined ? 0 : this.#machine.status(OID.CURRENT_LIMIT)
    const execution = this.#machine.execute(command, now)
    const { response, memory } = execution
    const readyAt =
      timing === undefined ? now : later(now, this.#duration(timing, command, { ...execution, milliamperes }))
    const isDone = memory === undefined || this.#ports.keep(memory)
    this.#link.respond(isDone ? response : this.#machine.undo(), readyAt)
  }

  #duration(timing: ChipTiming, command: Uint8Array, done: Execution & { readonly milliamperes: number }): Millis {
    const { response, delay, curveBytes, milliamperes } = done
    const takes = timing.command({
      code: (command[0] ?? 0) & 0x7f,
      commandBytes: command.length,
      responseBytes: response.length,
      curveBytes,
      isRefused: response === ERROR_RESPONSE,
      frameBytesMax: this.#link.frameBytesMax,
      kHz: Math.min(this.#clockKHz, this.#registers.kHzMax),
      milliamperes,
    })
    return millis(delay + takes)
  }

  #remember(memory: ChipMemory): void {
    if (this.#ports.keep(memory)) this.#machine.memory = memory
  }
}

/** What the vendor's library runs the bus at unless it is told otherwise. */
const DEFAULT_CLOCK_KHZ = 400
