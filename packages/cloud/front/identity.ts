import type { UserProperty } from '@birthmark/cloud/mqtt'
import {
  type BoundPolicies,
  bindPolicies,
  type NamedPolicy,
  type PolicyContext,
  type PolicyDocument,
  type PolicyThing,
  parsePolicyDocument,
} from '@birthmark/cloud/policy'
import type { CertificateId, ScopedRegistry, ThingPrincipal } from '@birthmark/cloud/registry'
import { BoundedMap } from './bounded-map.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { type ConnectFacts, policyContext } from './policy-context.ts'
import { propagatedProperties } from './propagated.ts'

/** Who a connection is, as far as its policies care. */
export interface Identity {
  readonly certificate: ClientCertificate
  /** What its CONNECT said; without a client id it is nobody's thing. */
  readonly accepted: ConnectFacts
  readonly remoteAddress: string | undefined
}

/** The policies of an identity and what their variables stand for. */
export interface PolicySources {
  readonly policies: readonly NamedPolicy[]
  readonly context: PolicyContext
  /** Things that the certificate is attached to. */
  readonly things: number
  /** The thing groups that the thing is in, and those above them. */
  readonly groupNames: readonly string[]
  readonly thingName: string | undefined
  /** The thing that the certificate belongs to exclusively. */
  readonly exclusiveThingName: string | undefined
  /** What the thing's type adds to every message of the client. */
  readonly propagated: readonly UserProperty[]
}

/** The policies of an identity, bound to it, and what they depend on. */
export interface BoundIdentity {
  readonly policies: BoundPolicies
  readonly policyNames: readonly string[]
  /** Things that the certificate is attached to; absent for who has none. */
  readonly things?: number
  /** The thing groups whose policies are among them: those that the thing is in, and those above. */
  readonly groupNames: readonly string[]
  readonly thingName: string | undefined
  /** The thing that the certificate belongs to exclusively. */
  readonly exclusiveThingName: string | undefined
  /** What the thing's type adds to every message of the client; nothing when absent. */
  readonly propagated?: readonly UserProperty[]
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
    const { policies, context, ...names } = await this.load(identity)
    const policyNames = policies.map(({ name }) => name)
    return { policies: bindPolicies(policies, context), policyNames, ...names }
  }

  /** Reads what is attached now. @throws `POLICY_MALFORMED`, faults of the store */
  async load(identity: Identity): Promise<PolicySources> {
    const attachments = await this.#registry.thingsOfPrincipal(identity.certificate.id)
    const thing = await this.#thing(attachments, identity.accepted.clientId)
    const { catalog } = this.#registry
    const attached = await this.#registry.attachedPolicies(identity.certificate.id)
    const groupNames = thing === undefined ? [] : await catalog.groupNamesAround(thing.name)
    const ofGroups = groupNames.length === 0 || thing === undefined ? [] : await catalog.policiesOfThing(thing.name)
    const every = new Map([...attached, ...ofGroups].map((policy) => [policy.name, policy]))
    const texts = every.size > 0 ? [...every.values()] : await this.#claimed(identity.certificate.id)
    const policies = texts.map(({ name, document }): NamedPolicy => {
      return { name, document: this.#documents.take(document, () => parsePolicyDocument(document)) }
    })
    const context = policyContext({ ...identity, scope: this.#registry.scope, thing })
    return {
      policies,
      context,
      groupNames,
      things: attachments.length,
      thingName: thing?.name,
      exclusiveThingName: attachments.find(({ exclusive }) => exclusive)?.thingName,
      propagated: await this.#propagated(thing, identity.accepted.clientId),
    }
  }

  async #propagated(thing: PolicyThing | undefined, clientId: string | undefined): Promise<readonly UserProperty[]> {
    if (thing?.typeName === undefined) return []
    const type = await this.#registry.catalog.thingType(thing.typeName)
    return propagatedProperties(type?.propagatingAttributes ?? [], thing, clientId)
  }

  /** A claim of a trusted user has the policy that it was made with, and no other. */
  async #claimed(id: CertificateId): Promise<readonly { readonly name: string; readonly document: string }[]> {
    const claim = await this.#registry.provisioning.claim(id)
    if (claim === undefined) return []
    return [{ name: `claim of template ${claim.templateName}`, document: claim.policyDocument }]
  }

  /** The thing named like the client, if attached; else the one that the certificate is attached to exclusively. */
  async #thing(attachments: readonly ThingPrincipal[], clientId: string | undefined): Promise<PolicyThing | undefined> {
    const attachment =
      attachments.find(({ thingName }) => thingName === clientId) ?? attachments.find(({ exclusive }) => exclusive)
    return attachment === undefined ? undefined : this.#registry.thing(attachment.thingName)
  }
}

/** Policy documents kept parsed; few fleets use more than a dozen. At the limit: the oldest is parsed anew. */
const PARSED_POLICIES_MAX = 256
