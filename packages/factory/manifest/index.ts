/** What goes to the next company: who was made, with which certificate. */
export { MANIFEST_FAULTS } from './faults.ts'
export type { Manifest, ManifestDevice, ManifestHeading } from './manifest.ts'
export { MANIFEST_DEVICE_COUNT_MAX, parseManifest } from './parse.ts'
export { writeManifest, writePemBundle } from './write.ts'
