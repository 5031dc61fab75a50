import { createPrivateKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import type { EnabledDomain } from '@birthmark/cloud/api'
import {
  type DomainEndpoint,
  type Endpoint,
  isSecurityPolicy,
  type SecurityPolicy,
  type Endpoints as Shown,
} from '@birthmark/cloud/front'
import type { CertificateProvider } from '@birthmark/cloud/provisioning'
import { type Clock, type Log, messageOf, type Timers } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import { type EndpointCertificate, endpointOf, makeEndpointCertificate } from './endpoint-certificate.ts'
import { EndpointRenewal } from './endpoint-renewal.ts'
import type { Endpoints } from './endpoints.ts'

/** What showing certificates to clients needs. */
export interface ShownEndpointsOptions {
  /** The data directory; an operator may put certificates of domain names into its `domains` folder. */
  readonly folder: string
  readonly names: Endpoints
  readonly provider: CertificateProvider
  /** For the names that have none of their own. */
  readonly securityPolicy?: SecurityPolicy
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/**
 * What the listeners show: the endpoint's certificate, and those of the domain configurations. A domain name shows what
 * its operator has put into `domains/NAME.pem` and `domains/NAME.key`; without that the authority is asked to certify
 * the name; where it may not, the endpoint's own certificate is shown.
 */
export class ShownEndpoints {
  readonly #options: ShownEndpointsOptions
  #endpoint: EndpointCertificate
  #domains: ReadonlyMap<string, DomainEndpoint> = new Map()
  /** What the authority has made for domain names, until the endpoint's own is renewed. */
  readonly #issued = new Map<string, Endpoint>()
  /** One after the other, so that the latest wins. */
  #reloading = Promise.resolve()
  #hasEnded = false

  private constructor(options: ShownEndpointsOptions, endpoint: EndpointCertificate) {
    this.#options = options
    this.#endpoint = endpoint
  }

  /** Makes the first certificates. @throws what {@link makeEndpointCertificate} does */
  static async open(options: ShownEndpointsOptions): Promise<ShownEndpoints> {
    const { clock, names, provider } = options
    const shown = new ShownEndpoints(options, await makeEndpointCertificate(provider, names.certificateNames(), clock))
    shown.#domains = await shown.#loadDomains()
    return shown
  }

  get endpoint(): EndpointCertificate {
    return this.#endpoint
  }

  get shown(): Shown {
    const { securityPolicy } = this.#options
    const domains = this.#domains
    return { endpoint: endpointOf(this.#endpoint), domains, ...(securityPolicy !== undefined && { securityPolicy }) }
  }

  /**
   * Puts other certificates to use while the server runs: before they expire, and when names come or domain
   * configurations change. Gives the function that ends it.
   */
  follow(exchange: (shown: Shown, endpoint: EndpointCertificate) => void): () => void {
    const { clock, log, names, provider, timers } = this.#options
    const exchangeSafely = (): void => {
      try {
        exchange(this.shown, this.#endpoint)
      } catch (error) {
        log.write('error', 'server.endpoint-renewal-failed', { why: messageOf(error) })
      }
    }
    const reload = async (): Promise<void> => {
      const domains = await this.#loadDomains()
      if (this.#hasEnded) return
      this.#domains = domains
      exchangeSafely()
    }
    const reloadNext = (): void => {
      this.#reloading = this.#reloading.then(reload)
    }
    const renewal = new EndpointRenewal({
      first: this.#endpoint,
      provider,
      names: () => names.certificateNames(),
      exchange: (next) => {
        this.#endpoint = next
        this.#issued.clear()
        reloadNext()
      },
      clock,
      timers,
      log,
    })
    names.whenNamed(() => void renewal.renew())
    names.whenDomainsChange(reloadNext)
    return () => {
      this.#hasEnded = true
      renewal.close()
    }
  }

  async #loadDomains(): Promise<ReadonlyMap<string, DomainEndpoint>> {
    const loaded = new Map<string, DomainEndpoint>()
    for (const domain of this.#options.names.domains()) loaded.set(domain.domainName, await this.#load(domain))
    return loaded
  }

  async #load({ domainName, securityPolicy }: EnabledDomain): Promise<DomainEndpoint> {
    const { log } = this.#options
    const policy = securityPolicy !== undefined && isSecurityPolicy(securityPolicy) ? { securityPolicy } : {}
    try {
      return { ...policy, endpoint: this.#ownCertificate(domainName) ?? (await this.#issue(domainName)) }
    } catch (error) {
      log.write('warn', 'server.domain-without-certificate', { domainName, why: messageOf(error) })
      return policy
    }
  }

  /** @throws what {@link makeEndpointCertificate} does */
  async #issue(domainName: string): Promise<Endpoint> {
    const known = this.#issued.get(domainName)
    if (known !== undefined) return known
    const { clock, provider } = this.#options
    const made = endpointOf(await makeEndpointCertificate(provider, [domainName], clock))
    this.#issued.set(domainName, made)
    return made
  }

  /** @throws a plain error when the files do not belong together */
  #ownCertificate(domainName: string): Endpoint | undefined {
    if (!/^[a-z0-9.-]{1,253}$/.test(domainName)) return undefined
    const path = join(this.#options.folder, 'domains', domainName)
    const certificate = readTextFile(`${path}.pem`)
    const key = readTextFile(`${path}.key`)
    if (certificate === undefined || key === undefined) return undefined
    const leaf = new X509Certificate(certificate)
    if (leaf.checkHost(domainName) === undefined) throw new TypeError(`${path}.pem is not for this name`)
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new TypeError(`${path}.key does not belong to it`)
    return { key, certificate }
  }
}
