import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { concat, equalBytes, fromHex } from '../kernel/index.ts'
import { DerError, enterDer, TAG } from './der.ts'
import { readInteger, readOctetsOfBitString, readOid } from './der-values.ts'
import { x509Fault } from './faults.ts'

/** A curve of FIPS 186-4, by the names in use here. */
export type Curve = 'p256' | 'p384' | 'p521'

/** What kind of key a SubjectPublicKeyInfo holds. */
export type KeyAlgorithm = `ec-${Curve}` | `rsa-${number}` | 'ml-dsa-65' | 'other'

/** Smallest RSA key whose signatures count, in bits (NIST SP 800-131A Rev. 2 §3). */
export const RSA_BITS_MIN = 2048

/** Largest RSA key that is used, in bits: larger ones are rare, and each doubling costs 4 times as much. */
export const RSA_BITS_MAX = 4096

/** Tells whether keys of this kind may be certified and may sign here. */
export function isSupportedKey(algorithm: KeyAlgorithm): boolean {
  if (!algorithm.startsWith('rsa-')) return algorithm !== 'other'
  const bits = Number(algorithm.slice('rsa-'.length))
  return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX
}

/** Says what kind of key a DER SubjectPublicKeyInfo holds, without checking that the key is sound. */
export function readKeyAlgorithm(spki: Uint8Array): KeyAlgorithm {
  // Nearly every key is a point in the usual spelling, of which nothing but the point differs.
  const usual = rowOfSpki(spki)
  if (usual !== undefined) return usual.keyAlgorithm
  const fields = enterDer(spki, TAG.SEQUENCE)
  const algorithm = fields.enter(TAG.SEQUENCE)
  const key = fields.take(TAG.BIT_STRING)
  fields.end()
  const oid = readOid(algorithm.content(TAG.OID))
  if (oid === RSA_ENCRYPTION) return `rsa-${modulusBits(readOctetsOfBitString(key.content))}`
  if (oid === ML_DSA_65) return 'ml-dsa-65'
  const curve = oid === EC_PUBLIC_KEY ? algorithm.takeIf(TAG.OID) : undefined
  const row = curve && CURVES.find((candidate) => candidate.oid === readOid(curve.content))
  return row?.keyAlgorithm ?? 'other'
}

/**
 * Opens a DER SubjectPublicKeyInfo for OpenSSL, which checks that an EC point is on its curve.
 *
 * @throws `KEY_UNREADABLE` (peer)
 */
export function openPublicKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch (cause) {
    throw x509Fault('KEY_UNREADABLE', { why: 'it is no sound SubjectPublicKeyInfo' }, cause)
  }
}

/**
 * Wraps the point that a chip gives (`04 X Y`, SEC 1 §2.3.3) as a DER SubjectPublicKeyInfo (RFC 5480 §2).
 *
 * @throws `KEY_UNREADABLE` (peer) when it is not an uncompressed point of this curve
 */
export function spkiFromPoint(curve: Curve, point: Uint8Array): Uint8Array {
  const row = rowOf(curve)
  const whole = concat(row.prefix, point)
  if (point.length !== row.pointBytes || point[0] !== 0x04) {
    throw x509Fault('KEY_UNREADABLE', { why: `an uncompressed point of ${row.pointBytes} bytes was expected` })
  }
  openPublicKey(whole)
  return whole
}

/**
 * Gives the uncompressed point (`04 X Y`, SEC 1 §2.3.3) inside a DER SubjectPublicKeyInfo.
 *
 * @throws `KEY_UNREADABLE` (peer) when it is no EC key of a known curve, or its point is compressed
 */
export function pointFromSpki(spki: Uint8Array): Uint8Array {
  const row = rowOfSpki(spki)
  const point = row && spki.subarray(row.prefix.length)
  if (point?.[0] !== 0x04) {
    throw x509Fault('KEY_UNREADABLE', { why: 'it is no EC key with an uncompressed point' })
  }
  return Uint8Array.from(point)
}

/** Gives the identifier of a key for extensions: the leftmost 160 bits of its SHA-256 (RFC 7093 §2, method 1). */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  return Uint8Array.from(hash('sha256', readKeyOctets(spki), 'buffer').subarray(0, 20))
}

function readKeyOctets(spki: Uint8Array): Uint8Array {
  const usual = rowOfSpki(spki)
  if (usual !== undefined) return spki.subarray(usual.prefix.length)
  const fields = enterDer(spki, TAG.SEQUENCE)
  fields.take(TAG.SEQUENCE)
  return readOctetsOfBitString(fields.content(TAG.BIT_STRING))
}

function modulusBits(rsaPublicKey: Uint8Array): number {
  const modulus = readInteger(enterDer(rsaPublicKey, TAG.SEQUENCE).content(TAG.INTEGER))
  const digits = modulus[0] === 0 ? modulus.subarray(1) : modulus
  const [first] = digits
  if (first === undefined) throw new DerError('an RSA modulus of zero')
  return digits.length * 8 - (Math.clz32(first) - 24)
}

/** Finds the curve of a SubjectPublicKeyInfo that is spelled as {@link CURVES} has it, with an uncompressed point. */
function rowOfSpki(spki: Uint8Array): CurveRow | undefined {
  return CURVES.find(
    ({ prefix, pointBytes }) =>
      spki.length === prefix.length + pointBytes && equalBytes(spki.subarray(0, prefix.length), prefix),
  )
}

function rowOf(curve: Curve): CurveRow {
  const row = CURVES.find((candidate) => candidate.curve === curve)
  if (row === undefined) throw x509Fault('KEY_UNREADABLE', { why: 'the curve is unknown' })
  return row
}

interface CurveRow {
  readonly curve: Curve
  readonly keyAlgorithm: `ec-${Curve}`
  readonly oid: string
  readonly pointBytes: number
  /** The SubjectPublicKeyInfo up to and including the octet of unused bits; the point follows. */
  readonly prefix: Uint8Array
}

/** RFC 5480 §2.1.1.1. */
const CURVES: readonly CurveRow[] = [
  {
    curve: 'p256',
    keyAlgorithm: 'ec-p256',
    oid: '1.2.840.10045.3.1.7',
    pointBytes: 65,
    prefix: fromHex('30 59 30 13 06 07 2a8648ce3d0201 06 08 2a8648ce3d030107 03 42 00'),
  },
  {
    curve: 'p384',
    keyAlgorithm: 'ec-p384',
    oid: '1.3.132.0.34',
    pointBytes: 97,
    prefix: fromHex('30 76 30 10 06 07 2a8648ce3d0201 06 05 2b81040022 03 62 00'),
  },
  {
    curve: 'p521',
    keyAlgorithm: 'ec-p521',
    oid: '1.3.132.0.35',
    pointBytes: 133,
    prefix: fromHex('30 81 9b 30 10 06 07 2a8648ce3d0201 06 05 2b81040023 03 81 86 00'),
  },
]

const EC_PUBLIC_KEY = '1.2.840.10045.2.1'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'
/** RFC 9881 §2: id-ml-dsa-65, for the key and for its signatures. */
const ML_DSA_65 = '2.16.840.1.101.3.4.3.18'
