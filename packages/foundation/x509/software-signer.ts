import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { isFault } from '../kernel/index.ts'
import { DerError, enterDer, TAG } from './der.ts'
import { x509Fault } from './faults.ts'
import { fromPem } from './pem.ts'
import { signatureAlgorithmOf } from './signature.ts'
import type { SignatureAlgorithm, Signer } from './signer.ts'

/**
 * A {@link Signer} whose key lives in this process, inside OpenSSL. The key leaves it in one way only: encrypted
 * ({@link SoftwareSigner.toEncryptedPem}). Text, JSON and inspection of this object never show it.
 */
export class SoftwareSigner implements Signer {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    const publicKey = Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }))
    const algorithm = signatureAlgorithmOf(publicKey)
    if (algorithm === undefined) {
      throw x509Fault('KEY_UNREADABLE', { why: 'it is neither P-256, P-384, ML-DSA-65 nor RSA of 2048 to 4096 bits' })
    }
    this.algorithm = algorithm
    this.publicKey = publicKey
    this.#key = key
  }

  /** Makes a fresh key from OpenSSL's random generator; RSA keys have 2048 bits. */
  static async generate(algorithm: SignatureAlgorithm): Promise<SoftwareSigner> {
    return new SoftwareSigner(await GENERATORS[algorithm]())
  }

  /**
   * Opens a private key that {@link toEncryptedPem} or `openssl pkcs8 -topk8` wrote.
   *
   * @throws `KEY_UNREADABLE` (peer) when it is no encrypted PKCS#8 or of an unsupported kind, `KEY_PASSPHRASE_WRONG`
   * (operator)
   */
  static fromEncryptedPem(pem: string, passphrase: string): SoftwareSigner {
    checkEncryptedPem(pem)
    return new SoftwareSigner(openPrivateKey(pem, passphrase))
  }

  /**
   * Opens a private key from another program: PKCS#8, encrypted or not, or the older forms of OpenSSL (`EC PRIVATE
   * KEY`, `RSA PRIVATE KEY`), as PEM or, for PKCS#8, as DER.
   *
   * @param passphrase Of an encrypted key; without one the key must be in the clear.
   * @throws `KEY_UNREADABLE` (peer), `KEY_PASSPHRASE_WRONG` (operator)
   */
  static import(input: string | Uint8Array, passphrase?: string): SoftwareSigner {
    return new SoftwareSigner(importPrivateKey(input, passphrase))
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const signature = sign(HASHES[this.algorithm], message, this.#key)
    return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
  }

  /**
   * Writes the private key as encrypted PKCS#8 (RFC 8018 PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC), which
   * `openssl pkey` and Node's TLS read with the same passphrase. OpenSSL fixes 2048 rounds of PBKDF2: what protects
   * the key is a passphrase that cannot be guessed.
   *
   * @throws `KEY_PASSPHRASE_EMPTY` (operator)
   */
  toEncryptedPem(passphrase: string): string {
    if (passphrase === '') throw x509Fault('KEY_PASSPHRASE_EMPTY')
    return this.#key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }).toString()
  }

  toString(): string {
    return `SoftwareSigner(${this.algorithm})`
  }

  toJSON(): { readonly algorithm: SignatureAlgorithm } {
    return { algorithm: this.algorithm }
  }
}

/** Tells a file that is no encrypted key from one that the passphrase does not open: OpenSSL does not. */
function checkEncryptedPem(pem: string): void {
  try {
    const [der, ...others] = fromPem(pem, 'ENCRYPTED PRIVATE KEY')
    if (der === undefined || others.length > 0) throw new DerError('one ENCRYPTED PRIVATE KEY block was expected')
    const fields = enterDer(der, TAG.SEQUENCE)
    fields.take(TAG.SEQUENCE)
    fields.take(TAG.OCTET_STRING)
    fields.end()
  } catch (error) {
    if (!(error instanceof DerError || isFault(error, 'PEM_MALFORMED'))) throw error
    throw x509Fault('KEY_UNREADABLE', { why: error.message }, error)
  }
}

function openPrivateKey(key: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key, format: 'pem', passphrase })
  } catch (cause) {
    throw x509Fault('KEY_PASSPHRASE_WRONG', {}, cause)
  }
}

function importPrivateKey(input: string | Uint8Array, passphrase: string | undefined): KeyObject {
  if (passphrase === undefined && typeof input === 'string' && input.includes('ENCRYPTED')) {
    throw x509Fault('KEY_UNREADABLE', { why: 'it is encrypted, and no passphrase was given' })
  }
  const secret = passphrase === undefined ? {} : { passphrase }
  try {
    if (typeof input === 'string') return createPrivateKey({ key: input, format: 'pem', ...secret })
    return createPrivateKey({ key: Buffer.from(input), format: 'der', type: 'pkcs8', ...secret })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (/BAD_DECRYPT|CIPHERFINAL|MAC_VERIFY/.test(code)) throw x509Fault('KEY_PASSPHRASE_WRONG', {}, cause)
    throw x509Fault('KEY_UNREADABLE', { why: 'it is no private key in PKCS#8, SEC 1 or PKCS#1' }, cause)
  }
}

const generate = promisify(generateKeyPair)

const GENERATORS: Readonly<Record<SignatureAlgorithm, () => Promise<KeyObject>>> = {
  'ecdsa-p256-sha256': async () => (await generate('ec', { namedCurve: 'P-256' })).privateKey,
  'ecdsa-p384-sha384': async () => (await generate('ec', { namedCurve: 'P-384' })).privateKey,
  'rsa-pkcs1-sha256': async () => (await generate('rsa', { modulusLength: 2048 })).privateKey,
  'ml-dsa-65': async () => (await generate('ml-dsa-65')).privateKey,
}

/** `null` where the algorithm hashes by itself. */
const HASHES: Readonly<Record<SignatureAlgorithm, 'sha256' | 'sha384' | null>> = {
  'ecdsa-p256-sha256': 'sha256',
  'ecdsa-p384-sha384': 'sha384',
  'rsa-pkcs1-sha256': 'sha256',
  'ml-dsa-65': null,
}
