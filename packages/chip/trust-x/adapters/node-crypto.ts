import { createECDH, createHmac, hash, randomFillSync } from 'node:crypto'
import type { ChipCrypto } from '../crypto.ts'
import type { CurveName } from '../curves.ts'
import { PARAMETERS } from './curve.ts'
import { DigestEcdsa } from './ecdsa.ts'
import { KeyPairs } from './key-pairs.ts'

/** The cryptography of a virtual chip, by OpenSSL; one for all chips of the process. */
export const nodeCrypto: ChipCrypto = {
  random: (count) => randomFillSync(new Uint8Array(count)),
  generateKey: (curve) => {
    const { scalar, point } = PAIRS[curve].draw()
    return { scalar, point }
  },
  sign: (curve, scalar, digest) => ECDSA[curve].sign(scalar, digest),
  verify: (curve, point, digest, signature) => ECDSA[curve].verify(point, digest, signature),
  agree(curve, scalar, point) {
    const ecdh = createECDH(PARAMETERS[curve].openssl)
    ecdh.setPrivateKey(scalar)
    try {
      return Uint8Array.from(ecdh.computeSecret(point))
    } catch {
      // ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY is the only way to fail once the private key is set.
      return undefined
    }
  },
  sha256: (message) => Uint8Array.from(hash('sha256', message, 'buffer')),
  hmacSha256: (key, message) => Uint8Array.from(createHmac('sha256', key).update(message).digest()),
}

const PAIRS: Readonly<Record<CurveName, KeyPairs>> = {
  'ec-p256': new KeyPairs(PARAMETERS['ec-p256']),
  'ec-p384': new KeyPairs(PARAMETERS['ec-p384']),
}

const ECDSA: Readonly<Record<CurveName, DigestEcdsa>> = {
  'ec-p256': new DigestEcdsa(PARAMETERS['ec-p256'], PAIRS['ec-p256']),
  'ec-p384': new DigestEcdsa(PARAMETERS['ec-p384'], PAIRS['ec-p384']),
}
