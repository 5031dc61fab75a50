import type { PolicyRecord, ScopedRegistry } from '@birthmark/cloud/registry'
import type { ExistingResources, ProvisioningInputs } from './plan-model.ts'
import { resolveTemplate } from './resolve-template.ts'
import type { ProvisioningTemplate } from './template.ts'

/**
 * Reads from the registry what a template names: what `planProvisioning` has to know.
 *
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `PROVISIONING_`, faults of the registry
 */
export async function readExistingResources(
  registry: ScopedRegistry,
  template: ProvisioningTemplate,
  inputs: ProvisioningInputs,
): Promise<ExistingResources> {
  const { id } = inputs.certificate
  const wanted = resolveTemplate(template, { ...inputs, certificateId: id })
  const [certificate, thing, policies, attachedPolicies, attachedThings] = await Promise.all([
    registry.certificate(id),
    wanted.thing && registry.thing(wanted.thing.name),
    Promise.all(wanted.policies.map(({ name }) => registry.policy(name))),
    registry.attachedPolicies(id),
    registry.thingsOfPrincipal(id),
  ])
  return {
    certificate,
    thing,
    policies: policies.filter((policy): policy is PolicyRecord => policy !== undefined),
    attachedPolicies: attachedPolicies.map(({ name }) => name),
    attachedThings,
  }
}
