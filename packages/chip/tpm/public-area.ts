import { concat, fromHex, uint16 } from '@birthmark/foundation/kernel'
import { ALG, CURVES, HASHES, hashId, SCHEMES, type TpmCurve, type TpmHash, type TpmScheme } from './algorithms.ts'
import type { TpmCrypto } from './crypto.ts'
import { leftPadded, TpmReader } from './wire.ts'

/** The public area of an asymmetric key (TPMT_PUBLIC; TPM 2.0 Library, Part 2, §12.2.4). */
export interface TpmPublic {
  /** The structure as the TPM gave it, of which the name is a hash. */
  readonly raw: Uint8Array
  readonly nameHash: TpmHash
  /** Bits of TPMA_OBJECT. */
  readonly attributes: number
  readonly authPolicy: Uint8Array
  /**
   * Length of the AES key that protects what is made for this key, in bits; `undefined` for a key that is no
   * parent.
   */
  readonly aesBits: number | undefined
  /** How this key always signs; `undefined` where the command says it. */
  readonly signs: { readonly scheme: TpmScheme; readonly hash: TpmHash } | undefined
  readonly key: TpmPublicKey
}

/** The key itself, numbers big-endian; coordinates are of the curve's full length. */
export type TpmPublicKey =
  | { readonly type: 'rsa'; readonly modulus: Uint8Array; readonly exponent: number }
  | { readonly type: 'ecc'; readonly curve: TpmCurve; readonly x: Uint8Array; readonly y: Uint8Array }

/** Longest modulus that is read, in bytes: TPMs in use have 256 or 384, the largest of the library 512. */
export const MODULUS_BYTES_MAX = 512

/**
 * Reads a TPMT_PUBLIC. That the numbers are a sound key is not judged here.
 *
 * @throws `TPM_STRUCTURE_INVALID` (peer), also for keys, curves and hashes that are not used here
 */
export function parsePublic(bytes: Uint8Array): TpmPublic {
  const reader = new TpmReader(bytes, 'public area of a TPM key')
  const type = reader.uint16()
  const nameHash = readHash(reader)
  const attributes = reader.uint32()
  const authPolicy = reader.sized()
  if (type !== ALG.RSA && type !== ALG.ECC) throw reader.invalid(`a key of type ${type}`)
  const aesBits = readSymmetric(reader)
  const signs = readScheme(reader)
  const key = type === ALG.RSA ? readRsa(reader) : readEcc(reader)
  reader.end()
  return { raw: Uint8Array.from(bytes), nameHash, attributes, authPolicy, aesBits, signs, key }
}

/** Gives the name by which the TPM knows an object: its hash's number, and the hash of its public area. */
export function nameOf(area: TpmPublic, crypto: TpmCrypto): Uint8Array {
  return concat(uint16(hashId(area.nameHash)), crypto.hash(area.nameHash, area.raw))
}

/** Gives the key as a DER SubjectPublicKeyInfo, as certificates hold it (RFC 5480 §2, RFC 8017 Appendix A.1). */
export function spkiOf(key: TpmPublicKey): Uint8Array {
  if (key.type === 'ecc') {
    const row = CURVES.find(({ curve }) => curve === key.curve)
    return concat(fromHex(row?.spkiPrefix ?? ''), Uint8Array.of(UNCOMPRESSED), key.x, key.y)
  }
  const exponent = fromHex(key.exponent.toString(16).padStart(8, '0'))
  const rsaKey = der(SEQUENCE, der(INTEGER, positive(key.modulus)), der(INTEGER, positive(exponent)))
  return der(SEQUENCE, RSA_ENCRYPTION, der(BIT_STRING, concat(Uint8Array.of(0), rsaKey)))
}

function readHash(reader: TpmReader): TpmHash {
  const id = reader.uint16()
  const row = HASHES.find((candidate) => candidate.id === id)
  if (row === undefined) throw reader.invalid(`it uses the hash ${id}`)
  return row.hash
}

/** TPMT_SYM_DEF_OBJECT: AES in CFB mode, or none. */
function readSymmetric(reader: TpmReader): number | undefined {
  const algorithm = reader.uint16()
  if (algorithm === ALG.NULL) return undefined
  const [bits, mode] = [reader.uint16(), reader.uint16()]
  const isKnown = algorithm === ALG.AES && mode === ALG.CFB && AES_BITS.has(bits)
  if (!isKnown) throw reader.invalid(`it protects with the cipher ${algorithm}`)
  return bits
}

/** TPMT_RSA_SCHEME and TPMT_ECC_SCHEME. */
function readScheme(reader: TpmReader): TpmPublic['signs'] {
  const id = reader.uint16()
  if (id === ALG.NULL) return undefined
  const row = SCHEMES.find((candidate) => candidate.id === id)
  if (row === undefined) throw reader.invalid(`it uses the scheme ${id}`)
  return { scheme: row.scheme, hash: readHash(reader) }
}

function readRsa(reader: TpmReader): TpmPublicKey {
  const bits = reader.uint16()
  // 0 stands for the usual one (Part 2, §12.2.3.5).
  const exponent = reader.uint32() || USUAL_EXPONENT
  const modulus = reader.sized()
  if (modulus.length * 8 !== bits || modulus.length > MODULUS_BYTES_MAX) throw reader.invalid('a modulus of odd length')
  return { type: 'rsa', modulus, exponent }
}

function readEcc(reader: TpmReader): TpmPublicKey {
  const id = reader.uint16()
  const row = CURVES.find((candidate) => candidate.id === id)
  if (row === undefined) throw reader.invalid(`it uses the curve ${id}`)
  if (reader.uint16() !== ALG.NULL) throw reader.invalid('it derives keys')
  const x = leftPadded(reader.sized(), row.bytes)
  const y = leftPadded(reader.sized(), row.bytes)
  if (x === undefined || y === undefined) throw reader.invalid('a coordinate is too long')
  return { type: 'ecc', curve: row.curve, x, y }
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(...parts)
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concat(Uint8Array.of(tag, ...head), content)
}

/** The shortest two's complement of a number above zero. */
function positive(digits: Uint8Array): Uint8Array {
  const first = digits.findIndex((digit) => digit !== 0)
  const short = first === -1 ? Uint8Array.of(0) : digits.subarray(first)
  return (short[0] ?? 0) < 0x80 ? short : concat(Uint8Array.of(0), short)
}

const AES_BITS: ReadonlySet<number> = new Set([128, 192, 256])
const USUAL_EXPONENT = 65_537
const UNCOMPRESSED = 0x04

const INTEGER = 0x02
const BIT_STRING = 0x03
const SEQUENCE = 0x30
/** AlgorithmIdentifier of rsaEncryption (RFC 8017 Appendix A.1). */
const RSA_ENCRYPTION = fromHex('30 0d 06 09 2a864886f70d010101 05 00')
