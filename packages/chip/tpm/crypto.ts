import type { TpmCurve, TpmHash, TpmScheme } from './algorithms.ts'

/** The arithmetic that credentials and signatures of a TPM need. Keys are DER SubjectPublicKeyInfo. */
export interface TpmCrypto {
  /** Gives `count` unpredictable bytes. */
  random(count: number): Uint8Array
  hash(hash: TpmHash, message: Uint8Array): Uint8Array
  hmac(hash: TpmHash, key: Uint8Array, message: Uint8Array): Uint8Array
  /** Encrypts with AES in CFB mode, feedback of a whole block, and an initial vector of zeros. */
  encryptCfb(key: Uint8Array, message: Uint8Array): Uint8Array
  /** Encrypts with RSA-OAEP, the same hash for label and mask; `undefined` when the key is unsound. */
  encryptOaep(publicKey: Uint8Array, hash: TpmHash, label: Uint8Array, message: Uint8Array): Uint8Array | undefined
  /** Makes a key pair for once and agrees with `publicKey`; `undefined` when that is no point of the curve. */
  agree(curve: TpmCurve, publicKey: { readonly x: Uint8Array; readonly y: Uint8Array }): Agreement | undefined
  /** Tells whether the key made the signature; anything wrong with either is a plain no. ECDSA is r and s, padded. */
  verify(check: SignatureCheck): boolean
}

/** A key agreement: the public half that was made for it, and the x coordinate of the shared point. */
export interface Agreement {
  readonly x: Uint8Array
  readonly y: Uint8Array
  readonly secret: Uint8Array
}

/** A signature, and what it is said to be over. */
export interface SignatureCheck {
  readonly publicKey: Uint8Array
  readonly scheme: TpmScheme
  readonly hash: TpmHash
  readonly message: Uint8Array
  readonly signature: Uint8Array
}
