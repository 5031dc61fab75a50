import type { CurveName } from './curves.ts'

/**
 * The cryptography that a virtual chip has in its hardware. Calls are synchronous: a chip does one thing at a time.
 * Scalars, coordinates and the halves of a signature are big-endian and of the curve's full length.
 */
export interface ChipCrypto {
  /** Gives `count` unpredictable bytes. */
  random(count: number): Uint8Array
  /** Makes a key pair: the private scalar, and the public point as 04 X Y. */
  generateKey(curve: CurveName): { readonly scalar: Uint8Array; readonly point: Uint8Array }
  /** Signs a digest with ECDSA and gives r and s; the digest is not hashed again. */
  sign(curve: CurveName, scalar: Uint8Array, digest: Uint8Array): { readonly r: Uint8Array; readonly s: Uint8Array }
  /** Tells whether r, s is a signature over `digest`; false also for a point that is not on the curve. */
  verify(
    curve: CurveName,
    point: Uint8Array,
    digest: Uint8Array,
    signature: { readonly r: Uint8Array; readonly s: Uint8Array },
  ): boolean
  /** Gives the x coordinate of the shared point (NIST SP 800-56A); `undefined` for a point not on the curve. */
  agree(curve: CurveName, scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined
  sha256(message: Uint8Array): Uint8Array
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array
}
