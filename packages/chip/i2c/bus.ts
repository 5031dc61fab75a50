/**
 * A master's view of one chip on an I2C bus. Every call is one transaction, START to STOP; calls are made one after
 * another. A read gives the register that the last write named in its first byte. One that waits for nothing answers
 * without a promise: some hundreds of transactions go into one device.
 */
export interface I2cMaster {
  /** @throws `I2C_NOT_ACKNOWLEDGED` when the chip does not answer its address; `I2C_BUS_GONE` */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** @throws `I2C_NOT_ACKNOWLEDGED`, `I2C_BUS_GONE` */
  read(count: number): Promise<Uint8Array> | Uint8Array
  /** Sets the speed of the bus clock, in kHz. A bus whose speed somebody else decides leaves it out. */
  setClock?(kHz: number): Promise<void>
  /** Lets go of the bus; harmless when repeated. What is under way fails with `I2C_BUS_GONE`. */
  close(): Promise<void>
}

/** An {@link I2cMaster} that always answers with promises. */
export interface I2cBus extends I2cMaster {
  write(bytes: Uint8Array): Promise<void>
  read(count: number): Promise<Uint8Array>
}

/** A chip as the wires see it: what a bus, in memory or over a socket, talks to. */
export interface I2cSlave {
  /** Its current 7-bit address. */
  readonly address: number
  /** Takes a write transaction; false is a NACK. */
  write(bytes: Uint8Array): boolean
  /** Answers a read transaction of `count` bytes; `undefined` is a NACK. */
  read(count: number): Uint8Array | undefined
  /** The bus clock has this speed from now on, in kHz. A chip that does not care leaves it out. */
  setClock?(kHz: number): void
  /** Gets its supply: everything volatile starts over. */
  powerUp(): void
  /** Loses its supply and does not answer any more. Harmless when repeated. */
  powerDown(): void
}
