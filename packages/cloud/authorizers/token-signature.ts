import { constants, createPublicKey, verify } from 'node:crypto'

/**
 * Tells whether one of the keys signed a token: RSA with SHA-256, PKCS#1 v1.5 (AWS IoT Core developer guide, signing
 * the token). Keys of other kinds, and texts that are no key, sign nothing.
 *
 * @param signature Base64.
 */
export function isTokenSigned(token: string, signature: string, keys: Readonly<Record<string, string>>): boolean {
  const signed = Buffer.from(token, 'utf8')
  const bytes = Buffer.from(signature, 'base64')
  return Object.values(keys).some((pem) => {
    try {
      const key = createPublicKey(pem)
      if (key.asymmetricKeyType !== 'rsa') return false
      return verify('sha256', signed, { key, padding: constants.RSA_PKCS1_PADDING }, bytes)
    } catch {
      return false
    }
  })
}
