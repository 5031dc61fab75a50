/** How a signature is made over a message, hash included (RFC 5758 §3.2, RFC 8017 §8.2, RFC 9881 §2). */
export type SignatureAlgorithm = 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384' | 'rsa-pkcs1-sha256' | 'ml-dsa-65'

/**
 * A private key that signs and is never seen: in a file, a chip, a token or another company's hands.
 */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  /** The public half, as a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
  readonly publicKey: Uint8Array
  /**
   * Signs `message`, hashing it as {@link algorithm} says.
   *
   * @returns For ECDSA the DER `ECDSA-Sig-Value` (RFC 3279 §2.2.3), for RSA and ML-DSA the bare signature.
   */
  sign(message: Uint8Array): Promise<Uint8Array>
}
