import type { CertificateRecord, Change, ScopedRegistry } from '@birthmark/cloud/registry'
import { readExistingResources } from './existing-resources.ts'
import { provisioningFault } from './faults.ts'
import { COMMIT_TRIES_MAX } from './first-connection.ts'
import { planProvisioning } from './plan.ts'
import type { ExistingResources, ProvisioningInputs, ProvisioningPlan } from './plan-model.ts'
import type { ProvisioningTemplate } from './template.ts'

/** What else belongs into the commit of a plan. */
export interface BesidePlan {
  /**
   * The certificate as the caller has read it, while that is PENDING_ACTIVATION: the plan then changes its status, and
   * the commit conflicts when it is another by then.
   */
  readonly certificate?: CertificateRecord
  /** Gives the changes that are made with the plan's, or throws to refuse it. */
  readonly changes: (existing: ExistingResources) => Promise<readonly Change[]>
  /** Tells what a change that the registry refused means; `undefined`: somebody was faster, decide anew. */
  readonly refusal?: (change: Change) => Error | undefined
}

/**
 * Plans what a template wants and commits it: all of it, or nothing. When others changed in between what the plan was
 * made from, it is made anew.
 *
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `PROVISIONING_`, what `beside` throws, faults of the
 * registry
 */
export async function commitProvisioning(
  registry: ScopedRegistry,
  template: ProvisioningTemplate,
  inputs: ProvisioningInputs,
  beside?: BesidePlan,
): Promise<ProvisioningPlan> {
  let last = { change: '', reason: '' }
  for (let tries = 0; tries < COMMIT_TRIES_MAX; tries += 1) {
    const existing = await readExistingResources(registry, template, inputs, {
      certificate: tries === 0 ? beside?.certificate : undefined,
    })
    const plan = planProvisioning(template, inputs, existing)
    const changes: readonly Change[] = [...plan.changes, ...((await beside?.changes(existing)) ?? [])]
    const result = await registry.commit(changes)
    if (result.ok) return plan
    const refused = changes[result.index]
    const refusal = refused && beside?.refusal?.(refused)
    if (refusal !== undefined) throw refusal
    last = { change: refused?.do ?? '', reason: result.reason }
  }
  throw provisioningFault('PROVISIONING_CONTENDED', { tries: COMMIT_TRIES_MAX, ...last })
}
