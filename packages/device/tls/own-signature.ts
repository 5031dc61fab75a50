import { verifySignature } from '@birthmark/foundation/x509'
import { tlsFault } from './faults.ts'
import type { ClientIdentity } from './options.ts'

/**
 * Checks the chip's signature before anybody else sees it: a faulty one can give the key away, and the server would
 * only answer `decrypt_error`.
 *
 * @throws `TLS_SIGNING_FAILED`
 */
export function requireOwnSignature({ signer }: ClientIdentity, message: Uint8Array, signature: Uint8Array): void {
  const { publicKey, algorithm } = signer
  if (!verifySignature({ publicKey, algorithm, message, signature })) throw tlsFault('TLS_SIGNING_FAILED')
}
