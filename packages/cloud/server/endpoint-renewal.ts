import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import { type Clock, type Log, messageOf, type Timers } from '@birthmark/foundation/kernel'
import { type EndpointCertificate, makeEndpointCertificate } from './endpoint-certificate.ts'
import { ENDPOINT_RENEWAL_CHECK } from './limits.ts'

/** What keeping an endpoint's certificate fresh needs. */
export interface EndpointRenewalOptions {
  readonly first: EndpointCertificate
  readonly provider: CertificateProvider
  /** The names that the certificate must be for now. */
  readonly names: () => readonly [string, ...string[]]
  /** Puts a new certificate to use. */
  readonly exchange: (endpoint: EndpointCertificate) => void
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Replaces the endpoint's certificate while the server runs: when two thirds of its life are over, and when asked. */
export class EndpointRenewal {
  readonly #options: EndpointRenewalOptions
  #current: EndpointCertificate
  #cancel: () => void = () => undefined
  #closed = false

  constructor(options: EndpointRenewalOptions) {
    this.#options = options
    this.#current = options.first
    this.#watch()
  }

  /** Replaces the certificate now. What fails is in the log, and the old one stays in use. */
  async renew(): Promise<void> {
    const { provider, names, exchange, clock, log } = this.#options
    try {
      const next = await makeEndpointCertificate(provider, names(), clock)
      if (this.#closed) return
      exchange(next)
      this.#current = next
      log.write('info', 'server.endpoint-renewed', { notAfter: new Date(next.certificate.notAfter).toISOString() })
    } catch (error) {
      log.write('error', 'server.endpoint-renewal-failed', { why: messageOf(error) })
    }
  }

  close(): void {
    this.#closed = true
    this.#cancel()
  }

  #watch(): void {
    this.#cancel = this.#options.timers.after(
      ENDPOINT_RENEWAL_CHECK,
      () => {
        const due = this.#isDue() ? this.renew() : Promise.resolve()
        void due.then(() => this.#closed || this.#watch())
      },
      { background: true },
    )
  }

  #isDue(): boolean {
    const { notBefore, notAfter } = this.#current.certificate
    return this.#options.clock.now() > notBefore + ((notAfter - notBefore) * 2) / 3
  }
}
