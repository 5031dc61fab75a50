/** A certificate and the way up to its root, all DER. */
export interface IssuedCertificate {
  readonly certificate: Uint8Array
  /** The issuers below the root, nearest first. */
  readonly intermediates: readonly Uint8Array[]
  readonly root: Uint8Array
}

/** What a station asks for. */
export interface DeviceRequest {
  readonly csr: Uint8Array
  /** The element's own number. */
  readonly uid: string
  /** What the element's vendor says for it. */
  readonly vendor?: VendorEvidence
}

/** The vendor's certificate in an element, and the signature of its key over the SHA-256 of the CSR. */
export interface VendorEvidence {
  readonly certificate: Uint8Array
  /** DER `ECDSA-Sig-Value`. */
  readonly signature: Uint8Array
}

/**
 * Whoever issues the certificates of one work order. A station asks, holds no CA key, and gets no more than its order
 * allows: the order is part of the port that it was given and not of the request.
 */
export interface IssuingAuthority {
  /**
   * Issues the certificate of the device with this number. A request that is repeated with the same key gets the same
   * certificate, also after a crash of either side.
   *
   * @throws What the authority says; {@link Fault.blame} tells whether asking again can help.
   */
  issue(request: DeviceRequest): Promise<IssuedCertificate>
  /**
   * Gives the challenge that the CSR of this device must carry; `undefined` when none is wanted.
   *
   * @throws What the authority says.
   */
  challenge?(uid: string): Promise<string>
  /** Gives the issuers without a certificate. */
  issuers(): Promise<Omit<IssuedCertificate, 'certificate'>>
}
