import type { PublicPoint } from '../curves.ts'
import type { StoredKey } from './source.ts'
import type { Token } from './token.ts'

/** A hash under way. */
export interface Hash {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

/** The hashes that the token's host computes. */
export type HashName = 'sha256' | 'sha384' | 'sha512'

/** What the token's host computes for it: nothing that needs a secret. */
export interface HostCrypto {
  /** Starts a hash; the host's own are faster than any chip's. */
  startHash(name: HashName): Hash
  /** Tells whether r and s are the signature over a digest of exactly the curve's length. */
  verify(key: PublicPoint, digest: Uint8Array, halves: Uint8Array): boolean
  /** Tells whether a point is on its curve. */
  isOnCurve(key: PublicPoint): boolean
}

/** A signature or its check under way: over what was hashed so far, or over a digest that comes in one piece. */
interface OverData {
  readonly hash: Hash | undefined
  /** Whether updates came: then only the Final call ends it. */
  hasUpdates: boolean
}

/** A signature under way. */
export interface Signing extends OverData {
  readonly key: StoredKey
}

/** A check of a signature under way. */
export interface Verifying extends OverData {
  readonly key: PublicPoint
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
  verifying: Verifying | undefined
  digesting: Digesting | undefined
}
