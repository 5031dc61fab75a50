/** What provisioning takes from Node. */
export { fleetCrypto } from './fleet-crypto.ts'
export { sha256 } from './sha256.ts'
