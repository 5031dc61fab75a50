/** How PKCS#12 files are encrypted and sealed (RFC 7292 §5 and Appendix B, RFC 8018), for reading them. */
import { createDecipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { equalBytes } from '../kernel/index.ts'
import { DerError, type DerReader, TAG } from './der.ts'
import { readOid, readSmallInteger } from './der-values.ts'
import { decryptRc2Cbc } from './rc2.ts'

/**
 * Most rounds of key derivation that are worked through. OpenSSL writes 2048, others up to 600,000; a file may name two
 * thousand millions, which would take an hour. At the limit the file is refused.
 */
const DERIVATION_ROUNDS_MAX = 1_000_000

/** Reads an AlgorithmIdentifier and gives what decrypts with it; `undefined` from it means a wrong passphrase. */
export function readDecryption(algorithm: DerReader): (data: Uint8Array, passphrase: string) => Uint8Array | undefined {
  const oid = readOid(algorithm.content(TAG.OID))
  const parameters = algorithm.enter(TAG.SEQUENCE)
  if (oid === PBES2) return readPbes2(parameters)
  const legacy = LEGACY_CIPHERS.get(oid)
  if (legacy === undefined) throw new DerError(`the encryption ${oid}`)
  const salt = parameters.content(TAG.OCTET_STRING)
  const rounds = readRounds(parameters)
  return (data, passphrase) => {
    const derive = (id: number, bytes: number): Uint8Array =>
      derivePkcs12({ hash: 'sha1', id, passphrase, salt, rounds, bytes })
    return legacy.decrypt(derive(KEY_ID, legacy.keyBytes), derive(IV_ID, 8), data)
  }
}

/** Reads a MacData and tells whether it seals `content` under a passphrase (RFC 7292 §4 and Appendix A). */
export function readSeal(mac: DerReader): (content: Uint8Array, passphrase: string) => boolean {
  const digestInfo = mac.enter(TAG.SEQUENCE)
  const oid = readOid(digestInfo.enter(TAG.SEQUENCE).content(TAG.OID))
  const hash = MAC_HASHES.get(oid)
  if (hash === undefined) throw new DerError(`the seal ${oid}`)
  const seal = digestInfo.content(TAG.OCTET_STRING)
  const salt = mac.content(TAG.OCTET_STRING)
  const rounds = mac.isAtEnd ? 1 : readRounds(mac)
  return (content, passphrase) => {
    const key = derivePkcs12({ hash, id: MAC_ID, passphrase, salt, rounds, bytes: HASH_BYTES[hash].digest })
    return equalBytes(createHmac(hash, key).update(content).digest(), seal)
  }
}

/** RFC 8018 §6.2: PBKDF2 and a block cipher. */
function readPbes2(parameters: DerReader): (data: Uint8Array, passphrase: string) => Uint8Array | undefined {
  const derivation = parameters.enter(TAG.SEQUENCE)
  const oid = readOid(derivation.content(TAG.OID))
  if (oid !== PBKDF2) throw new DerError(`the key derivation ${oid}`)
  const fields = derivation.enter(TAG.SEQUENCE)
  const salt = fields.content(TAG.OCTET_STRING)
  const rounds = readRounds(fields)
  fields.takeIf(TAG.INTEGER)
  const prf = fields.isAtEnd ? HMAC_SHA1 : readOid(fields.enter(TAG.SEQUENCE).content(TAG.OID))
  const hash = PRF_HASHES.get(prf)
  const scheme = parameters.enter(TAG.SEQUENCE)
  const cipher = CIPHERS.get(readOid(scheme.content(TAG.OID)))
  if (hash === undefined || cipher === undefined) throw new DerError('a cipher or hash that is not known here')
  const iv = scheme.content(TAG.OCTET_STRING)
  return (data, passphrase) =>
    decrypt(cipher.name, pbkdf2Sync(passphrase, salt, rounds, cipher.keyBytes, hash), iv, data)
}

function readRounds(fields: DerReader): number {
  const rounds = readSmallInteger(fields.content(TAG.INTEGER))
  if (rounds >= 1 && rounds <= DERIVATION_ROUNDS_MAX) return rounds
  throw new DerError(`${rounds} rounds of key derivation, where 1 to ${DERIVATION_ROUNDS_MAX} are worked through`)
}

function decrypt(cipher: string, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array | undefined {
  try {
    const decipher = createDecipheriv(cipher, key, iv)
    return Uint8Array.from(Buffer.concat([decipher.update(data), decipher.final()]))
  } catch {
    return undefined
  }
}

/** RFC 7292 Appendix B.2, by the letters it uses. */
function derivePkcs12(request: {
  readonly hash: HashName
  readonly id: number
  readonly passphrase: string
  readonly salt: Uint8Array
  readonly rounds: number
  readonly bytes: number
}): Uint8Array {
  const { hash, id, passphrase, salt, rounds, bytes } = request
  const { block: v } = HASH_BYTES[hash]
  const D = new Uint8Array(v).fill(id)
  // A BMPString with its two zero octets (Appendix B.1): big endian, where the machine writes little endian.
  const password = Buffer.from(`${passphrase}\0`, 'utf16le').swap16()
  const I = Buffer.concat([stretch(salt, v), stretch(password, v)])
  const derived: Uint8Array[] = []
  for (let length = 0; length < bytes; ) {
    let A = createHash(hash).update(D).update(I).digest()
    for (let round = 1; round < rounds; round += 1) A = createHash(hash).update(A).digest()
    derived.push(A)
    length += A.length
    const B = stretch(A, v).subarray(0, v)
    for (let at = 0; at < I.length; at += v) addWithOne(I.subarray(at, at + v), B)
  }
  return Uint8Array.from(Buffer.concat(derived).subarray(0, bytes))
}

/** Repeats octets until a multiple of `v` is full; nothing stays nothing. */
function stretch(octets: Uint8Array, v: number): Uint8Array {
  const length = v * Math.ceil(octets.length / v)
  return Uint8Array.from({ length }, (_, index) => octets[index % octets.length] ?? 0)
}

/** Adds `B` + 1 to a block, as numbers, and forgets what does not fit. */
function addWithOne(block: Uint8Array, B: Uint8Array): void {
  let carry = 1
  for (let index = block.length - 1; index >= 0; index -= 1) {
    const sum = (block[index] ?? 0) + (B[index] ?? 0) + carry
    block[index] = sum & 0xff
    carry = sum >> 8
  }
}

type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const HASH_BYTES: Readonly<Record<HashName, { readonly digest: number; readonly block: number }>> = {
  sha1: { digest: 20, block: 64 },
  sha256: { digest: 32, block: 64 },
  sha384: { digest: 48, block: 128 },
  sha512: { digest: 64, block: 128 },
}

/** What a derived octet is for (RFC 7292 Appendix B.3). */
const KEY_ID = 1
const IV_ID = 2
const MAC_ID = 3

/** RFC 7292 Appendix C, of the ciphers that were ever in use; all are old. */
const LEGACY_CIPHERS: ReadonlyMap<
  string,
  {
    readonly keyBytes: number
    readonly decrypt: (key: Uint8Array, iv: Uint8Array, data: Uint8Array) => Uint8Array | undefined
  }
> = new Map([
  ['1.2.840.113549.1.12.1.3', { keyBytes: 24, decrypt: (key, iv, data) => decrypt('des-ede3-cbc', key, iv, data) }],
  ['1.2.840.113549.1.12.1.5', { keyBytes: 16, decrypt: decryptRc2Cbc }],
  ['1.2.840.113549.1.12.1.6', { keyBytes: 5, decrypt: decryptRc2Cbc }],
])

/** RFC 8018 Appendix A and C. */
const PBES2 = '1.2.840.113549.1.5.13'
const PBKDF2 = '1.2.840.113549.1.5.12'
const HMAC_SHA1 = '1.2.840.113549.2.7'
const PRF_HASHES: ReadonlyMap<string, HashName> = new Map([
  [HMAC_SHA1, 'sha1'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
])
const CIPHERS: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyBytes: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24 }],
])
const MAC_HASHES: ReadonlyMap<string, HashName> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])
