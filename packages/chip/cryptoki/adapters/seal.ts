import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto'
import { systemEntropy } from '@birthmark/foundation/system'

/** What a PIN costs whoever tries it: scrypt's N, its only parameter that is chosen here. */
export interface SealCost {
  readonly n: number
}

/**
 * Hides a secret behind a PIN: scrypt (RFC 7914) of the PIN is the key of AES-256-GCM (NIST SP 800-38D). The text says
 * everything but the PIN.
 */
export async function seal(pin: Uint8Array, secret: Uint8Array, { n }: SealCost = SEAL_COST): Promise<string> {
  const salt = systemEntropy.bytes(SALT_BYTES)
  return ['scrypt', n, base64(salt), base64(encrypt(await stretched(pin, salt, n), secret, NOTHING))].join('$')
}

/** Gives the secret behind a PIN; `undefined` for another PIN, and for a text that {@link seal} did not make. */
export async function unseal(pin: Uint8Array, sealed: string): Promise<Uint8Array | undefined> {
  const [scheme, cost, salt, box] = sealed.split('$')
  const n = Number(cost)
  if (scheme !== 'scrypt' || !COSTS.includes(n) || salt === undefined || box === undefined) return undefined
  return decrypt(await stretched(pin, Buffer.from(salt, 'base64url'), n), Buffer.from(box, 'base64url'), NOTHING)
}

/** Encrypts with AES-256-GCM under a nonce of its own; `bound` must be the same again to decrypt. */
export function encrypt(key: Uint8Array, secret: Uint8Array, bound: Uint8Array): Uint8Array {
  const nonce = systemEntropy.bytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound)
  return new Uint8Array(Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]))
}

/** Gives what {@link encrypt} hid; `undefined` when key, box or binding is another. */
export function decrypt(key: Uint8Array, box: Uint8Array, bound: Uint8Array): Uint8Array | undefined {
  if (box.length < NONCE_BYTES + TAG_BYTES) return undefined
  const end = box.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(bound).setAuthTag(box.subarray(end))
  try {
    return new Uint8Array(Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, end)), decipher.final()]))
  } catch {
    // OpenSSL has one reason to fail here: the tag is wrong.
    return undefined
  }
}

function stretched(pin: Uint8Array, salt: Uint8Array, n: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(pin, salt, KEY_BYTES, { N: n, r: BLOCK, p: 1, maxmem: 256 * BLOCK * n }, (error, key) => {
      if (error === null) resolve(new Uint8Array(key))
      else reject(error)
    })
  })
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

/** 32 MiB and about a tenth of a second a try: what a login may cost. */
export const SEAL_COST: SealCost = { n: 32_768 }

/** Costs that are read: powers of two up to 1 GiB of memory, so that a forged file cannot take more. */
const COSTS: readonly number[] = Array.from({ length: 17 }, (_, index) => 16 * 2 ** index)

const BLOCK = 8
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const NOTHING = new Uint8Array(0)
