import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { type CurveParameters, fromBigInt, invert, sumX, toBigInt, toPoint } from './curve.ts'

/** The halves of an ECDSA signature, each of the curve's full length. */
export interface Halves {
  readonly r: Uint8Array
  readonly s: Uint8Array
}

/**
 * ECDSA over a digest that somebody else computed, which `node:crypto` does not offer: its sign() always hashes. What
 * takes skill, choosing a nonce and multiplying the base point with it, is OpenSSL's ({@link NonceSource}); the rest is
 * arithmetic modulo n. That arithmetic does not take constant time: this is a chip for development, not a vault.
 *
 * Source: FIPS 186-5 §6.4, with nonces computed ahead of time as §6.3 allows.
 */
export class DigestEcdsa {
  readonly #curve: CurveParameters
  readonly #nonces: NonceSource

  constructor(curve: CurveParameters) {
    this.#curve = curve
    this.#nonces = new NonceSource(curve)
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

/**
 * Gives nonces that OpenSSL chose. OpenSSL signs a constant with a key that exists for nothing else; with key d0 and
 * digest z0 known, its s0 = (z0 + r d0) / k tells 1 / k = s0 / (z0 + r d0). Each nonce is given once and kept nowhere.
 */
class NonceSource {
  readonly #curve: CurveParameters
  readonly #key: KeyObject
  readonly #d0: bigint
  readonly #ready: Nonce[] = []

  constructor(curve: CurveParameters) {
    this.#curve = curve
    this.#key = generateKeyPairSync('ec', { namedCurve: curve.openssl }).privateKey
    this.#d0 = toBigInt(Buffer.from(this.#key.export({ format: 'jwk' }).d ?? '', 'base64url'))
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
    const drawn: { r: bigint; s0: bigint; divisor: bigint; product: bigint }[] = []
    let product = 1n
    for (let count = 0; count < NONCES_AHEAD; count++) {
      const signature = sign('sha256', CONSTANT, { key: this.#key, dsaEncoding: 'ieee-p1363' })
      const r = toBigInt(signature.subarray(0, bytes))
      const divisor = (CONSTANT_DIGEST + r * this.#d0) % n
      drawn.push({ r, s0: toBigInt(signature.subarray(bytes)), divisor, product })
      product = (product * divisor) % n
    }
    // The inverse of the product of all; peeling off one divisor after another leaves that of those before it.
    let inverse = invert(product, n)
    for (const { r, s0, divisor, product: before } of drawn.toReversed()) {
      this.#ready.push({ r, inverse: (((inverse * before) % n) * s0) % n })
      inverse = (inverse * divisor) % n
    }
  }
}

const NONCES_AHEAD = 16

const CONSTANT = new Uint8Array(0)
const CONSTANT_DIGEST = toBigInt(hash('sha256', CONSTANT, 'buffer'))
