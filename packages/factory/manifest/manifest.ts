/** The first line of a manifest: under which order, and by whom. */
export interface ManifestHeading {
  readonly order: string
  readonly product: string
  /** Devices that the order allows; the manifest may hold fewer. */
  readonly count: number
  /** The CA that issued every certificate in it, as one DER certificate. */
  readonly issuer: Uint8Array
}

/** One device. */
export interface ManifestDevice {
  /** The element's own number, hex. */
  readonly uid: string
  /** Serial number of its certificate, hex. */
  readonly serial: string
  /** SHA-256 of its certificate, hex: what AWS IoT calls the certificate id. */
  readonly fingerprint: string
  /** The issuer's name as RFC 4514 writes it. */
  readonly issuer: string
  readonly certificate: Uint8Array
}

/** A manifest that was read: every certificate in it fits its line. That its issuer may be trusted was not checked. */
export interface Manifest {
  readonly heading: ManifestHeading
  readonly devices: readonly ManifestDevice[]
  /** Where the ledger of the line stood when this was written: what it shows later must contain this entry. */
  readonly ledger: { readonly entries: number; readonly hash: string }
}

/** The form of the file; another one is refused. */
export const MANIFEST_FORMAT = 'birthmark-manifest/1'
