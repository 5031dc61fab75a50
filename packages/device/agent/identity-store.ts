import { elementSigner, type SecureElement } from '@birthmark/chip'
import { type Certificate, parseCertificate, type Signer } from '@birthmark/foundation/x509'
import { agentFault } from './faults.ts'
import type { Place } from './journal.ts'

/** A certificate and what signs for it. */
export interface StoredIdentity {
  readonly certificate: Certificate
  readonly signer: Signer
}

/** Where an agent keeps its identities: two places of an element, so that one is whole while the other changes. */
export interface IdentityStore {
  /** Unique and unchangeable: the element's. */
  readonly uid: string
  /** Makes a key in a place; the one that was there is gone. */
  newKey(place: Place): Promise<Signer>
  /** Gives what a place holds; `undefined` when it has no certificate. */
  identity(place: Place): Promise<StoredIdentity | undefined>
  writeCertificate(place: Place, certificate: Certificate): Promise<void>
  /** Gives the endpoint's root that the maker left in the element. */
  trustAnchor(): Promise<Certificate | undefined>
  close(): Promise<void>
}

/** Names of a place inside an element. */
export interface PlaceSlots {
  readonly key: string
  readonly certificate: string
}

/**
 * Keeps identities in a secure element. Keys are made inside and stay there.
 *
 * @param second Where a successor goes; the first place is what the element itself uses for a device's identity.
 */
export async function elementStore(element: SecureElement, second: PlaceSlots): Promise<IdentityStore> {
  const { key, certificate, trustAnchor } = element.defaultSlots
  const places: Readonly<Record<Place, PlaceSlots>> = { first: { key, certificate }, second }
  const { uid } = await element.identify()
  const read = async (slot: string): Promise<Certificate | undefined> => {
    const der = await element.readCertificate(slot)
    return der === undefined ? undefined : parseCertificate(der)
  }
  return {
    uid,
    newKey: async (place) => elementSigner(element, places[place].key, await element.generateKey(places[place].key)),
    identity: async (place) => {
      const found = await read(places[place].certificate)
      if (found === undefined) return undefined
      return { certificate: found, signer: elementSigner(element, places[place].key, found.publicKey) }
    },
    writeCertificate: (place, { der }) => element.writeCertificate(places[place].certificate, der),
    trustAnchor: () => read(trustAnchor),
    close: () => element.close(),
  }
}

/** Fails where an identity must be. @throws `ELEMENT_KEY_MISSING` */
export async function requireIdentity(store: IdentityStore, place: Place): Promise<StoredIdentity> {
  const found = await store.identity(place)
  if (found === undefined) throw agentFault('ELEMENT_KEY_MISSING', { slot: `the ${place} place` })
  return found
}
