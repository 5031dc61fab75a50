import { createHmac } from 'node:crypto'
import { concat, encodeUtf8 } from '@birthmark/foundation/kernel'
import type { TrafficKey } from './record-protection.ts'
import { wipe } from './wipe.ts'

/** The random values of both hellos, 32 bytes each. */
export interface Randoms {
  readonly client: Uint8Array
  readonly server: Uint8Array
}

/** Gives `size` bytes of the TLS 1.2 pseudorandom function P_SHA256 (RFC 5246 §5). */
export function prf(secret: Uint8Array, label: string, seed: Uint8Array, size: number): Uint8Array {
  const labelled = concat(encodeUtf8(label), seed)
  const output = new Uint8Array(size)
  let chain = labelled
  for (let at = 0; at < size; ) {
    chain = hmac(secret, chain)
    const block = hmac(secret, concat(chain, labelled)).subarray(0, size - at)
    output.set(block, at)
    at += block.length
  }
  return output
}

/** Everything that TLS 1.2 derives from the key exchange (RFC 5246 §8.1 and §6.3, RFC 7627 §4). */
export class KeySchedule12 {
  readonly #master: Uint8Array

  private constructor(premaster: Uint8Array, label: string, seed: Uint8Array) {
    this.#master = prf(premaster, label, seed, MASTER_SECRET_BYTES)
    wipe(premaster)
  }

  /** Binds the master secret to both random values. `premaster` is overwritten. */
  static fromRandoms(premaster: Uint8Array, { client, server }: Randoms): KeySchedule12 {
    return new KeySchedule12(premaster, 'master secret', concat(client, server))
  }

  /** Binds the master secret to the whole handshake up to ClientKeyExchange (RFC 7627). `premaster` is overwritten. */
  static fromSession(premaster: Uint8Array, sessionHash: Uint8Array): KeySchedule12 {
    return new KeySchedule12(premaster, 'extended master secret', sessionHash)
  }

  /** Gives the keys of both directions: AES-128-GCM has no MAC keys (RFC 5246 §6.3, RFC 5288 §3). */
  trafficKeys({ client, server }: Randoms): { readonly client: TrafficKey; readonly server: TrafficKey } {
    const block = prf(this.#master, 'key expansion', concat(server, client), 2 * (KEY_BYTES + SALT_BYTES))
    const salts = 2 * KEY_BYTES
    const keys = {
      client: { key: block.slice(0, KEY_BYTES), iv: block.slice(salts, salts + SALT_BYTES) },
      server: { key: block.slice(KEY_BYTES, salts), iv: block.slice(salts + SALT_BYTES) },
    }
    wipe(block)
    return keys
  }

  /** Gives `verify_data` of one side's Finished (RFC 5246 §7.4.9). */
  verifyData(side: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
    return prf(this.#master, `${side} finished`, transcriptHash, VERIFY_DATA_BYTES)
  }

  /** Forgets the master secret. */
  wipe(): void {
    wipe(this.#master)
  }
}

function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(message).digest()
}

const MASTER_SECRET_BYTES = 48
const KEY_BYTES = 16
const SALT_BYTES = 4
const VERIFY_DATA_BYTES = 12
