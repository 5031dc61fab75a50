/**
 * Batch files. Out: what goes to the next company, who was made with which certificate. In: what vendors give with
 * their chips, checked row by row. {@link readManifest} gives rows, {@link withDevices} the devices of a file that was
 * read to its end; a {@link ListedDevice} is what registration, and a later comparison with what connects, work from.
 */
export {
  BULK_FIELDS,
  type BulkField,
  type BulkParameters,
  signManifest,
  writeAwsBulk,
  writeDeviceList,
  writeUids,
} from './export.ts'
export { MANIFEST_FAULTS } from './faults.ts'
export { MANIFEST_LIMITS, type ManifestLimit } from './limits.ts'
export type { Manifest, ManifestDevice, ManifestHeading } from './manifest.ts'
export { MANIFEST_DEVICE_COUNT_MAX, parseManifest } from './parse.ts'
export { MANIFEST_FORMATS, type ManifestInput, type ManifestTrust, type ReadableFormat, readManifest } from './read.ts'
export type { ListedDevice, ManifestRow, RowCheck, RowProblem } from './row.ts'
export { type CheckedDevices, type ManifestSummary, type RowPolicy, withDevices } from './with-devices.ts'
export { writeManifest, writePemBundle } from './write.ts'
