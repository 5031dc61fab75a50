/** OPTIGA Trust X on this computer: the driver with the system's clock, virtual chips in memory and files. */
export { CHIP_FILE_FAULTS, chipFileFault } from './faults.ts'
export { type FileLock, lockFile } from './file-lock.ts'
export { nodeCrypto } from './node-crypto.ts'
export { serveChip } from './serve.ts'
export { TrustX, type TrustXOptions } from './trust-x.ts'
export { type ChipVendor, freshMemory, makeVendor, personalise } from './vendor.ts'
export { type ChipFaults, openVirtualChip, VirtualChip, type VirtualChipOptions } from './virtual-chip.ts'
