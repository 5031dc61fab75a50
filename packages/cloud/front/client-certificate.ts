import type { CertificateId } from '@birthmark/cloud/registry'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'

/**
 * A client's certificate, read only when somebody asks what is in it: a registered one is judged by its record, and
 * reading costs a fifth of a handshake.
 */
export class ClientCertificate {
  readonly id: CertificateId
  readonly #encoded: Uint8Array | string
  #content: Certificate | undefined

  /** @param encoded DER, or PEM from the registry. */
  constructor(id: CertificateId, encoded: Uint8Array | string) {
    this.id = id
    this.#encoded = encoded
  }

  /** What is in it. @throws `CERTIFICATE_UNREADABLE` (peer) */
  get content(): Certificate {
    this.#content ??= parseCertificate(this.#encoded)
    return this.#content
  }
}
