import { createServer, type Server as TlsServer } from 'node:tls'
import { messageOf } from '@birthmark/foundation/kernel'
import { frontFault } from './faults.ts'
import { DEFAULT_SECURITY_POLICY } from './security-policy.ts'
import { type Endpoint, type Endpoints, type TlsListener, tlsOptions } from './tls-options.ts'

/**
 * What begins TLS on a listener's connections: one server of Node's, which listens to nothing itself, for each domain
 * name that has a certificate or a security policy of its own, and one for all others. OpenSSL settles the version of
 * TLS before it asks by which name it was called, so the choice is made before it begins.
 */
export class TlsAcceptors {
  readonly #listener: TlsListener
  readonly #follow: (acceptor: TlsServer) => void
  #endpoints: Endpoints
  #byName: ReadonlyMap<string, TlsServer> = new Map()
  #forOthers: TlsServer

  /**
   * @param follow Attends to each acceptor before it is used.
   * @throws `ENDPOINT_UNUSABLE` (operator)
   */
  constructor(listener: TlsListener, endpoints: Endpoints, follow: (acceptor: TlsServer) => void) {
    this.#listener = listener
    this.#follow = follow
    this.#endpoints = endpoints
    this.#forOthers = this.#make(endpoints.endpoint, endpoints)
    this.#byName = this.#makeDomains(endpoints)
  }

  /** Whether it matters by which name a client calls. */
  get areByName(): boolean {
    return this.#byName.size > 0
  }

  /** Gives what begins TLS with a client that called by `serverName`. */
  for(serverName: string | undefined): TlsServer {
    return (serverName !== undefined && this.#byName.get(serverName.toLowerCase())) || this.#forOthers
  }

  /** Uses other certificates and policies for the clients that come from now on. @throws `ENDPOINT_UNUSABLE` */
  exchange(endpoints: Endpoints): void {
    const forOthers = this.#make(endpoints.endpoint, endpoints)
    this.#byName = this.#makeDomains(endpoints)
    this.#forOthers = forOthers
    this.#endpoints = endpoints
  }

  get endpoints(): Endpoints {
    return this.#endpoints
  }

  #makeDomains(endpoints: Endpoints): ReadonlyMap<string, TlsServer> {
    const made = new Map<string, TlsServer>()
    for (const [name, domain] of endpoints.domains ?? []) {
      made.set(name.toLowerCase(), this.#make(domain.endpoint ?? endpoints.endpoint, { ...endpoints, ...domain }))
    }
    return made
  }

  #make(
    endpoint: Endpoint,
    { securityPolicy = DEFAULT_SECURITY_POLICY }: Pick<Endpoints, 'securityPolicy'>,
  ): TlsServer {
    try {
      const acceptor = createServer(tlsOptions(this.#listener, endpoint, securityPolicy))
      this.#follow(acceptor)
      return acceptor
    } catch (error) {
      throw frontFault('ENDPOINT_UNUSABLE', { why: messageOf(error) }, error)
    }
  }
}
