import type { PolicyRecord, ScopedRegistry, ThingGroupRecord } from '@birthmark/cloud/registry'
import type { ExistingGroup, ExistingResources, ProvisioningInputs } from './plan-model.ts'
import { type ResolvedThing, resolveTemplate } from './resolve-template.ts'
import type { ProvisioningTemplate } from './template.ts'

/**
 * Reads from the registry what a template names: what `planProvisioning` has to know.
 *
 * @param known What the caller has read already.
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `PROVISIONING_`, faults of the registry
 */
export async function readExistingResources(
  registry: ScopedRegistry,
  template: ProvisioningTemplate,
  inputs: ProvisioningInputs,
  known: Pick<ExistingResources, 'certificate'> = { certificate: undefined },
): Promise<ExistingResources> {
  const { id } = inputs.certificate
  const wanted = resolveTemplate(template, { ...inputs, certificateId: id })
  const [certificate, thing, policies, attachedPolicies, attachedThings, catalog] = await Promise.all([
    known.certificate ?? registry.certificate(id),
    wanted.thing && registry.thing(wanted.thing.name),
    Promise.all(wanted.policies.map(({ name }) => registry.policy(name))),
    registry.attachedPolicies(id),
    registry.thingsOfPrincipal(id),
    readCatalog(registry, wanted.thing),
  ])
  return {
    certificate,
    thing,
    policies: policies.filter((policy): policy is PolicyRecord => policy !== undefined),
    attachedPolicies: attachedPolicies.map(({ name }) => name),
    attachedThings,
    ...catalog,
  }
}

type Catalog = Pick<ExistingResources, 'thingType' | 'groups' | 'groupsOfThing' | 'hasBillingGroup'>

/** Most templates name none of these, and then nothing is read. */
async function readCatalog({ catalog }: ScopedRegistry, thing: ResolvedThing | undefined): Promise<Catalog> {
  const rooted = async (group: ThingGroupRecord): Promise<ExistingGroup> => {
    const [root] = group.parentName === undefined ? [] : await catalog.groupsAbove(group.name)
    return { name: group.name, isDynamic: group.query !== undefined, root: root?.name ?? group.name }
  }
  const { typeName, groups, billingGroup } = thing ?? {}
  const named = await Promise.all((groups ?? []).map(({ name }) => catalog.thingGroup(name)))
  const around = thing === undefined || groups === undefined ? [] : await catalog.groupsOfThing(thing.name)
  return {
    thingType: typeName && (await catalog.thingType(typeName.name)),
    groups: await Promise.all(named.filter((group) => group !== undefined).map(rooted)),
    groupsOfThing: await Promise.all(around.map(rooted)),
    hasBillingGroup: billingGroup !== undefined && (await catalog.billingGroup(billingGroup.name)) !== undefined,
  }
}
