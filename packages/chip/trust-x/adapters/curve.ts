import type { CurveName } from '../curves.ts'

/** A short Weierstrass curve y2 = x3 - 3x + b over the integers modulo p, with base point g of prime order n. */
export interface CurveParameters {
  /** As OpenSSL names it. */
  readonly openssl: string
  /** Of a scalar, and of one coordinate. */
  readonly bytes: number
  readonly p: bigint
  readonly n: bigint
  readonly b: bigint
  readonly g: Point
}

/** A point that is not the point at infinity. */
export interface Point {
  readonly x: bigint
  readonly y: bigint
}

/** The domain parameters (FIPS 186-4 D.1.2.3 and D.1.2.4). */
export const PARAMETERS: Readonly<Record<CurveName, CurveParameters>> = {
  'ec-p256': {
    openssl: 'prime256v1',
    bytes: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    g: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
    },
  },
  'ec-p384': {
    openssl: 'secp384r1',
    bytes: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    g: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
    },
  },
}

/** Reads a big-endian number. */
export function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`)
}

/** Writes a number, big-endian, as exactly `count` bytes. */
export function fromBigInt(value: bigint, count: number): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * count, '0'), 'hex'))
}

/** Gives the inverse of `value` modulo the prime `modulus` (extended Euclid; its time depends on the value). */
export function invert(value: bigint, modulus: bigint): bigint {
  let [low, high] = [((value % modulus) + modulus) % modulus, modulus]
  let [lowFactor, highFactor] = [1n, 0n]
  while (low > 1n) {
    const quotient = high / low
    ;[low, high] = [high - quotient * low, low]
    ;[lowFactor, highFactor] = [highFactor - quotient * lowFactor, lowFactor]
  }
  return ((lowFactor % modulus) + modulus) % modulus
}

/** Reads 04 X Y; `undefined` when that is not a point of the curve. */
export function toPoint({ p, b, bytes }: CurveParameters, encoded: Uint8Array): Point | undefined {
  if (encoded.length !== 1 + 2 * bytes || encoded[0] !== 0x04) return undefined
  const x = toBigInt(encoded.subarray(1, 1 + bytes))
  const y = toBigInt(encoded.subarray(1 + bytes))
  if (x >= p || y >= p || (y * y - (x * x * x - 3n * x + b)) % p !== 0n) return undefined
  return { x, y }
}

/**
 * Computes the x coordinate of `u` g + `v` q, modulo p; `undefined` for the point at infinity. For public values only:
 * its time depends on all of them.
 */
export function sumX(curve: CurveParameters, u: bigint, q: Point, v: bigint): bigint | undefined {
  const [g, both] = [jacobian(curve.g), add(curve, jacobian(curve.g), jacobian(q))]
  let sum = INFINITY
  for (let bit = BigInt(8 * curve.bytes); bit >= 0n; bit--) {
    sum = double(curve, sum)
    const [inU, inV] = [((u >> bit) & 1n) === 1n, ((v >> bit) & 1n) === 1n]
    if (inU && inV) sum = add(curve, sum, both)
    else if (inU) sum = add(curve, sum, g)
    else if (inV) sum = add(curve, sum, jacobian(q))
  }
  if (sum.z === 0n) return undefined
  const inverse = invert(sum.z, curve.p)
  return (sum.x * inverse * inverse) % curve.p
}

/** The point (x / z2, y / z3); z = 0 is the point at infinity. */
interface Jacobian {
  readonly x: bigint
  readonly y: bigint
  readonly z: bigint
}

const INFINITY: Jacobian = { x: 1n, y: 1n, z: 0n }

function jacobian({ x, y }: Point): Jacobian {
  return { x, y, z: 1n }
}

/** Formulas of IEEE P1363 A.10.4 for a = -3. */
function double({ p }: CurveParameters, { x, y, z }: Jacobian): Jacobian {
  if (z === 0n || y === 0n) return INFINITY
  const zz = (z * z) % p
  const yy = (y * y) % p
  const m = (3n * (x - zz) * (x + zz)) % p
  const s = (4n * x * yy) % p
  const doubled = (m * m - 2n * s) % p
  return normal(p, doubled, m * (s - doubled) - 8n * yy * yy, 2n * y * z)
}

/** Formulas of IEEE P1363 A.10.5. */
function add(curve: CurveParameters, a: Jacobian, b: Jacobian): Jacobian {
  if (a.z === 0n) return b
  if (b.z === 0n) return a
  const { p } = curve
  const [azz, bzz] = [(a.z * a.z) % p, (b.z * b.z) % p]
  const [u1, u2] = [(a.x * bzz) % p, (b.x * azz) % p]
  const [s1, s2] = [(a.y * b.z * bzz) % p, (b.y * a.z * azz) % p]
  const [h, r] = [(u2 - u1) % p, (s2 - s1) % p]
  if (h === 0n) return r === 0n ? double(curve, a) : INFINITY
  const hh = (h * h) % p
  const hhh = (h * hh) % p
  const v = (u1 * hh) % p
  const x = (r * r - hhh - 2n * v) % p
  return normal(p, x, r * (v - x) - s1 * hhh, h * a.z * b.z)
}

function normal(p: bigint, x: bigint, y: bigint, z: bigint): Jacobian {
  return { x: ((x % p) + p) % p, y: ((y % p) + p) % p, z: ((z % p) + p) % p }
}
