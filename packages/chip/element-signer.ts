import { hash } from 'node:crypto'
import type { Signer } from '@birthmark/foundation/x509'
import type { SecureElement } from './secure-element.ts'

/**
 * Gives the key in `slot` of `element` as a {@link Signer}: the message is hashed here, the signature is made inside.
 *
 * @param publicKey The key's public half as {@link SecureElement.generateKey} gave it.
 */
export function elementSigner(element: SecureElement, slot: string, publicKey: Uint8Array): Signer {
  return {
    algorithm: 'ecdsa-p256-sha256',
    publicKey,
    sign: (message) => element.signDigest(slot, hash('sha256', message, 'buffer')),
  }
}
