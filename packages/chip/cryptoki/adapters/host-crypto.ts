import { createHash } from 'node:crypto'
import type { HostCrypto, PublicPoint } from '@birthmark/chip/cryptoki'
import { nodeCrypto } from '@birthmark/chip/trust-x/adapters'
import { isFault } from '@birthmark/foundation/kernel'
import { spkiFromPoint } from '@birthmark/foundation/x509'

/** What the token server computes itself: hashes, and checks with public keys. */
export const hostCrypto: HostCrypto = {
  startHash(name) {
    const hash = createHash(name)
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    }
  },
  verify({ curve, point }, digest, halves) {
    const signature = { r: halves.subarray(0, curve.bytes), s: halves.subarray(curve.bytes) }
    return nodeCrypto.verify(`ec-${curve.name}`, point, digest, signature)
  },
  isOnCurve,
}

function isOnCurve({ curve, point }: PublicPoint): boolean {
  try {
    spkiFromPoint(curve.name, point)
    return true
  } catch (error) {
    if (isFault(error, 'KEY_UNREADABLE')) return false
    throw error
  }
}
