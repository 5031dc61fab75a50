import { hash } from 'node:crypto'

/** Gives the SHA-256 of its argument, through OpenSSL. */
export function sha256(content: Uint8Array): Uint8Array {
  return hash('sha256', content, 'buffer')
}
