import type { TokenObject } from './objects.ts'
import type { Token } from './token.ts'

/** A hash under way. */
export interface Hash {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

/** The hashes that the token's host computes. */
export type HashName = 'sha256' | 'sha384' | 'sha512'

/** Starts hashes; the host's own are faster than any chip's. */
export type StartHash = (name: HashName) => Hash

/** A signature under way: by which key, and over what was hashed so far, or over a digest that comes in one piece. */
export interface Signing {
  readonly key: TokenObject
  readonly hash: Hash | undefined
  /** Whether updates came: then only C_SignFinal ends it. */
  hasUpdates: boolean
}

/** A digest under way, and its length. */
export interface Digesting {
  readonly hash: Hash
  readonly bytes: number
  hasUpdates: boolean
}

/** One session of one program. */
export interface Session {
  readonly token: Token
  readonly slotId: bigint
  readonly isReadWrite: boolean
  /** Handles that a search found and that were not asked for yet. */
  found: bigint[] | undefined
  signing: Signing | undefined
  digesting: Digesting | undefined
}
