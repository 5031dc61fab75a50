import { ChipLink, ChipRegisters } from '@birthmark/chip/i2c'
import { type Instant, later, type Millis, millis } from '@birthmark/foundation/kernel'
import { APDU_BYTES_MAX } from './apdu.ts'
import { type ChipChoices, DEFAULT_CHOICES } from './choices.ts'
import type { ChipCrypto } from './crypto.ts'
import { TrustXMachine } from './machine.ts'
import type { ChipMemory } from './memory.ts'

/** What a virtual chip needs from outside. */
export interface DevicePorts {
  readonly crypto: ChipCrypto
  /**
   * Makes the memory durable before the response leaves. False says that it could not, after telling somebody why; the
   * command fails with error code 06 then.
   */
  readonly keep: (memory: ChipMemory) => boolean
  /** How long a command takes; leave it out for a chip that is always ready. */
  readonly timing?: ChipTiming
  /** What the chip does where no document says it; default {@link DEFAULT_CHOICES}. */
  readonly choices?: ChipChoices
}

/** The time that a chip takes. */
export interface ChipTiming {
  /** From reset until it answers its address. */
  readonly start: Millis
  /** For one command, by its code without bit 7. */
  readonly command: (code: number) => Millis
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

  constructor(memory: ChipMemory, ports: DevicePorts, now: Instant) {
    this.#ports = ports
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

  /** Gets power: everything volatile starts over. A warm reset is a loss of power too short to notice. */
  powerUp(now: Instant): void {
    this.#registers.reset()
    this.#machine.powerUp(now)
    const { timing } = this.#ports
    this.#startedAt = timing === undefined ? now : later(now, timing.start)
  }

  /** Loses power; the count of security events is kept. Harmless when repeated. */
  powerDown(now: Instant): void {
    if (this.#startedAt === undefined) return
    this.#startedAt = undefined
    const memory = this.#machine.memoryAt(now)
    if (memory !== this.#machine.memory) this.#remember(memory)
  }

  #isAwake(now: Instant): boolean {
    return this.#startedAt !== undefined && now >= this.#startedAt
  }

  #execute(command: Uint8Array, now: Instant): void {
    const { response, memory, delay } = this.#machine.execute(command, now)
    const { timing } = this.#ports
    const readyAt = timing === undefined ? now : later(now, millis(delay + timing.command((command[0] ?? 0) & 0x7f)))
    const isDone = memory === undefined || this.#ports.keep(memory)
    this.#link.respond(isDone ? response : this.#machine.undo(), readyAt)
  }

  #remember(memory: ChipMemory): void {
    if (this.#ports.keep(memory)) this.#machine.memory = memory
  }
}
