/**
 * OPTIGA Trust X without I/O: the virtual chip as a machine, and the host's driver. What touches the computer, and the
 * ready-made `TrustX` and `openVirtualChip`, are in `@birthmark/chip/trust-x/adapters`.
 */
export {
  formatCondition,
  formatLifecycle,
  LIFECYCLE,
  type Lifecycles,
} from './access.ts'
export { APDU_BYTES_MAX, COMMAND, decodeCommand, decodeResponse, encodeCommand } from './apdu.ts'
export { type ChipChoices, DEFAULT_CHOICES } from './choices.ts'
export { type ConnectionOptions, WAITING_COUNT_MAX } from './connection.ts'
export type { ChipCrypto } from './crypto.ts'
export { type CurveName, KEY_USAGE } from './curves.ts'
export { type DevicePorts, TrustXDevice } from './device.ts'
export { type PublicKey, TrustXDriver } from './driver.ts'
export { CHIP_ERROR, type ErrorCode } from './errors.ts'
export { TRUST_X_FAULTS, trustXFault } from './faults.ts'
export { certificateIn, wrapIdentity } from './identity.ts'
export { type Execution, TrustXMachine } from './machine.ts'
export { blankMemory, type ChipMemory } from './memory.ts'
export type { Metadata } from './metadata.ts'
export { OBJECTS, type ObjectDefinition, OID, type StoredObject, UID_BYTES } from './objects.ts'
export { type ChipTiming, type CommandWork, datasheetTiming } from './timing.ts'
