import type { CurveRow } from '../curves.ts'
import type { Pins } from './pins.ts'

/** What every object in a token has. */
interface Stored {
  /** Where it is, by the element's own name; one object of each kind at most. */
  readonly slot: string
  readonly label: string
  /** A second label under which it is found. */
  readonly alias?: string
  /** CKA_ID, which pairs a key with its certificate; empty when there is none. */
  readonly id: Uint8Array
  /** False when it can neither be replaced nor destroyed any more. */
  readonly isChangeable: boolean
}

/** A key pair: the private half stays where it is, the public one is known. */
export interface StoredKey extends Stored {
  readonly kind: 'key'
  readonly curve: CurveRow
  /** Uncompressed, 04 X Y. */
  readonly point: Uint8Array
  /** Whether it may agree on secrets; every key signs. */
  readonly mayDerive: boolean
}

/** An X.509 certificate. */
export interface StoredCertificate extends Stored {
  readonly kind: 'certificate'
  readonly der: Uint8Array
  /** A trust anchor; the others are of keys beside them. */
  readonly isAnchor: boolean
  /** Whether nobody can exchange it any more: CKA_TRUSTED of an anchor. */
  readonly isTrusted: boolean
}

/** Bytes of the user's own. */
export interface StoredData extends Stored {
  readonly kind: 'data'
  readonly value: Uint8Array
  readonly application: string
}

/** An object in a token. Its values are never changed in place: a change makes a new one. */
export type StoredObject = StoredKey | StoredCertificate | StoredData

/** What a program calls a new object; a token that has names of its own refuses others. */
export interface WantedNames {
  readonly label: string | undefined
  readonly id: Uint8Array | undefined
}

/** The key pair that a program wants. */
export interface WantedKey extends WantedNames {
  readonly curve: CurveRow
  readonly mayDerive: boolean
}

/** The certificate that a program wants to store. */
export interface WantedCertificate extends WantedNames {
  readonly der: Uint8Array
  /** SubjectPublicKeyInfo of the key that it certifies. */
  readonly publicKey: Uint8Array
}

/** The data object that a program wants to store. */
export interface WantedData extends WantedNames {
  readonly value: Uint8Array
  readonly application: string
}

/**
 * What a token is made of: a chip, or a file. Calls that change something are made one at a time; they may refuse with
 * a {@link Refusal}, and fail with the faults of what they are made of.
 */
export interface TokenSource {
  readonly manufacturer: string
  readonly model: string
  /** Up to 16 characters that no other token has. */
  readonly serial: string
  /** Version of what is inside. */
  readonly firmware: { readonly major: number; readonly minor: number }
  readonly hardware: boolean
  readonly curves: readonly CurveRow[]
  /** Everything that it holds now. */
  readonly objects: readonly StoredObject[]
  /** Who may use it; without this nobody is asked for a PIN, and none can be set. */
  readonly pins: Pins | undefined
  random(count: number): Promise<Uint8Array>
  /** Signs a digest of exactly the curve's length and gives r and s. */
  sign(key: StoredKey, digest: Uint8Array): Promise<Uint8Array>
  /** Gives the x coordinate of the shared point, of exactly the curve's length. */
  agree(key: StoredKey, point: Uint8Array): Promise<Uint8Array>
  generateKey(wanted: WantedKey): Promise<StoredKey>
  writeCertificate(wanted: WantedCertificate): Promise<StoredCertificate>
  writeData(wanted: WantedData): Promise<StoredData>
  destroy(object: StoredObject): Promise<void>
  /** Hears that a user has logged in, with the secret that the PIN opened, and that the last one has logged out. */
  opened?(secret: Uint8Array): void
  closed?(): void
  /** Destroys everything that can be, for C_InitToken; `secret` is the new one behind the PINs. */
  erase(secret: Uint8Array): Promise<void>
}
