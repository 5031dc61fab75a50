import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { concat, type Entropy, fromHex } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'

/** A key exchange group, as the standards spell it. */
export type GroupName = 'x25519' | 'secp256r1'

/** One side's ephemeral key of one group. It is used once. */
export interface KeyShare {
  readonly group: Group
  readonly publicKey: Uint8Array
  /**
   * Gives the shared secret.
   *
   * @throws `TLS_KEY_SHARE_INVALID` when the peer's public key is not a point of the group
   */
  agree(peerPublicKey: Uint8Array): Uint8Array
}

/** Everything known about a group (RFC 8446 §4.2.7). */
export interface Group {
  readonly name: GroupName
  readonly code: number
  /** @throws `TLS_ENTROPY_FAILED` */
  generate(entropy: Entropy): KeyShare
}

/** The groups of this client, by their code. */
export const GROUPS: ReadonlyMap<number, Group> = new Map([
  [0x001d, { name: 'x25519', code: 0x001d, generate: generateX25519 }],
  [0x0017, { name: 'secp256r1', code: 0x0017, generate: generateP256 }],
])

/** Gives the group with a name. */
export function groupNamed(name: GroupName): Group | undefined {
  return [...GROUPS.values()].find((group) => group.name === name)
}

/** RFC 7748 §5 and §6.1; every 32 bytes are a private key. */
function generateX25519(this: Group, entropy: Entropy): KeyShare {
  const pkcs8 = concat(X25519_PKCS8_PREFIX, entropy.bytes(32))
  const privateKey = createPrivateKey({
    key: Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length),
    format: 'der',
    type: 'pkcs8',
  })
  pkcs8.fill(0)
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    group: this,
    publicKey: spki.subarray(X25519_SPKI_PREFIX.length),
    agree(peerPublicKey) {
      if (peerPublicKey.length !== 32) throw tlsFault('TLS_KEY_SHARE_INVALID')
      // OpenSSL refuses a result of zeros, as RFC 8446 §7.4.2 demands.
      return refusedAsInvalid(() => diffieHellman({ privateKey, publicKey: x25519PublicKey(peerPublicKey) }))
    },
  }
}

function x25519PublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(concat(X25519_SPKI_PREFIX, raw)), format: 'der', type: 'spki' })
}

/** SP 800-56A §5.6.1.2.2: candidates are drawn until one lies in 1 to n-1; all but one in 2^32 do. */
function generateP256(this: Group, entropy: Entropy): KeyShare {
  const ecdh = createECDH('prime256v1')
  setPrivateKey(ecdh, entropy)
  return {
    group: this,
    publicKey: ecdh.getPublicKey(),
    agree(peerPublicKey) {
      // RFC 8446 §4.2.8.2, RFC 8422 §5.1.1: uncompressed only. OpenSSL checks that the point lies on the curve.
      if (peerPublicKey.length !== 65 || peerPublicKey[0] !== 4) throw tlsFault('TLS_KEY_SHARE_INVALID')
      return refusedAsInvalid(() => ecdh.computeSecret(peerPublicKey))
    },
  }
}

function setPrivateKey(ecdh: ReturnType<typeof createECDH>, entropy: Entropy): void {
  for (let tries = 1; ; tries += 1) {
    const candidate = entropy.bytes(32)
    try {
      ecdh.setPrivateKey(candidate)
      return
    } catch (error) {
      if (tries === PRIVATE_KEY_TRIES_MAX) throw tlsFault('TLS_ENTROPY_FAILED', { tries }, error)
    } finally {
      candidate.fill(0)
    }
  }
}

function refusedAsInvalid(agree: () => Uint8Array): Uint8Array {
  try {
    return agree()
  } catch (error) {
    throw tlsFault('TLS_KEY_SHARE_INVALID', {}, error)
  }
}

/**
 * Candidates for a private key, each of which fails with a chance of 2^-32, before the entropy source is called broken:
 * `TLS_ENTROPY_FAILED`.
 */
export const PRIVATE_KEY_TRIES_MAX = 4

/** DER around a raw X25519 key (RFC 8410 §4 and §7). */
const X25519_SPKI_PREFIX = fromHex('30 2a 30 05 06 03 2b 65 6e 03 21 00')
const X25519_PKCS8_PREFIX = fromHex('30 2e 02 01 00 30 05 06 03 2b 65 6e 04 22 04 20')
