import type { AccessKeyRecord } from '../access-records.ts'
import type {
  CaCertificateRecord,
  CertificateRecord,
  PolicyRecord,
  PolicyVersionRecord,
  TemplateRecord,
  ThingPrincipal,
  ThingRecord,
} from '../records.ts'
import type { ScopedRegistry } from '../registry.ts'

/** Everything that one scope holds, as its reads show it. */
export interface Contents {
  readonly certificates: readonly CertificateRecord[]
  readonly cas: readonly CaCertificateRecord[]
  readonly policies: readonly PolicyRecord[]
  readonly versions: readonly PolicyVersionRecord[]
  readonly attached: readonly (readonly [string, string])[]
  readonly things: readonly ThingRecord[]
  readonly principals: readonly ThingPrincipal[]
  readonly templates: readonly TemplateRecord[]
  readonly code: string | undefined
  readonly keys: readonly AccessKeyRecord[]
}

/** Reads everything of a scope that has at most one page of each kind. */
export async function contentsOf(scoped: ScopedRegistry): Promise<Contents> {
  const certificates = (await scoped.certificates(ALL)).rows
  const policies = (await scoped.policies(ALL)).rows
  const things = (await scoped.things(ALL)).rows
  const attached: (readonly [string, string])[] = []
  for (const { id } of certificates) {
    for (const { name } of await scoped.attachedPolicies(id)) attached.push([id, name])
  }
  return {
    certificates,
    cas: (await scoped.caCertificates(ALL)).rows,
    policies,
    versions: (await Promise.all(policies.map(({ name }) => scoped.policyVersions(name)))).flat(),
    attached,
    things,
    principals: (await Promise.all(things.map(({ name }) => scoped.principalsOfThing(name)))).flat(),
    templates: (await scoped.templates(ALL)).rows,
    code: await scoped.registrationCode(),
    keys: await scoped.accessKeys(),
  }
}

const ALL = { limit: 250 }
