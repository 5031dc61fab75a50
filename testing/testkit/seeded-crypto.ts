import { createECDH } from 'node:crypto'
import type { ChipCrypto, CurveName } from '@birthmark/chip/trust-x'
import { nodeCrypto } from '@birthmark/chip/trust-x/adapters'

/**
 * The cryptography of a virtual chip with every chance taken from `random`, so that a run can be repeated exactly. Keys
 * and signatures are genuine, and anybody who knows the seed knows them.
 */
export function seededCrypto(random: () => number): ChipCrypto {
  const draw = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(random() * 256))
  return {
    ...nodeCrypto,
    random: draw,
    generateKey(curve) {
      const { openssl, bytes } = PARAMETERS[curve]
      const scalar = draw(bytes)
      // Below the order of the group, and not zero.
      scalar[0] = 1 + Math.floor(random() * 127)
      const ecdh = createECDH(openssl)
      ecdh.setPrivateKey(scalar)
      return { scalar, point: Uint8Array.from(ecdh.getPublicKey()) }
    },
    sign(curve, scalar, digest) {
      const { order, bytes } = PARAMETERS[curve]
      const nonce = this.generateKey(curve)
      const r = toNumber(nonce.point.subarray(1, 1 + bytes)) % order
      const s = (inverse(toNumber(nonce.scalar), order) * (toNumber(digest) + r * toNumber(scalar))) % order
      return { r: toBytes(r, bytes), s: toBytes(s, bytes) }
    },
  }
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function toBytes(value: bigint, count: number): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * count, '0'), 'hex'))
}

/** Extended Euclid. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [low, high] = [value % modulus, modulus]
  let [one, other] = [1n, 0n]
  while (low > 1n) {
    const quotient = high / low
    ;[low, high] = [high % low, low]
    ;[one, other] = [other - quotient * one, one]
  }
  return ((one % modulus) + modulus) % modulus
}

/** Orders: SP 800-186 §3.2.1. */
const PARAMETERS: Readonly<Record<CurveName, { openssl: string; bytes: number; order: bigint }>> = {
  'ec-p256': {
    openssl: 'prime256v1',
    bytes: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'ec-p384': {
    openssl: 'secp384r1',
    bytes: 48,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
}
