import { concat, encodeUtf8 } from '@birthmark/foundation/kernel'
import { hashBytes, type TpmHash } from './algorithms.ts'
import { ENDORSEMENT_KEY, refusalOf } from './attributes.ts'
import type { TpmCrypto } from './crypto.ts'
import { tpmFault } from './faults.ts'
import { spkiOf, type TpmPublic } from './public-area.ts'
import { sized, uint32 } from './wire.ts'

/** A secret that only one TPM can open, and only when it holds one named object (TPM 2.0 Library, Part 1, §24). */
export interface Credential {
  /** The content of TPM2B_ID_OBJECT: the secret, encrypted, behind its integrity value. */
  readonly blob: Uint8Array
  /** The content of TPM2B_ENCRYPTED_SECRET: the seed of the keys above, for the endorsement key. */
  readonly encryptedSeed: Uint8Array
}

/**
 * Wraps `secret` as TPM2_MakeCredential does, without a TPM (Part 1, §24.4 and Annexes B.10.4 and C.6.4).
 *
 * @param request.secret At most as long as the endorsement key's name hash, which is 32 bytes or more.
 * @param request.name The name of the object that must be in the same TPM: the attestation key's.
 * @throws `TPM_EK_UNSUITABLE` (peer) when the endorsement key cannot receive it
 */
export function makeCredential(
  request: { readonly endorsementKey: TpmPublic; readonly name: Uint8Array; readonly secret: Uint8Array },
  crypto: TpmCrypto,
): Credential {
  const { endorsementKey, name, secret } = request
  const { nameHash, attributes, aesBits } = endorsementKey
  const why = refusalOf(attributes, ENDORSEMENT_KEY)
  if (why !== undefined) throw tpmFault('TPM_EK_UNSUITABLE', { why })
  if (aesBits === undefined) throw tpmFault('TPM_EK_UNSUITABLE', { why: 'it has no cipher' })
  const { seed, encryptedSeed } = shareSeed(endorsementKey, crypto)
  const cipherKey = kdfa(nameHash, seed, 'STORAGE', name, aesBits, crypto)
  const encrypted = crypto.encryptCfb(cipherKey, sized(secret))
  const integrityKey = kdfa(nameHash, seed, 'INTEGRITY', new Uint8Array(0), hashBytes(nameHash) * 8, crypto)
  const integrity = crypto.hmac(nameHash, integrityKey, concat(encrypted, name))
  return { blob: concat(sized(integrity), encrypted), encryptedSeed }
}

function shareSeed(area: TpmPublic, crypto: TpmCrypto): { seed: Uint8Array; encryptedSeed: Uint8Array } {
  const { key, nameHash } = area
  if (key.type === 'rsa') {
    const seed = crypto.random(hashBytes(nameHash))
    const encryptedSeed = crypto.encryptOaep(spkiOf(key), nameHash, label('IDENTITY'), seed)
    if (encryptedSeed === undefined) throw tpmFault('TPM_EK_UNSUITABLE', { why: 'its modulus is unsound' })
    return { seed, encryptedSeed }
  }
  const agreement = crypto.agree(key.curve, key)
  if (agreement === undefined) throw tpmFault('TPM_EK_UNSUITABLE', { why: 'its point is not on the curve' })
  const seed = kdfe(nameHash, agreement.secret, [agreement.x, key.x], crypto)
  return { seed, encryptedSeed: concat(sized(agreement.x), sized(agreement.y)) }
}

/**
 * KDFa (Part 1, §11.4.10.2), the counter mode of NIST SP 800-108 with HMAC; the second context is always empty
 * here.
 */
export function kdfa(
  hash: TpmHash,
  key: Uint8Array,
  use: string,
  context: Uint8Array,
  bits: number,
  crypto: TpmCrypto,
): Uint8Array {
  const message = concat(label(use), context, uint32(bits))
  return expand(bits, (counter) => crypto.hmac(hash, key, concat(counter, message)))
}

/** KDFe (Part 1, §11.4.10.3), the one-step derivation of NIST SP 800-56A, for as many bits as the hash has. */
function kdfe(hash: TpmHash, z: Uint8Array, parties: readonly Uint8Array[], crypto: TpmCrypto): Uint8Array {
  const message = concat(z, label('IDENTITY'), ...parties)
  return expand(hashBytes(hash) * 8, (counter) => crypto.hash(hash, concat(counter, message)))
}

function expand(bits: number, block: (counter: Uint8Array) => Uint8Array): Uint8Array {
  const count = bits / 8
  let bytes = new Uint8Array(0)
  for (let counter = 1; bytes.length < count; counter += 1)
    bytes = Uint8Array.from(concat(bytes, block(uint32(counter))))
  return bytes.subarray(0, count)
}

/** Labels end with a zero octet, which is part of them. */
function label(text: string): Uint8Array {
  return encodeUtf8(`${text}\0`)
}
