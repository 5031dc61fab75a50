/** Where a key lives: the port that a line, an agent and a token work on. */
export { elementSigner } from './element-signer.ts'
export type { ElementIdentity, IdentitySlots, LockStrength, SecureElement } from './secure-element.ts'
