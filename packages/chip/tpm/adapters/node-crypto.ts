import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  publicEncrypt,
  randomFillSync,
  verify,
} from 'node:crypto'
import type { TpmCrypto, TpmCurve, TpmScheme } from '@birthmark/chip/tpm'
import { concat } from '@birthmark/foundation/kernel'

/** The arithmetic for credentials and signatures, by OpenSSL. */
export const nodeTpmCrypto: TpmCrypto = {
  random: (count) => randomFillSync(new Uint8Array(count)),
  hash: (hash, message) => Uint8Array.from(createHash(hash).update(message).digest()),
  hmac: (hash, key, message) => Uint8Array.from(createHmac(hash, key).update(message).digest()),
  encryptCfb(key, message) {
    const cipher = createCipheriv(`aes-${key.length * 8}-cfb`, key, new Uint8Array(AES_BLOCK_BYTES))
    return Uint8Array.from(concat(cipher.update(message), cipher.final()))
  },
  encryptOaep(publicKey, oaepHash, label, message) {
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    return orUndefined(() => {
      const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
      return Uint8Array.from(publicEncrypt({ key, padding, oaepHash, oaepLabel: Buffer.from(label) }, message))
    })
  },
  agree(curve, { x, y }) {
    const ecdh = createECDH(OPENSSL_CURVES[curve])
    const own = Uint8Array.from(ecdh.generateKeys())
    const secret = orUndefined(() => Uint8Array.from(ecdh.computeSecret(concat(UNCOMPRESSED, x, y))))
    const middle = 1 + x.length
    return secret && { x: own.subarray(1, middle), y: own.subarray(middle), secret }
  },
  verify({ publicKey, scheme, hash, message, signature }) {
    return (
      orUndefined(() => {
        const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
        const { keyType, ...how } = HOW[scheme]
        return key.asymmetricKeyType === keyType && verify(hash, message, { key, ...how }, signature)
      }) ?? false
    )
  },
}

/** OpenSSL throws at keys and points that are unsound, and at nothing else that is done here. */
function orUndefined<Value>(calculate: () => Value): Value | undefined {
  try {
    return calculate()
  } catch {
    return undefined
  }
}

const OPENSSL_CURVES: Readonly<Record<TpmCurve, string>> = { p256: 'prime256v1', p384: 'secp384r1' }

interface How {
  readonly keyType: 'ec' | 'rsa'
  readonly padding?: number
  readonly saltLength?: number
  readonly dsaEncoding?: 'ieee-p1363'
}

const HOW: Readonly<Record<TpmScheme, How>> = {
  ecdsa: { keyType: 'ec', dsaEncoding: 'ieee-p1363' },
  rsassa: { keyType: 'rsa', padding: constants.RSA_PKCS1_PADDING },
  // TPMs take the longest salt that fits, or one as long as the hash (Part 1, Annex B.7).
  rsapss: { keyType: 'rsa', padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO },
}

const AES_BLOCK_BYTES = 16
const UNCOMPRESSED = Uint8Array.of(0x04)
