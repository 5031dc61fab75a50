/** The Infineon I2C protocol, both ends, without I/O. Sockets are in `@birthmark/chip/i2c/adapters`. */
export type { I2cBus, I2cMaster, I2cSlave } from './bus.ts'
export { ChipLink } from './chip-link.ts'
export {
  type BusSettings,
  type BusTimings,
  ChipRegisters,
  DEFAULT_BUS_SETTINGS,
  type RegisterEvent,
} from './chip-registers.ts'
export { I2C_FAULTS, i2cFault } from './faults.ts'
export { faultySlave, LATE_LOOKS_MAX, type SlaveFaultRates } from './faulty-slave.ts'
export {
  type ControlFrame,
  type DamagedFrame,
  type DataFrame,
  decodeFrame,
  encodeFrame,
  FRAME_OVERHEAD_BYTES,
} from './frame.ts'
export { HostLink, type LinkSettings, RESPONSE_PATIENCE } from './host-link.ts'
export { memoryBus } from './memory-bus.ts'
export { splitMessage } from './packet.ts'
export { BASE_ADDRESS, FRAME_BYTES_MAX, FRAME_BYTES_MIN } from './registers.ts'
export { SlavePort } from './slave-port.ts'
export { type BusStep, performSteps, type StepPorts, type StepReport, type Steps, type StopSignal } from './steps.ts'
export { type BusMessage, encodeMessage, MessageReader, OPERATION, STATUS } from './transaction.ts'
export { type Exchange, exchangeMicros, GUARD_TIME_MICROS } from './wire-time.ts'
