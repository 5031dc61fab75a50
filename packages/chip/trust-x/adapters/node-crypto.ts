import { createECDH, createHmac, hash, randomFillSync } from 'node:crypto'
import type { ChipCrypto } from '../crypto.ts'
import type { CurveName } from '../curves.ts'
import { PARAMETERS } from './curve.ts'
import { DigestEcdsa } from './ecdsa.ts'
import { KeyPairs } from './key-pairs.ts'
import { NoncePool } from './nonce-pool.ts'
import { DrawnNonces } from './nonces.ts'

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

/** {@link nodeCrypto} for chips that sign much, and how to let go of it. */
export interface BusyCrypto {
  readonly crypto: ChipCrypto
  close(): Promise<void>
}

/**
 * Gives {@link nodeCrypto} with a {@link NoncePool}: once it has made a hundred signatures on P-256, one takes half as
 * long. One pool serves all who ask; it ends when the last of them has closed.
 */
export function openBusyCrypto(): BusyCrypto {
  busy ??= startBusy()
  const mine = busy
  mine.users += 1
  let isClosed = false
  return {
    crypto: mine.crypto,
    close: async () => {
      if (isClosed) return
      isClosed = true
      mine.users -= 1
      if (mine.users > 0) return
      if (busy === mine) busy = undefined
      await mine.pool.close()
    },
  }
}

interface Busy {
  readonly crypto: ChipCrypto
  readonly pool: NoncePool
  users: number
}

let busy: Busy | undefined

function startBusy(): Busy {
  const pool = new NoncePool(DRAWN['ec-p256'])
  const p256 = new DigestEcdsa(PARAMETERS['ec-p256'], pool)
  const sign: ChipCrypto['sign'] = (curve, scalar, digest) =>
    (curve === 'ec-p256' ? p256 : ECDSA[curve]).sign(scalar, digest)
  return { crypto: { ...nodeCrypto, sign }, pool, users: 0 }
}

const PAIRS: Readonly<Record<CurveName, KeyPairs>> = {
  'ec-p256': new KeyPairs(PARAMETERS['ec-p256']),
  'ec-p384': new KeyPairs(PARAMETERS['ec-p384']),
}

const DRAWN: Readonly<Record<CurveName, DrawnNonces>> = {
  'ec-p256': new DrawnNonces(PARAMETERS['ec-p256'], PAIRS['ec-p256']),
  'ec-p384': new DrawnNonces(PARAMETERS['ec-p384'], PAIRS['ec-p384']),
}

const ECDSA: Readonly<Record<CurveName, DigestEcdsa>> = {
  'ec-p256': new DigestEcdsa(PARAMETERS['ec-p256'], DRAWN['ec-p256']),
  'ec-p384': new DigestEcdsa(PARAMETERS['ec-p384'], DRAWN['ec-p384']),
}
