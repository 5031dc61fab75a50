import {
  type CertificateProfile,
  DEVICE,
  ENDPOINT,
  IDEVID,
  INTERMEDIATE_CA,
  ISSUING_CA,
  ROOT_CA,
  VENDOR_DEVICE,
  VERIFICATION,
} from '@birthmark/foundation/x509'

/** The names of the profiles that need no file. */
export type BuiltInName =
  | 'root-ca'
  | 'intermediate-ca'
  | 'issuing-ca'
  | 'device'
  | 'idevid'
  | 'vendor-device'
  | 'endpoint'
  | 'verification'

/** The profiles that need no file, by their names. */
export const BUILT_IN: Readonly<Record<BuiltInName, CertificateProfile>> = {
  'root-ca': ROOT_CA,
  'intermediate-ca': INTERMEDIATE_CA,
  'issuing-ca': ISSUING_CA,
  device: DEVICE,
  idevid: IDEVID,
  'vendor-device': VENDOR_DEVICE,
  endpoint: ENDPOINT,
  verification: VERIFICATION,
}

/** Tells whether a profile of this name is built in. */
export function isBuiltIn(name: string): name is BuiltInName {
  return Object.hasOwn(BUILT_IN, name)
}
