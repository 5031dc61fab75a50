/** PKCS#11 on this computer: a token server for programs that load `p11-kit-client.so`, and vendors' modules driven. */
export { type ConnectionOptions, CryptokiConnection } from './connection.ts'
export { CryptokiModule, type ModuleKeyRequest } from './module.ts'
export type { KeyName } from './module-key-store.ts'
export type { ModuleCurve } from './module-keys.ts'
export type { ModuleOptions, TokenChoice } from './module-options.ts'
export type { ModuleObject, ObjectFilter, ObjectKind } from './module-session.ts'
export { openUriSigner, type UriSigner, type UriSignerOptions } from './module-signer.ts'
export type { ModuleSlot, ModuleToken } from './module-slots.ts'
export { type Pkcs11Uri, parsePkcs11Uri, renamePinSource } from './module-uri.ts'
export { chipPins, openPinFile, type PinStore } from './pin-store.ts'
export { SEAL_COST, type SealCost } from './seal.ts'
export { CONNECTIONS_COUNT_MAX, serveTokens, serveTokensOn, type TokenServer } from './serve.ts'
export {
  createSoftwareToken,
  type NewSoftwareToken,
  type OpenSoftwareToken,
  openSoftwareToken,
} from './software-token.ts'
export type { FaultListener } from './token-connection.ts'
export { openTrustXToken, type TrustXTokenOptions } from './trust-x-token.ts'
