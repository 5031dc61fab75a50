import type { CurveRow } from '../curves.ts'
import type { Dialect } from '../mechanism.ts'
import { CKF, CKM, CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'
import type { HashName } from './session.ts'
import type { TokenSource } from './source.ts'

/** What a mechanism hashes with before a signature; `none` where the caller brings a digest. */
export type Prehash = HashName | 'none'

/** One mechanism of a token. */
interface MechanismRow {
  readonly type: number
  readonly flags: bigint
  /** Whether it works on a key, so that key sizes and the curves' flags count. */
  readonly isOnKeys: boolean
  /** The first dialect whose clients let it through. */
  readonly since: Dialect
  readonly prehash?: Prehash
}

const SIGN = CKF.SIGN | CKF.VERIFY

const ROWS: readonly MechanismRow[] = [
  { type: CKM.EC_KEY_PAIR_GEN, flags: CKF.GENERATE_KEY_PAIR, isOnKeys: true, since: 0 },
  { type: CKM.ECDSA, flags: SIGN, isOnKeys: true, since: 0, prehash: 'none' },
  { type: CKM.ECDSA_SHA256, flags: SIGN, isOnKeys: true, since: 1, prehash: 'sha256' },
  { type: CKM.ECDSA_SHA384, flags: SIGN, isOnKeys: true, since: 1, prehash: 'sha384' },
  { type: CKM.ECDH1_DERIVE, flags: CKF.DERIVE, isOnKeys: true, since: 1 },
  { type: CKM.SHA256, flags: CKF.DIGEST, isOnKeys: false, since: 0 },
  { type: CKM.SHA384, flags: CKF.DIGEST, isOnKeys: false, since: 0 },
  { type: CKM.SHA512, flags: CKF.DIGEST, isOnKeys: false, since: 0 },
]

/**
 * Gives the mechanisms that a program of this dialect may be told: clients up to p11-kit 0.24 know neither ECDSA with
 * SHA-2 nor ECDH, and read beyond their list when one is in it (p11-kit 0.24.1, rpc-client.c).
 */
export function mechanismsFor(dialect: Dialect): readonly bigint[] {
  return ROWS.filter(({ since }) => dialect >= since).map(({ type }) => BigInt(type))
}

/** Gives CK_MECHANISM_INFO: key sizes in bits, and flags. @throws `Refusal` MECHANISM_INVALID */
export function mechanismInfo({ curves, hardware }: TokenSource, type: bigint): readonly [bigint, bigint, bigint] {
  const row = ROWS.find((each) => BigInt(each.type) === type)
  if (row === undefined) throw new Refusal(CKR.MECHANISM_INVALID)
  if (!row.isOnKeys) return [0n, 0n, row.flags]
  const sizes = curves.map(({ bits }) => bits)
  const least = sizes.reduce((left, right) => (left < right ? left : right))
  const most = sizes.reduce((left, right) => (left > right ? left : right))
  const onCurves = CKF.EC_F_P | CKF.EC_NAMEDCURVE | CKF.EC_UNCOMPRESS
  return [least, most, row.flags | onCurves | (hardware ? CKF.HW : 0n)]
}

/** Gives what a mechanism of signatures hashes with. @throws `Refusal` MECHANISM_INVALID */
export function prehashOf(type: number): Prehash {
  const prehash = ROWS.find((row) => row.type === type)?.prehash
  if (prehash === undefined) throw new Refusal(CKR.MECHANISM_INVALID)
  return prehash
}

/**
 * Makes a digest as long as the curve's order: the leftmost bytes of a longer one, zeros before a shorter one
 * (FIPS 186-5 §6.4.1).
 *
 * @throws `Refusal` DATA_LEN_RANGE for none, and for more than the longest digest in use
 */
export function fitted(digest: Uint8Array, { bytes }: CurveRow): Uint8Array {
  if (digest.length === 0 || digest.length > DIGEST_BYTES_MAX) throw new Refusal(CKR.DATA_LEN_RANGE)
  const whole = new Uint8Array(bytes)
  whole.set(digest.subarray(0, bytes), Math.max(0, bytes - digest.length))
  return whole
}

/** The longest digest in use, SHA-512's. At the limit: DATA_LEN_RANGE. */
const DIGEST_BYTES_MAX = 64
