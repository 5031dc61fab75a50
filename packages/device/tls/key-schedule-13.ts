import { createHash, createHmac } from 'node:crypto'
import { concat, encodeUtf8, uint16 } from '@birthmark/foundation/kernel'
import type { TrafficKey } from './record-protection.ts'
import { wipe } from './wipe.ts'
import { vector8 } from './wire.ts'

/** The secrets that protect both directions during one phase of a connection. */
export interface TrafficSecrets {
  readonly client: Uint8Array
  readonly server: Uint8Array
}

/** The key schedule of TLS 1.3 with SHA-256 and without a pre-shared key (RFC 8446 §7.1). */
export class KeySchedule13 {
  #secret: Uint8Array

  private constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  /** Starts with the secret of the key exchange, which is overwritten. */
  static fromSharedSecret(shared: Uint8Array): KeySchedule13 {
    const schedule = new KeySchedule13(extract(ZEROS, ZEROS))
    schedule.#mix(shared)
    wipe(shared)
    return schedule
  }

  /** Gives the handshake traffic secrets; the hash covers ClientHello to ServerHello. */
  handshakeSecrets(transcriptHash: Uint8Array): TrafficSecrets {
    return {
      client: expandLabel(this.#secret, 'c hs traffic', transcriptHash, HASH_BYTES),
      server: expandLabel(this.#secret, 's hs traffic', transcriptHash, HASH_BYTES),
    }
  }

  /**
   * Gives the first application traffic secrets and forgets the rest of the schedule.
   *
   * @param transcriptHash Covers ClientHello to the server's Finished.
   */
  applicationSecrets(transcriptHash: Uint8Array): TrafficSecrets {
    this.#mix(ZEROS)
    const secrets = {
      client: expandLabel(this.#secret, 'c ap traffic', transcriptHash, HASH_BYTES),
      server: expandLabel(this.#secret, 's ap traffic', transcriptHash, HASH_BYTES),
    }
    this.wipe()
    return secrets
  }

  /** Forgets the current secret. */
  wipe(): void {
    wipe(this.#secret)
  }

  #mix(input: Uint8Array): void {
    const salt = expandLabel(this.#secret, 'derived', EMPTY_HASH, HASH_BYTES)
    wipe(this.#secret)
    this.#secret = extract(salt, input)
    wipe(salt)
  }
}

/** Gives the key and IV that a traffic secret stands for (RFC 8446 §7.3). */
export function trafficKey(secret: Uint8Array): TrafficKey {
  return {
    key: expandLabel(secret, 'key', NOTHING, KEY_BYTES),
    iv: expandLabel(secret, 'iv', NOTHING, IV_BYTES),
  }
}

/** Gives the traffic secret after a KeyUpdate (RFC 8446 §7.2). `secret` is overwritten. */
export function nextTrafficSecret(secret: Uint8Array): Uint8Array {
  const next = expandLabel(secret, 'traffic upd', NOTHING, HASH_BYTES)
  wipe(secret)
  return next
}

/** Gives `verify_data` of the side whose handshake traffic secret is given (RFC 8446 §4.4.4). */
export function verifyData(secret: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const key = expandLabel(secret, 'finished', NOTHING, HASH_BYTES)
  const data = hmac(key, transcriptHash)
  wipe(key)
  return data
}

/** HKDF-Extract (RFC 5869 §2.2). */
function extract(salt: Uint8Array, input: Uint8Array): Uint8Array {
  return hmac(salt, input)
}

/** HKDF-Expand-Label (RFC 8446 §7.1). At most one hash is ever needed, so HKDF-Expand is its first block. */
function expandLabel(secret: Uint8Array, label: string, context: Uint8Array, size: number): Uint8Array {
  const info = concat(uint16(size), vector8(encodeUtf8(`tls13 ${label}`)), vector8(context))
  return hmac(secret, concat(info, Uint8Array.of(1))).subarray(0, size)
}

function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(message).digest()
}

const HASH_BYTES = 32
const KEY_BYTES = 16
const IV_BYTES = 12
const NOTHING: Uint8Array = new Uint8Array()
const ZEROS: Uint8Array = new Uint8Array(HASH_BYTES)
const EMPTY_HASH: Uint8Array = createHash('sha256').digest()
