import { type CertificateStatus, POLICIES_PER_TARGET_MAX } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import { provisioningFault } from './faults.ts'
import { planGroups } from './plan-groups.ts'
import type { ExistingResources, PlannedChange, PlanStep, ProvisioningInputs, ProvisioningPlan } from './plan-model.ts'
import { planThing } from './plan-thing.ts'
import { type ResolvedPolicy, type ResolvedTemplate, resolveTemplate } from './resolve-template.ts'
import type { ProvisioningTemplate } from './template.ts'

/**
 * Plans what a template wants for a certificate, given what exists. Pure, and idempotent: a plan made after its changes
 * were committed has none, unless the OverrideSettings ask for more.
 *
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `PROVISIONING_`
 */
export function planProvisioning(
  template: ProvisioningTemplate,
  inputs: ProvisioningInputs,
  existing: ExistingResources,
): ProvisioningPlan {
  const wanted = resolveTemplate(template, { ...inputs, certificateId: inputs.certificate.id })
  // The order of AWS IoT: certificate, thing, policies, their attachments, and the status last.
  const steps = [
    ...planCertificate(inputs, existing),
    ...planThing(template.thing, wanted.thing, inputs, existing),
    ...planGroups(template.thing, wanted.thing, existing),
    ...planPolicies(wanted.policies, inputs, existing),
    ...planAttachment(wanted, inputs, existing),
  ]
  const status = planStatus(template, wanted.status, inputs, existing)
  return {
    changes: [...steps.flatMap(({ changes }) => changes), ...status.step.changes],
    thingName: wanted.thing?.name,
    status: status.after,
    resourceArns: wanted.resourceArns,
    deviceConfiguration: wanted.deviceConfiguration,
    explanation: [...steps.map(({ because }) => because), status.step.because],
  }
}

function planCertificate({ certificate }: ProvisioningInputs, existing: ExistingResources): readonly PlanStep[] {
  if (existing.certificate !== undefined) return []
  return [
    {
      changes: [{ do: 'register-certificate', certificate }],
      because: `certificate ${certificate.id} is unknown: it is registered as ${certificate.status}`,
    },
  ]
}

function planPolicies(
  policies: readonly ResolvedPolicy[],
  { certificate, now, uuid }: ProvisioningInputs,
  existing: ExistingResources,
): readonly PlanStep[] {
  const unique = [...new Map(policies.map((policy) => [policy.name, policy])).values()]
  const attached = new Set(existing.attachedPolicies)
  const count = new Set([...attached, ...unique.map(({ name }) => name)]).size
  if (count > POLICIES_PER_TARGET_MAX) {
    const context = { certificate: certificate.id, count, max: POLICIES_PER_TARGET_MAX }
    throw provisioningFault('PROVISIONING_POLICY_LIMIT', context)
  }
  const creations = unique.map((policy) => planPolicy(policy, existing, now, uuid))
  const attachments = unique.map(({ name }): PlanStep => {
    if (attached.has(name)) return { changes: [], because: `policy ${name} is on the certificate already` }
    const change: PlannedChange = { do: 'attach-policy', policyName: name, certificateId: certificate.id }
    return { changes: [change], because: `policy ${name} is attached to the certificate` }
  })
  return [...creations, ...attachments]
}

function planPolicy(
  { name, document, path }: ResolvedPolicy,
  existing: ExistingResources,
  now: Instant,
  uuid: () => string,
): PlanStep {
  const found = existing.policies.find((policy) => policy.name === name)
  if (found !== undefined) {
    const changed = document !== undefined && document !== found.document
    const note = changed ? ', with the default version that it was given since' : ''
    return { changes: [], because: `policy ${name} exists and is used${note}` }
  }
  if (document === undefined) throw provisioningFault('PROVISIONING_POLICY_ABSENT', { policy: name, path })
  const policy = { name, document, defaultVersionId: '1', createdAt: now, modifiedAt: now, generationId: uuid() }
  return {
    changes: [{ do: 'create-policy', policy }],
    because: `policy ${name} is created from the document in the template`,
  }
}

function planAttachment(
  { thing, exclusive }: ResolvedTemplate,
  { certificate }: ProvisioningInputs,
  { attachedThings }: ExistingResources,
): readonly PlanStep[] {
  if (thing === undefined) return []
  const pair = { thingName: thing.name, certificateId: certificate.id }
  const other = attachedThings.find((attachment) => attachment.thingName !== thing.name)
  if (other !== undefined && (exclusive === true || other.exclusive)) {
    const context = { certificate: certificate.id, other: other.thingName }
    throw provisioningFault('PROVISIONING_PRINCIPAL_EXCLUSIVE', context)
  }
  const attach: PlannedChange = { do: 'attach-thing-principal', ...pair, exclusive: exclusive ?? false }
  const current = attachedThings.find((attachment) => attachment.thingName === thing.name)
  if (current === undefined) {
    return [{ changes: [attach], because: `the certificate is attached to thing ${thing.name}` }]
  }
  if (exclusive === undefined || exclusive === current.exclusive) {
    return [{ changes: [], because: `the certificate is attached to thing ${thing.name} already` }]
  }
  const changes: PlannedChange[] = [{ do: 'detach-thing-principal', ...pair }, attach]
  return [{ changes, because: `the attachment to thing ${thing.name} becomes ${exclusive ? '' : 'non-'}exclusive` }]
}

/**
 * Decides the certificate's status. PENDING_ACTIVATION is what a certificate waits in for its provisioning, so there
 * the template's status holds whatever its OverrideSettings say.
 */
function planStatus(
  { certificate: { override } }: ProvisioningTemplate,
  wanted: CertificateStatus,
  { certificate, now }: ProvisioningInputs,
  existing: ExistingResources,
): { readonly step: PlanStep; readonly after: CertificateStatus } {
  const current = (existing.certificate ?? certificate).status
  const set: PlannedChange = { do: 'set-certificate-status', id: certificate.id, from: [current], to: wanted, at: now }
  const becomes = { step: { changes: [set], because: `the certificate becomes ${wanted}` }, after: wanted }
  if (current === wanted)
    return { step: { changes: [], because: `the certificate is ${wanted} already` }, after: wanted }
  if (current === 'PENDING_ACTIVATION') return becomes
  switch (override.status) {
    case 'DO_NOTHING': {
      const because = `the certificate stays ${current}: its OverrideSettings do not say REPLACE`
      return { step: { changes: [], because }, after: current }
    }
    case 'FAIL':
      throw provisioningFault('PROVISIONING_RESOURCE_CONFLICT', { what: `the status of certificate ${certificate.id}` })
    case 'REPLACE':
      if (current === 'ACTIVE' || current === 'INACTIVE') return becomes
      throw provisioningFault('PROVISIONING_CERTIFICATE_STATE', { certificate: certificate.id, status: current })
  }
}
