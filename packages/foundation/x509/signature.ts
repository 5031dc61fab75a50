import { constants, type KeyObject, verify } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { equalBytes, fromHex, isFault } from '../kernel/index.ts'
import { DerError, enterDer, TAG } from './der.ts'
import { readOctetsOfBitString } from './der-values.ts'
import { isSupportedKey, openPublicKey, readKeyAlgorithm } from './public-key.ts'
import type { SignatureAlgorithm } from './signer.ts'

/** A DER structure that is signed, such as a certificate. */
export interface Signed {
  /** The octets under the signature. */
  readonly message: Uint8Array
  /** The DER AlgorithmIdentifier that says how it was made. */
  readonly algorithm: Uint8Array
  readonly signature: Uint8Array
}

/** Reads `SEQUENCE { signed part, AlgorithmIdentifier, BIT STRING }`, the shape of certificates, requests and CRLs. */
export function readSigned(der: Uint8Array): Signed {
  const fields = enterDer(der, TAG.SEQUENCE)
  const message = fields.raw(TAG.SEQUENCE)
  const algorithm = fields.raw(TAG.SEQUENCE)
  const signature = readOctetsOfBitString(fields.content(TAG.BIT_STRING))
  fields.end()
  return { message, algorithm, signature }
}

/**
 * Tells whether `signature` over `message` was made by the key in `publicKey` (DER SubjectPublicKeyInfo), in the way
 * a {@link Signer} with this algorithm makes it. Anything wrong with key or signature is a plain no.
 */
export function verifySignature(check: {
  readonly publicKey: Uint8Array
  readonly algorithm: SignatureAlgorithm
  readonly message: Uint8Array
  readonly signature: Uint8Array
}): boolean {
  const key = openVerificationKey(check.publicKey)
  return key !== undefined && isSignedWith(key, { ...check, algorithm: algorithmIdentifier(check.algorithm) })
}

/**
 * Opens a key for {@link isSignedWith}; `undefined` when it is unsound or of an unsupported kind. The keys opened last
 * are kept: in the minutes around its birth, a device's key is needed by each who checks it.
 */
export function openVerificationKey(publicKey: Uint8Array): KeyObject | undefined {
  const spki = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1')
  const known = newerKeys.get(spki)
  if (known !== undefined) return known
  const key = olderKeys.get(spki) ?? openSupportedKey(publicKey)
  if (key === undefined) return undefined
  if (newerKeys.size === OPENED_KEYS_COUNT_MAX / 2) {
    olderKeys = newerKeys
    newerKeys = new Map()
  }
  newerKeys.set(spki, key)
  return key
}

/** Opened keys by their DER; unsound ones are not among them. When the newer are many, they become the older. */
let newerKeys = new Map<string, KeyObject>()
let olderKeys: ReadonlyMap<string, KeyObject> = new Map()

/** Keys that are kept open, at about a kilobyte each: more than the sockets of one line. */
const OPENED_KEYS_COUNT_MAX = 1024

function openSupportedKey(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return isSupportedKey(readKeyAlgorithm(publicKey)) ? openPublicKey(publicKey) : undefined
  } catch (error) {
    if (error instanceof DerError || isFault(error, 'KEY_UNREADABLE')) return undefined
    throw error
  }
}

/** Tells whether `key` made this signature; an algorithm that is not accepted here never did. */
export function isSignedWith(key: KeyObject, signed: Signed): boolean {
  const row = algorithmFor(key, signed)
  return row !== undefined && verify(row.hash, signed.message, { key, ...row.padding }, signed.signature)
}

/**
 * Does the same on another thread, as long as one is free: a busy issuer has other things to do meanwhile.
 *
 * @param isWorthIt Whether another core can do it; on the same core, going to another thread and back is pure loss.
 */
export async function isSignedWithAside(
  key: KeyObject,
  signed: Signed,
  isWorthIt: boolean = HAS_CORES,
): Promise<boolean> {
  if (!isWorthIt) return isSignedWith(key, signed)
  const row = algorithmFor(key, signed)
  if (row === undefined) return false
  return new Promise((resolve, reject) => {
    verify(row.hash, signed.message, { key, ...row.padding }, signed.signature, (error, isTrue) => {
      if (error === null) resolve(isTrue)
      else reject(error)
    })
  })
}

/** What this process may use is told once: a container's share of the machine does not change under it. */
const HAS_CORES = availableParallelism() > 1

