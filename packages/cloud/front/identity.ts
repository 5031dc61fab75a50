import type { AcceptedConnect } from '@birthmark/cloud/mqtt'
import {
  type BoundPolicies,
  bindPolicies,
  type NamedPolicy,
  type PolicyDocument,
  type PolicyThing,
  parsePolicyDocument,
} from '@birthmark/cloud/policy'
import type { ScopedRegistry, ThingPrincipal } from '@birthmark/cloud/registry'
import { BoundedMap } from './bounded-map.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { policyContext } from './policy-context.ts'

/** Who a connection is, as far as its policies care. */
export interface Identity {
  readonly certificate: ClientCertificate
  readonly accepted: AcceptedConnect
  readonly remoteAddress: string
}

/** The policies of an identity, bound to it, and what they depend on. */
export interface BoundIdentity {
  readonly policies: BoundPolicies
  readonly policyNames: readonly string[]
  readonly thingName: string | undefined
  /** The thing that the certificate belongs to exclusively. */
  readonly exclusiveThingName: string | undefined
}

/** Loads the policies and the thing of a connection from the registry and binds them; asked again when they change. */
export class Identities {
  readonly #registry: ScopedRegistry
  readonly #documents = new BoundedMap<string, PolicyDocument>(PARSED_POLICIES_MAX)

  constructor(registry: ScopedRegistry) {
    this.#registry = registry
  }

  /** Binds what is attached now. @throws `POLICY_MALFORMED`, faults of the store */
  async bind(identity: Identity): Promise<BoundIdentity> {
    const attachments = await this.#registry.thingsOfPrincipal(identity.certificate.id)
    const thing = await this.#thing(attachments, identity.accepted.clientId)
    const policies = (await this.#registry.attachedPolicies(identity.certificate.id)).map(
      ({ name, document }): NamedPolicy => {
        return { name, document: this.#documents.take(document, () => parsePolicyDocument(document)) }
      },
    )
    const context = policyContext({ ...identity, scope: this.#registry.scope, thing })
    return {
      policies: bindPolicies(policies, context),
      policyNames: policies.map(({ name }) => name),
      thingName: thing?.name,
      exclusiveThingName: attachments.find(({ exclusive }) => exclusive)?.thingName,
    }
  }

  /** The thing named like the client, if attached; else the one that the certificate is attached to exclusively. */
  async #thing(attachments: readonly ThingPrincipal[], clientId: string): Promise<PolicyThing | undefined> {
    const attachment =
      attachments.find(({ thingName }) => thingName === clientId) ?? attachments.find(({ exclusive }) => exclusive)
    return attachment === undefined ? undefined : this.#registry.thing(attachment.thingName)
  }
}

/** Policy documents kept parsed; few fleets use more than a dozen. At the limit: the oldest is parsed anew. */
const PARSED_POLICIES_MAX = 256
