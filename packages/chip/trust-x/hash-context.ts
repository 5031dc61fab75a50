import type { ChipCrypto } from './crypto.ts'
import { type Sha256State } from './sha256.ts'

/**
 * Writes a hash computation as the 130 opaque bytes that CalcHash exports.
 *
 * ```text
 *   version 1 | chaining value 32 | total 8 | pending 64 | zeros 9 | seal 16
 * ```
 *
 * The seal is an HMAC under the chip's own secret, so a host can store a context but never make one.
 */
export function sealContext(state: Sha256State, secret: Uint8Array, crypto: ChipCrypto): Uint8Array {
  const context = new Uint8Array(CONTEXT_BYTES)
  const view = new DataView(context.buffer)
  context[0] = VERSION
  for (const [index, word] of state.words.entries()) view.setUint32(WORDS_AT + 4 * index, word)
  view.setBigUint64(TOTAL_AT, BigInt(state.total))
  context.set(state.pending, PENDING_AT)
  context.set(seal(context, secret, crypto), SEAL_AT)
  return context
}

/** Reads what {@link sealContext} wrote; `undefined` when it is not a context that this chip gave out. */
export function openContext(context: Uint8Array, secret: Uint8Array, crypto: ChipCrypto): Sha256State | undefined {
  if (context.length !== CONTEXT_BYTES || context[0] !== VERSION) return undefined
  const expected = seal(context, secret, crypto)
  let difference = 0
  for (const [index, byte] of expected.entries()) difference |= byte ^ (context[SEAL_AT + index] ?? 0)
  if (difference !== 0) return undefined
  const view = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES)
  const words = Uint32Array.from({ length: 8 }, (_, index) => view.getUint32(WORDS_AT + 4 * index))
  const total = Number(view.getBigUint64(TOTAL_AT))
  return { words, pending: context.slice(PENDING_AT, PENDING_AT + (total % 64)), total }
}

/** Length of an exported hash context of a Trust X, in bytes (host library). */
const CONTEXT_BYTES = 130

function seal(context: Uint8Array, secret: Uint8Array, crypto: ChipCrypto): Uint8Array {
  return crypto.hmacSha256(secret, context.subarray(0, SEAL_AT)).subarray(0, CONTEXT_BYTES - SEAL_AT)
}

const VERSION = 1
const WORDS_AT = 1
const TOTAL_AT = 33
const PENDING_AT = 41
const SEAL_AT = 114
