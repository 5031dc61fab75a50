import assert from 'node:assert/strict'
import { type ChipChoices, type ChipCrypto, type ChipMemory, TrustXMachine } from '@birthmark/chip/trust-x'
import { freshMemory, nodeCrypto } from '@birthmark/chip/trust-x/adapters'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { SkippingTime } from './skipping-time.ts'

/** A virtual Trust X without a bus: commands and responses in hex, memory kept as a careful owner does. */
export class ChipBench {
  readonly time: SkippingTime = new SkippingTime()
  readonly machine: TrustXMachine

  constructor(memory: ChipMemory = freshMemory(), crypto: ChipCrypto = nodeCrypto, choices?: ChipChoices) {
    this.machine = new TrustXMachine(memory, crypto, this.time.now(), choices)
  }

  /** A chip whose application is open. */
  static open(memory?: ChipMemory, crypto?: ChipCrypto, choices?: ChipChoices): ChipBench {
    const bench = new ChipBench(memory, crypto, choices)
    bench.ok(OPEN)
    return bench
  }

  /** Sends a command and gives the whole response. */
  send(command: string): string {
    return toHex(this.machine.execute(fromHex(command), this.time.now()).response)
  }

  /** Sends a command that must succeed and gives its OutData. */
  ok(command: string): string {
    const response = this.send(command)
    if (!response.startsWith('0000')) assert.fail(`${command} gave ${response}, error ${this.lastError()}`)
    assert.equal(Number.parseInt(response.slice(4, 8), 16), response.length / 2 - 4)
    return response.slice(8)
  }

  /** Sends a command that must be refused and gives the error code, in hex. */
  refused(command: string): string {
    assert.equal(this.send(command), 'ff000000', `${command} was not refused`)
    return this.lastError()
  }

  /** Reads the last error, which clears it. */
  lastError(): string {
    return this.send('01 00 0002 F1C2').slice(8)
  }
}

/** OpenApplication with bit 7, as hosts send it. */
export const OPEN = 'F0 00 0010 D2760000 0447656E41757468 4170706C'

/** Gives a field of a command: tag, length, value. */
export function field(tag: string, value: string): string {
  const bytes = value.replaceAll(' ', '').length / 2
  return `${tag}${bytes.toString(16).padStart(4, '0')}${value}`
}

/** Gives a command with its length. */
export function command(head: string, ...data: readonly string[]): string {
  const whole = data.join('').replaceAll(' ', '')
  return `${head}${(whole.length / 2).toString(16).padStart(4, '0')}${whole}`
}
