import { type CurveParameters, fromBigInt, invert, sumX, toBigInt, toPoint } from './curve.ts'
import type { Nonces } from './nonces.ts'

/** The halves of an ECDSA signature, each of the curve's full length. */
export interface Halves {
  readonly r: Uint8Array
  readonly s: Uint8Array
}

/**
 * ECDSA over a digest that somebody else computed, which `node:crypto` does not offer: its sign() always hashes. What
 * takes skill, random numbers and multiplying the base point with a nonce, is OpenSSL's ({@link Nonces}); the rest is
 * arithmetic modulo n. That arithmetic does not take constant time: this is a chip for development, not a vault.
 *
 * Source: FIPS 186-5 §6.4, with nonces computed ahead of time as §6.3 allows.
 */
export class DigestEcdsa {
  readonly #curve: CurveParameters
  readonly #nonces: Nonces

  constructor(curve: CurveParameters, nonces: Nonces) {
    this.#curve = curve
    this.#nonces = nonces
  }

  /** Signs `digest`, at most as long as the curve's order. */
  sign(scalar: Uint8Array, digest: Uint8Array): Halves {
    const { n, bytes } = this.#curve
    const d = toBigInt(scalar)
    const z = toBigInt(digest)
    for (;;) {
      const { r, inverse } = this.#nonces.take()
      const s = (inverse * ((z + r * d) % n)) % n
      if (s !== 0n) return { r: fromBigInt(r, bytes), s: fromBigInt(s, bytes) }
    }
  }

  /** Tells whether the signature over `digest` is the one of the key at `point`. */
  verify(point: Uint8Array, digest: Uint8Array, signature: Halves): boolean {
    const { n } = this.#curve
    const q = toPoint(this.#curve, point)
    const r = toBigInt(signature.r)
    const s = toBigInt(signature.s)
    if (q === undefined || r === 0n || r >= n || s === 0n || s >= n) return false
    const w = invert(s, n)
    const x = sumX(this.#curve, (toBigInt(digest) * w) % n, q, (r * w) % n)
    return x !== undefined && x % n === r
  }
}
