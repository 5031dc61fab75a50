import type { CaCertificateRecord, ScopedRegistry } from '@birthmark/cloud/registry'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import { BoundedMap } from './bounded-map.ts'

/** What became of the search for a certificate's issuer. */
export type FoundIssuer =
  | { readonly found: 'issuer'; readonly ca: CaCertificateRecord }
  /** CAs of that name are registered, and none of them signed. */
  | { readonly found: 'namesakes'; readonly count: number }
  | { readonly found: 'nothing' }

/** The registered CAs, by whose signature a certificate that is not registered can come in. */
export class Authorities {
  readonly #registry: ScopedRegistry
  /** Kept with their keys opened: that is most of the cost of a verification. */
  readonly #parsed = new BoundedMap<string, Certificate>(PARSED_AUTHORITIES_MAX)

  constructor(registry: ScopedRegistry) {
    this.#registry = registry
  }

  /** Finds the registered CA, of any status, whose name and key signed `certificate`. Only the direct issuer counts. */
  async issuerOf(certificate: Certificate): Promise<FoundIssuer> {
    const namesakes = await this.#registry.caCertificatesBySubject(certificate.issuerHash)
    const ca = namesakes.find(({ id, pem }) =>
      certificate.isSignedBy(this.#parsed.take(id, () => parseCertificate(pem))),
    )
    if (ca !== undefined) return { found: 'issuer', ca }
    return namesakes.length === 0 ? { found: 'nothing' } : { found: 'namesakes', count: namesakes.length }
  }
}

/** CA certificates kept parsed, about 4 KB each. At the limit: the oldest is parsed anew. */
const PARSED_AUTHORITIES_MAX = 256
