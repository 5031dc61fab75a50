import { isIP } from 'node:net'
import { type EnabledDomain, enabledDomains, newEndpointPrefix } from '@birthmark/cloud/api'
import type { EndpointNames } from '@birthmark/cloud/front'
import type { Change, OpenScope, Registry, Scope } from '@birthmark/cloud/registry'
import type { Clock, Entropy } from '@birthmark/foundation/kernel'

/** What names are made from. */
interface EndpointNaming {
  readonly registry: Registry
  readonly defaultScope: Scope
  /** The name by which clients reach this server. */
  readonly host: string
}

/** What a directory of endpoints is made of. */
export interface EndpointOptions extends EndpointNaming {
  readonly clock: Clock
  readonly entropy: Entropy
}

/**
 * The host names of every account and region that is served. The default scope has the server's own name; each scope
 * has one in AWS's form besides, `PREFIX-ats.iot.REGION.HOST` (AWS IoT Core developer guide, device data endpoints).
 */
export class Endpoints implements EndpointNames {
  readonly defaultScope: Scope
  readonly #options: EndpointNaming
  readonly #base: string
  readonly #scopeByName = new Map<string, Scope>()
  readonly #nameByScope = new Map<string, string>()
  readonly #regions = new Set<string>()
  /** By account and region. */
  readonly #domains = new Map<string, { readonly scope: Scope; readonly domains: readonly EnabledDomain[] }>()
  #scopeByDomain: ReadonlyMap<string, Scope> = new Map()
  #whenNamed: () => void = () => undefined
  #whenDomainsChange: () => void = () => undefined

  private constructor(options: EndpointNaming) {
    this.defaultScope = options.defaultScope
    this.#options = options
    this.#base = isIP(options.host) === 0 ? options.host.toLowerCase() : 'localhost'
  }

  /** Reads which scopes are served, opens the default one when it is new, and follows what comes. */
  static async open(options: EndpointOptions): Promise<Endpoints> {
    const { registry, defaultScope, clock, entropy } = options
    const at = clock.now()
    await registry.in(defaultScope).commit([{ do: 'open-scope', endpointPrefix: newEndpointPrefix(entropy), at }])
    return Endpoints.follow(options)
  }

  /** The same where another process has opened the default scope. */
  static async follow(options: EndpointNaming): Promise<Endpoints> {
    const { registry, defaultScope } = options
    const endpoints = new Endpoints(options)
    for (const open of await registry.openScopes()) {
      endpoints.#add(open)
      await endpoints.#readDomains(open.scope)
    }
    for (const name of endpoints.#ownNames()) endpoints.#scopeByName.set(name.toLowerCase(), defaultScope)
    registry.onCommit((scope, changes) => {
      if (changes.some(concernsDomains)) void endpoints.#rereadDomains(scope)
      for (const change of changes) {
        if (change.do !== 'open-scope') continue
        const isNew = !endpoints.#regions.has(scope.region)
        endpoints.#add({ scope, endpointPrefix: change.endpointPrefix, openedAt: change.at })
        if (isNew) endpoints.#whenNamed()
      }
    })
    return endpoints
  }

  scopeOf(serverName: string): Scope | undefined {
    const name = serverName.toLowerCase()
    return this.#scopeByName.get(name) ?? this.#scopeByDomain.get(name)
  }

  /** Gives the host name of an account and region; `undefined` when they are not served. */
  addressOf(scope: Scope): string | undefined {
    const { account, region } = this.defaultScope
    if (scope.account === account && scope.region === region) return this.#options.host
    return this.#nameByScope.get(keyOf(scope))
  }

  /** Calls `listener` when there is a name that the endpoint's certificate was not made for. */
  whenNamed(listener: () => void): void {
    this.#whenNamed = listener
  }

  /** Gives the domain configurations that are ENABLED, each name once: it is of the scope that was opened first. */
  domains(): readonly EnabledDomain[] {
    const byName = new Map<string, EnabledDomain>()
    for (const { domains } of this.#domains.values()) {
      for (const domain of domains) {
        const isTaken = byName.has(domain.domainName) || this.#scopeByName.has(domain.domainName)
        if (!isTaken) byName.set(domain.domainName, domain)
      }
    }
    return [...byName.values()]
  }

  /** Calls `listener` when {@link domains} has changed. */
  whenDomainsChange(listener: () => void): void {
    this.#whenDomainsChange = listener
  }

  /** Gives what the endpoint's certificate must be for: the first is its common name. */
  certificateNames(): readonly [string, ...string[]] {
    const regions = Array.from(this.#regions, (region) => `*.iot.${region}.${this.#base}`)
    const [first, ...others] = this.#ownNames()
    return [first, ...others, ...regions]
  }

  /** The names that reach this server from its own machine, after the one it is known by. */
  #ownNames(): readonly [string, ...string[]] {
    const { host } = this.#options
    return [host, ...LOCAL_NAMES.filter((name) => name !== host)]
  }

  /** A registry that is being closed reads no more; then nobody connects either. */
  async #rereadDomains(scope: Scope): Promise<void> {
    try {
      await this.#readDomains(scope)
    } catch {
      return
    }
    this.#whenDomainsChange()
  }

  async #readDomains(scope: Scope): Promise<void> {
    this.#domains.set(keyOf(scope), { scope, domains: await enabledDomains(this.#options.registry.in(scope)) })
    const scopeByDomain = new Map<string, Scope>()
    for (const { scope: of, domains } of this.#domains.values()) {
      for (const { domainName } of domains) if (!scopeByDomain.has(domainName)) scopeByDomain.set(domainName, of)
    }
    this.#scopeByDomain = scopeByDomain
  }

  #add({ scope, endpointPrefix }: OpenScope): void {
    const name = `${endpointPrefix}-ats.iot.${scope.region}.${this.#base}`
    this.#scopeByName.set(name, scope)
    this.#nameByScope.set(keyOf(scope), name)
    this.#regions.add(scope.region)
  }
}

function concernsDomains(change: Change): boolean {
  if (change.do === 'create-document') return change.document.kind === 'domain-configuration'
  if (change.do !== 'replace-document' && change.do !== 'delete-document') return false
  return change.kind === 'domain-configuration'
}

function keyOf({ account, region }: Scope): string {
  return `${account}/${region}`
}

const LOCAL_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1']
