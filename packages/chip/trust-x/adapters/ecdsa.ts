import { type CurveParameters, fromBigInt, invert, sumX, toBigInt, toPoint } from './curve.ts'
import type { KeyPairs } from './key-pairs.ts'

/** The halves of an ECDSA signature, each of the curve's full length. */
export interface Halves {
  readonly r: Uint8Array
  readonly s: Uint8Array
}

/**
 * ECDSA over a digest that somebody else computed, which `node:crypto` does not offer: its sign() always hashes. What
 * takes skill, random numbers and multiplying the base point with a nonce, is OpenSSL's ({@link KeyPairs}); the rest is
 * arithmetic modulo n. That arithmetic does not take constant time: this is a chip for development, not a vault.
 *
 * Source: FIPS 186-5 §6.4, with nonces computed ahead of time as §6.3 allows.
 */
export class DigestEcdsa {
  readonly #curve: CurveParameters
  readonly #nonces: NonceSource

  constructor(curve: CurveParameters, pairs: KeyPairs) {
    this.#curve = curve
    this.#nonces = new NonceSource(curve, pairs)
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

/** A nonce k, as far as a signature needs it: r, the x coordinate of k g modulo n, and the inverse of k. */
interface Nonce {
  readonly r: bigint
  readonly inverse: bigint
}

/** Gives nonces: random scalars that {@link KeyPairs} multiplied. Each is given once and kept nowhere. */
class NonceSource {
  readonly #curve: CurveParameters
  readonly #pairs: KeyPairs
  readonly #ready: Nonce[] = []

  constructor(curve: CurveParameters, pairs: KeyPairs) {
    this.#curve = curve
    this.#pairs = pairs
  }

  take(): Nonce {
    for (;;) {
      const nonce = this.#ready.pop()
      if (nonce !== undefined) return nonce
      this.#refill()
    }
  }

  /** Computes {@link NONCES_AHEAD} at once: a division is dear, and Montgomery's trick needs one for all of them. */
  #refill(): void {
    const { n, bytes } = this.#curve
    const drawn: { k: bigint; r: bigint; product: bigint }[] = []
    let product = 1n
    while (drawn.length < NONCES_AHEAD) {
      const { number: k, point } = this.#pairs.draw()
      const r = toBigInt(point.subarray(1, 1 + bytes)) % n
      if (r === 0n) continue
      drawn.push({ k, r, product })
      product = (product * k) % n
    }
    // The inverse of the product of all; peeling off one nonce after another leaves that of those before it.
    let inverse = invert(product, n)
    for (const { k, r, product: before } of drawn.toReversed()) {
      this.#ready.push({ r, inverse: (inverse * before) % n })
      inverse = (inverse * k) % n
    }
  }
}

const NONCES_AHEAD = 16
