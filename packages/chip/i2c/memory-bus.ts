import type { I2cMaster, I2cSlave } from './bus.ts'
import { i2cFault } from './faults.ts'

/** Connects a host to a chip in the same process. As with a socket, the chip has power while the bus is open. */
export function memoryBus(slave: I2cSlave): I2cMaster {
  let isOpen = true
  slave.powerDown()
  slave.powerUp()
  const ensureOpen = (): void => {
    if (!isOpen) throw i2cFault('I2C_BUS_GONE')
  }
  return {
    write(bytes) {
      ensureOpen()
      if (!slave.write(bytes)) throw i2cFault('I2C_NOT_ACKNOWLEDGED')
      return undefined
    },
    read(count) {
      ensureOpen()
      const bytes = slave.read(count)
      if (bytes === undefined) throw i2cFault('I2C_NOT_ACKNOWLEDGED')
      return bytes
    },
    async setClock(kHz) {
      slave.setClock?.(kHz)
    },
    async close() {
      if (isOpen) slave.powerDown()
      isOpen = false
    },
  }
}
