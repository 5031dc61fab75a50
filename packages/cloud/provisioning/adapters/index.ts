/** What provisioning takes from Node. */
export { sha256 } from './sha256.ts'
