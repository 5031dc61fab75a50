import { type CurveParameters, invert, toBigInt } from './curve.ts'
import type { KeyPairs } from './key-pairs.ts'

/** A nonce k, as far as a signature needs it: r, the x coordinate of k g modulo n, and the inverse of k. */
export interface Nonce {
  readonly r: bigint
  readonly inverse: bigint
}

/** Gives nonces, each of them once. */
export interface Nonces {
  take(): Nonce
}

/** Nonces that are drawn when they are wanted, {@link NONCES_AHEAD} at a time. */
export class DrawnNonces implements Nonces {
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
      this.#ready.push(...drawNonces(this.#curve, this.#pairs, NONCES_AHEAD))
    }
  }
}

/**
 * Draws nonces: random scalars that {@link KeyPairs} multiplied. Several at once, because a division is dear, and
 * Montgomery's trick needs one for all of them.
 */
export function drawNonces({ n, bytes }: CurveParameters, pairs: Pick<KeyPairs, 'draw'>, count: number): Nonce[] {
  const drawn: { k: bigint; r: bigint; product: bigint }[] = []
  let product = 1n
  while (drawn.length < count) {
    const { scalar, number: k, point } = pairs.draw()
    scalar.fill(0)
    const r = toBigInt(point.subarray(1, 1 + bytes)) % n
    if (r === 0n) continue
    drawn.push({ k, r, product })
    product = (product * k) % n
  }
  // The inverse of the product of all; peeling off one nonce after another leaves that of those before it.
  let inverse = invert(product, n)
  return drawn.toReversed().map(({ k, r, product: before }) => {
    const nonce = { r, inverse: (inverse * before) % n }
    inverse = (inverse * k) % n
    return nonce
  })
}

const NONCES_AHEAD = 16
