import type { SecureElement } from '../../secure-element.ts'

/** What a token is made of: an element, and where in it keys and certificates are. */
export interface TokenSource {
  readonly element: SecureElement
  readonly manufacturer: string
  /** Up to 16 characters that no other token has. */
  readonly serial: string
  /** The first is the one that vendors' programs expect. */
  readonly pairs: readonly KeyPlace[]
  readonly anchors: readonly string[]
  /** Gives the P-256 SubjectPublicKeyInfo of the key there now; `undefined` when none is known to belong to it. */
  publicKeyOf(place: KeyPlace): Promise<Uint8Array | undefined>
  /** Keeps the public half of a key that was just made. */
  keepPublicKey(place: KeyPlace, spki: Uint8Array): Promise<void>
  /** Forgets what a slot for certificates holds. */
  eraseCertificate(slot: string): Promise<void>
}

/** Where one identity is: the slots of key and certificate, and the CKA_ID that pairs them. */
export interface KeyPlace {
  readonly id: number
  readonly key: string
  readonly certificate: string
  /** Name for people, beside the slots' own. */
  readonly name: string
}
