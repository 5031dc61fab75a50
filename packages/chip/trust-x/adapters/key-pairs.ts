import { createECDH, type ECDH, randomFillSync } from 'node:crypto'
import { type CurveParameters, toBigInt } from './curve.ts'

/**
 * Draws random scalars of one curve with their multiples of the base point: key pairs, and what a signature needs of a
 * nonce. OpenSSL multiplies; one object does it for all, because making one costs as much as a multiplication.
 *
 * Source: FIPS 186-5 A.2.2, key pair generation by rejection sampling.
 */
export class KeyPairs {
  readonly #curve: CurveParameters
  readonly #ecdh: ECDH
  /** Random bytes for the next scalars, {@link SCALARS_AHEAD} at a time: a call costs more than its bytes. */
  readonly #random: Uint8Array
  #used: number

  constructor(curve: CurveParameters) {
    this.#curve = curve
    this.#ecdh = createECDH(curve.openssl)
    this.#random = new Uint8Array(SCALARS_AHEAD * curve.bytes)
    this.#used = this.#random.length
  }

  /** Gives a fresh pair: the scalar, in the curve's full length and as a number, and the point as 04 X Y. */
  draw(): { readonly scalar: Uint8Array; readonly number: bigint; readonly point: Uint8Array } {
    for (;;) {
      const scalar = this.#randomScalar()
      const number = toBigInt(scalar)
      if (number === 0n || number >= this.#curve.n) continue
      this.#ecdh.setPrivateKey(scalar)
      return { scalar, number, point: Uint8Array.from(this.#ecdh.getPublicKey()) }
    }
  }

  /** Takes bytes that nobody can take again. */
  #randomScalar(): Uint8Array {
    const { bytes } = this.#curve
    if (this.#used === this.#random.length) {
      randomFillSync(this.#random)
      this.#used = 0
    }
    const scalar = this.#random.slice(this.#used, this.#used + bytes)
    this.#random.fill(0, this.#used, this.#used + bytes)
    this.#used += bytes
    return scalar
  }
}

const SCALARS_AHEAD = 16
