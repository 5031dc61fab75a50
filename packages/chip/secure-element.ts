/**
 * Where one identity lives inside an element. Labels are the element's own names: the object identifier of a chip
 * (`0xE0F1`, as FreeRTOS's PKCS#11 port spells it) or the label of a PKCS#11 object.
 */
export interface IdentitySlots {
  readonly key: string
  readonly certificate: string
  readonly trustAnchor: string
}

/** Who an element says it is. */
export interface ElementIdentity {
  /** Unique and unchangeable, lower-case hex: the coprocessor UID of a chip, the serial number of a token. */
  readonly uid: string
  readonly model: string
  readonly firmware: string
}

/**
 * How a lock holds. `enforced`: the element itself refuses every change. `recorded`: the element has no such means; a
 * record in it says what is locked, and only this software honours that.
 */
export type LockStrength = 'enforced' | 'recorded'

/**
 * A place that makes and holds private keys: a chip on a bus, a PKCS#11 token. The line, the agent and the token
 * server work on this port and never learn which it is. Certificates are single DER certificates; how the element
 * wraps them is its own matter.
 *
 * Every method may fail with a declared fault of its implementation; a fault whose context says
 * `executed: 'unknown'` may or may not have taken effect.
 */
export interface SecureElement {
  /** What a fresh element of this kind uses for a device's identity. */
  readonly defaultSlots: IdentitySlots
  /** Where the vendor's own key and certificate are, in an element that has them from its vendor. */
  readonly vendorSlots?: { readonly key: string; readonly certificate: string }
  identify(): Promise<ElementIdentity>
  /** Makes a P-256 key pair inside, for signatures, and gives its public half as a DER SubjectPublicKeyInfo. */
  generateKey(slot: string): Promise<Uint8Array>
  /** Signs a SHA-256 digest (32 bytes) with ECDSA and gives the DER `ECDSA-Sig-Value`. */
  signDigest(slot: string, digest: Uint8Array): Promise<Uint8Array>
  /** Gives 8 to 256 bytes of the element's own entropy. */
  random(count: number): Promise<Uint8Array>
  /** Gives the certificate in a slot; `undefined` when the slot is empty. */
  readCertificate(slot: string): Promise<Uint8Array | undefined>
  writeCertificate(slot: string, der: Uint8Array): Promise<void>
  /** Makes a slot's content and access conditions unchangeable for good. */
  lock(slot: string): Promise<void>
  isLocked(slot: string): Promise<boolean>
  /** Tells how a slot is locked; `undefined` when it is not. An element without this method enforces its locks. */
  lockStrength?(slot: string): Promise<LockStrength | undefined>
  /** Lets go of the element; its memory stays. */
  close(): Promise<void>
}
