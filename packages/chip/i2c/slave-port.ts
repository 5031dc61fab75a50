import type { I2cSlave } from './bus.ts'
import { type BusMessage, encodeMessage, OPERATION, STATUS } from './transaction.ts'

/**
 * A chip behind a socket: takes the host's messages and gives the chip's answers. A pin that is low holds the chip
 * without supply, whatever its number: hosts wire supply and reset as they like.
 */
export class SlavePort {
  readonly #slave: I2cSlave
  readonly #low = new Set<number>()

  /** The chip gets its supply. */
  constructor(slave: I2cSlave) {
    this.#slave = slave
    slave.powerDown()
    slave.powerUp()
  }

  /** Does one transaction and gives the reply. */
  answer({ head, address, length, data }: BusMessage): Uint8Array {
    const bytes = head === OPERATION.PIN ? this.#setPin(data) : this.#transfer(head, address, length, data)
    return bytes === undefined
      ? encodeMessage(STATUS.NACK, address, NOTHING)
      : encodeMessage(STATUS.ACK, address, bytes)
  }

  /** The chip loses its supply. */
  close(): void {
    this.#slave.powerDown()
  }

  #transfer(head: number, address: number, length: number, data: Uint8Array): Uint8Array | undefined {
    if (address !== this.#slave.address) return undefined
    if (head === OPERATION.READ) return this.#slave.read(length)
    return this.#slave.write(data) ? NOTHING : undefined
  }

  #setPin([pin = 0, level = 0]: Uint8Array): Uint8Array {
    const wasOn = this.#low.size === 0
    if (level === 0) this.#low.add(pin)
    else this.#low.delete(pin)
    const isOn = this.#low.size === 0
    if (wasOn && !isOn) this.#slave.powerDown()
    if (!wasOn && isOn) this.#slave.powerUp()
    return NOTHING
  }
}

const NOTHING = new Uint8Array(0)
