import { bindPolicies, parsePolicyDocument } from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import type { AuthorizerCredentials, AuthorizerGrant, AuthorizerPort, AuthorizerVerdict } from './authorizer-port.ts'
import type { BoundIdentity } from './identity.ts'
import { type ConnectFacts, policyContext } from './policy-context.ts'

/** A client that a custom authorizer let in: what it said, to be asked about again, and what it was granted. */
export class AuthorizedClient {
  readonly #credentials: AuthorizerCredentials
  #grant: AuthorizerGrant

  constructor(credentials: AuthorizerCredentials, grant: AuthorizerGrant) {
    this.#credentials = credentials
    this.#grant = grant
  }

  /** What it was granted last. */
  get grant(): AuthorizerGrant {
    return this.#grant
  }

  /** Asks again, and takes what is granted now. */
  async refresh(authorizers: AuthorizerPort, scope: Scope): Promise<AuthorizerVerdict> {
    const verdict = await authorizers.authorize(scope, this.#credentials)
    if (verdict.ok) this.#grant = verdict.grant
    return verdict
  }
}

/**
 * Binds what an authorizer grants to a connection, as policies of certificates are bound.
 *
 * @throws `POLICY_MALFORMED`
 */
export function bindGrant(
  { authorizer, policies }: AuthorizerGrant,
  connection: { readonly scope: Scope; readonly accepted: ConnectFacts; readonly remoteAddress: string },
): BoundIdentity {
  const named = policies.map((text, index) => {
    return { name: `policyDocuments[${index}] of authorizer ${authorizer}`, document: parsePolicyDocument(text) }
  })
  return {
    policies: bindPolicies(named, policyContext({ ...connection, certificate: undefined, thing: undefined })),
    policyNames: named.map(({ name }) => name),
    groupNames: [],
    thingName: undefined,
    exclusiveThingName: undefined,
  }
}
