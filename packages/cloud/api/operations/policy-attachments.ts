import type { CertificateId } from '@birthmark/cloud/registry'
import { notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf, parseCertificateArn } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { type PolicyNames, policyNames, requirePolicy } from './policies.ts'

/** Which policies belong to which certificate, with the deprecated operations that say it in other words. */
export const policyAttachmentOperations: Partial<Operations> = {
  async AttachPolicy({ policyName, target }, call) {
    await attach(policyName, target, call)
    return {}
  },

  async AttachPrincipalPolicy({ policyName, principal }, call) {
    await attach(policyName, principal, call)
    return {}
  },

  async DetachPolicy({ policyName, target }, call) {
    await detach(policyName, target, call)
    return {}
  },

  async DetachPrincipalPolicy({ policyName, principal }, call) {
    await detach(policyName, principal, call)
    return {}
  },

  async ListAttachedPolicies({ target, marker, pageSize }, call) {
    return listAttached(target, { marker, pageSize }, call)
  },

  async ListPrincipalPolicies({ principal, ...page }, call) {
    return listAttached(principal, page, call)
  },

  async ListTargetsForPolicy({ policyName, ...page }, call) {
    const { arns, nextMarker } = await listTargets(policyName, page, call)
    return { targets: arns, nextMarker }
  },

  async ListPolicyPrincipals({ policyName, ...page }, call) {
    const { arns, nextMarker } = await listTargets(policyName, page, call)
    return { principals: arns, nextMarker }
  },
}

async function attach(policyName: string, arn: string, call: Call): Promise<void> {
  await commit(call, { do: 'attach-policy', policyName, certificateId: parseCertificateArn(call.registry.scope, arn) })
}

/** Nothing happens when the policy is not attached, as with AWS; policy and target must exist. */
async function detach(policyName: string, arn: string, call: Call): Promise<void> {
  const certificateId = parseCertificateArn(call.registry.scope, arn)
  await requirePolicy(policyName, call)
  await requireCertificate(certificateId, call)
  await commit(call, { do: 'detach-policy', policyName, certificateId })
}

type PageInput = Parameters<typeof pageRequest>[0]

async function listAttached(
  arn: string,
  input: PageInput,
  call: Call,
): Promise<{ policies: PolicyNames[]; nextMarker: string | undefined }> {
  const certificateId = parseCertificateArn(call.registry.scope, arn)
  await requireCertificate(certificateId, call)
  const page = pageOf(await call.registry.attachedPolicies(certificateId), ({ name }) => name, pageRequest(input))
  return { policies: page.rows.map((policy) => policyNames(policy, call.registry.scope)), nextMarker: nextToken(page) }
}

async function listTargets(
  policyName: string,
  input: PageInput,
  call: Call,
): Promise<{ arns: string[]; nextMarker: string | undefined }> {
  await requirePolicy(policyName, call)
  const page = await call.registry.policyTargets(policyName, pageRequest(input))
  return { arns: page.rows.map((id) => arnOf(call.registry.scope, 'cert', id)), nextMarker: nextToken(page) }
}

async function requireCertificate(id: CertificateId, { registry }: Call): Promise<void> {
  if ((await registry.certificate(id)) === undefined) throw notFound('The certificate does not exist.')
}
