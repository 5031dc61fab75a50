/** What a certificate from a {@link CertificateProvider} is for. */
export type CertificatePurpose =
  /** A server certificate of this endpoint; the names are in the CSR's subject alternative name. */
  | 'endpoint'
  /** A client certificate for a device that sent a CSR. */
  | 'device'

/** A certificate and the way up to its root, all DER. */
export interface ProvidedCertificate {
  readonly certificate: Uint8Array
  /** The issuers below the root, nearest first; empty when the root signed. */
  readonly intermediates: readonly Uint8Array[]
  readonly root: Uint8Array
}

/** Whoever signs for the cloud, which holds no CA key of its own: our authority beside it, or any other CA. */
export interface CertificateProvider {
  /**
   * Verifies that the key in a PKCS#10 request (DER) made it, and signs that key.
   *
   * @throws `CERTIFICATE_REQUEST_REFUSED` (peer) when the request is no good, `CERTIFICATE_PROVIDER_UNAVAILABLE`
   * (operator), `CERTIFICATE_PROVIDER_REFUSED` (caller)
   */
  issue(csr: Uint8Array, purpose: CertificatePurpose): Promise<ProvidedCertificate>
  /**
   * Gives the root that devices must trust (DER).
   *
   * @throws `CERTIFICATE_PROVIDER_UNAVAILABLE` (operator)
   */
  root(): Promise<Uint8Array>
}