function algorithmFor(key: KeyObject, { algorithm }: Signed): AlgorithmRow | undefined {
  const row = ALGORITHMS.find(({ der }) => equalBytes(der, algorithm))
  return row?.keyType === key.asymmetricKeyType ? row : undefined
}

/** Gives the DER AlgorithmIdentifier of signatures with this algorithm. */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): Uint8Array {
  return SIGNER_ALGORITHMS[algorithm]
}

/** Gives how a signer with this key signs; `undefined` when there is no such signer. */
export function signatureAlgorithmOf(publicKey: Uint8Array): SignatureAlgorithm | undefined {
  const algorithm = readKeyAlgorithm(publicKey)
  if (algorithm === 'ec-p256') return 'ecdsa-p256-sha256'
  if (algorithm === 'ec-p384') return 'ecdsa-p384-sha384'
  if (algorithm === 'ml-dsa-65') return 'ml-dsa-65'
  return algorithm.startsWith('rsa-') && isSupportedKey(algorithm) ? 'rsa-pkcs1-sha256' : undefined
}

/** RFC 5758 §3.2 and RFC 4055 §5: for ECDSA the parameters are absent, for RSA they are NULL. */
const ECDSA_SHA256 = '300a06082a8648ce3d040302'
const ECDSA_SHA384 = '300a06082a8648ce3d040303'
const ECDSA_SHA512 = '300a06082a8648ce3d040304'
const RSA_SHA256 = '300d06092a864886f70d01010b0500'
const RSA_SHA384 = '300d06092a864886f70d01010c0500'
const RSA_SHA512 = '300d06092a864886f70d01010d0500'
/** RFC 9881 §2: the parameters are absent. */
const ML_DSA_65 = '300b0609608648016503040312'

const SIGNER_ALGORITHMS: Readonly<Record<SignatureAlgorithm, Uint8Array>> = {
  'ecdsa-p256-sha256': fromHex(ECDSA_SHA256),
  'ecdsa-p384-sha384': fromHex(ECDSA_SHA384),
  'rsa-pkcs1-sha256': fromHex(RSA_SHA256),
  'ml-dsa-65': fromHex(ML_DSA_65),
}

interface AlgorithmRow {
  /** The whole AlgorithmIdentifier. */
  readonly der: Uint8Array
  /** `null` where the algorithm hashes by itself. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  readonly keyType: 'ec' | 'rsa' | 'ml-dsa-65'
  readonly padding?: { readonly padding: number; readonly saltLength: number }
}

/** RSASSA-PSS with one hash for everything and a salt as long as it, as RFC 4055 §3.1 spells it. */
function pss(hashOidEnd: string, saltLength: number): string {
  const hash = `300d06096086480165030402${hashOidEnd}0500`
  const mgf = `301a06092a864886f70d010108${hash}`
  const salt = `0201${saltLength.toString(16)}`
  return `304106092a864886f70d01010a3034a00f${hash}a11c${mgf}a203${salt}`
}

/**
 * The signatures that are accepted, by their whole AlgorithmIdentifier: those that AWS IoT accepts, without DSA, and
 * ML-DSA-65, whose keys get in only where somebody asked for them.
 * SHA-1 and MD5 are absent on purpose.
 */
const ALGORITHMS: readonly AlgorithmRow[] = [
  { der: fromHex(ECDSA_SHA256), hash: 'sha256', keyType: 'ec' },
  { der: fromHex(ECDSA_SHA384), hash: 'sha384', keyType: 'ec' },
  { der: fromHex(ECDSA_SHA512), hash: 'sha512', keyType: 'ec' },
  { der: fromHex(RSA_SHA256), hash: 'sha256', keyType: 'rsa' },
  { der: fromHex(RSA_SHA384), hash: 'sha384', keyType: 'rsa' },
  { der: fromHex(RSA_SHA512), hash: 'sha512', keyType: 'rsa' },
  { der: fromHex(ML_DSA_65), hash: null, keyType: 'ml-dsa-65' },
  { der: fromHex(pss('01', 32)), hash: 'sha256', keyType: 'rsa', padding: pssPadding(32) },
  { der: fromHex(pss('02', 48)), hash: 'sha384', keyType: 'rsa', padding: pssPadding(48) },
  { der: fromHex(pss('03', 64)), hash: 'sha512', keyType: 'rsa', padding: pssPadding(64) },
]

function pssPadding(saltLength: number): { padding: number; saltLength: number } {
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
}
