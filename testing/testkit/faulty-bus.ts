import { type I2cBus, type I2cSlave, i2cFault } from '@birthmark/chip/i2c'

/** How often each fault happens, 0 to 1, per transaction. */
export interface BusFaultRates {
  /** The chip does not answer its address. */
  readonly nack: number
  /** One bit of what is written turns over. */
  readonly damagedWrite: number
  /** What is written never reaches the chip, which has acknowledged it all the same. */
  readonly lostWrite: number
  /** One bit of what is read turns over. */
  readonly damagedRead: number
  /** The chip loses its supply for a moment, before the transaction. */
  readonly reset: number
}

/** Connects a host to a chip over wires that go wrong as `random` says. */
export function faultyBus(slave: I2cSlave, random: () => number, rates: BusFaultRates): I2cBus {
  slave.powerUp()
  const happens = (rate: number): boolean => random() < rate
  const disturb = (bytes: Uint8Array): Uint8Array => {
    const disturbed = Uint8Array.from(bytes)
    const bit = Math.floor(random() * disturbed.length * 8)
    if (disturbed.length > 0) disturbed[bit >> 3]! ^= 1 << (bit & 7)
    return disturbed
  }
  const begin = (): void => {
    if (happens(rates.reset)) {
      slave.powerDown()
      slave.powerUp()
    }
    if (happens(rates.nack)) throw i2cFault('I2C_NOT_ACKNOWLEDGED')
  }
  return {
    async write(bytes) {
      begin()
      if (happens(rates.lostWrite)) return
      if (!slave.write(happens(rates.damagedWrite) ? disturb(bytes) : bytes)) throw i2cFault('I2C_NOT_ACKNOWLEDGED')
    },
    async read(count) {
      begin()
      const bytes = slave.read(count)
      if (bytes === undefined) throw i2cFault('I2C_NOT_ACKNOWLEDGED')
      return happens(rates.damagedRead) ? disturb(bytes) : bytes
    },
    close: () => Promise.resolve(),
  }
}

/** Wires without faults. */
export const NO_FAULTS: BusFaultRates = { nack: 0, damagedWrite: 0, lostWrite: 0, damagedRead: 0, reset: 0 }
