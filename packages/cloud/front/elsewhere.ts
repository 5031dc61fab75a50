import type { CertificateId, Registry, Scope, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Certificate } from '@birthmark/foundation/x509'
import { Authorities } from './authorities.ts'

/** Looks into the other accounts and regions, when a client is refused and may only have come to the wrong name. */
export class Elsewhere {
  readonly #registry: Registry
  readonly #here: Scope

  constructor(registry: Registry, here: Scope) {
    this.#registry = registry
    this.#here = here
  }

  /** Says where a certificate is registered, in words; `undefined` when nowhere. */
  certificate(id: CertificateId): Promise<string | undefined> {
    return this.#first(async (registry) => (await registry.certificate(id)) !== undefined)
  }

  /** Says where the CA that signed a certificate is registered, in words; `undefined` when nowhere. */
  issuerOf(certificate: Certificate): Promise<string | undefined> {
    return this.#first(async (registry) => (await new Authorities(registry).issuerOf(certificate)).found === 'issuer')
  }

  async #first(has: (registry: ScopedRegistry) => Promise<boolean>): Promise<string | undefined> {
    const { account, region } = this.#here
    for (const { scope } of await this.#registry.openScopes()) {
      if (scope.account === account && scope.region === region) continue
      if (!(await has(this.#registry.in(scope)))) continue
      // Another account is not named: whose devices those are is not this account's business.
      return scope.account === account ? `in region ${scope.region}` : 'in another account'
    }
    return undefined
  }
}
