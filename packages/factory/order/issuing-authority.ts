/** A certificate and the way up to its root, all DER. */
export interface IssuedCertificate {
  readonly certificate: Uint8Array
  /** The issuers below the root, nearest first. */
  readonly intermediates: readonly Uint8Array[]
  readonly root: Uint8Array
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
  issue(request: { readonly csr: Uint8Array; readonly uid: string }): Promise<IssuedCertificate>
  /** Gives the issuers without a certificate. */
  issuers(): Promise<Omit<IssuedCertificate, 'certificate'>>
}
