import type { CertificateId } from '@birthmark/cloud/registry'
import { notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf, nameOfArn, parseCertificateArn } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { type PolicyNames, policyNames, requirePolicy } from './policies.ts'
import { requireGroup } from './thing-groups.ts'

/**
 * Which policies belong to which certificate or thing group, with the deprecated operations that say it in other
 * words.
 */
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

  /** `recursive` adds the policies of the groups above a thing group. */
  async ListAttachedPolicies({ target, recursive = false, marker, pageSize }, call) {
    const groupName = groupNameOf(target, call)
    if (groupName === undefined) return listAttached(target, { marker, pageSize }, call)
    return listOnGroup(groupName, recursive, { marker, pageSize }, call)
  },

  async ListPrincipalPolicies({ principal, ...page }, call) {
    return listAttached(principal, page, call)
  },

  async ListTargetsForPolicy({ policyName, ...page }, call) {
    return listTargets(policyName, page, call)
  },

  async ListPolicyPrincipals({ policyName, ...page }, call) {
    const { arns, nextMarker } = await listCertificates(policyName, page, call)
    return { principals: arns, nextMarker }
  },
}

/** Gives the name of the thing group that an ARN is of; `undefined` for that of anything else. */
function groupNameOf(arn: string, { registry }: Call): string | undefined {
  return /^arn:aws[\w-]*:iot:[^:]*:[^:]*:thinggroup\//.test(arn)
    ? nameOfArn(registry.scope, 'thinggroup', arn)
    : undefined
}

async function attach(policyName: string, arn: string, call: Call): Promise<void> {
  const groupName = groupNameOf(arn, call)
  if (groupName !== undefined) return commit(call, { do: 'attach-group-policy', policyName, groupName })
  await commit(call, { do: 'attach-policy', policyName, certificateId: parseCertificateArn(call.registry.scope, arn) })
}

/** Nothing happens when the policy is not attached, as with AWS; policy and target must exist. */
async function detach(policyName: string, arn: string, call: Call): Promise<void> {
  const groupName = groupNameOf(arn, call)
  if (groupName !== undefined) {
    await requirePolicy(policyName, call)
    await requireGroup(groupName, call)
    return commit(call, { do: 'detach-group-policy', policyName, groupName })
  }
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

async function listOnGroup(
  groupName: string,
  recursive: boolean,
  input: PageInput,
  call: Call,
): Promise<{ policies: PolicyNames[]; nextMarker: string | undefined }> {
  const { catalog, scope } = call.registry
  await requireGroup(groupName, call)
  const above = recursive ? await catalog.groupsAbove(groupName) : []
  const found = await Promise.all(
    [groupName, ...above.map(({ name }) => name)].map((name) => catalog.policiesOfGroup(name)),
  )
  const policies = [...new Map(found.flat().map((policy) => [policy.name, policy])).values()]
  const page = pageOf(policies, ({ name }) => name, pageRequest(input))
  return { policies: page.rows.map((policy) => policyNames(policy, scope)), nextMarker: nextToken(page) }
}

/** Certificates first, then thing groups; the tokens of the second part say so. */
async function listTargets(
  policyName: string,
  input: PageInput,
  call: Call,
): Promise<{ targets: string[]; nextMarker: string | undefined }> {
  const request = pageRequest(input)
  const { after, limit } = request
  const isInGroups = after?.startsWith(GROUPS_PART) ?? false
  const { arns, nextMarker } = isInGroups
    ? { arns: [], nextMarker: undefined }
    : await listCertificates(policyName, input, call)
  if (nextMarker !== undefined || arns.length === limit) {
    return { targets: arns, nextMarker: nextMarker ?? (await firstGroups(policyName, call)) }
  }
  const groupsAfter = isInGroups ? after?.slice(GROUPS_PART.length) : undefined
  const { after: _, ...rest } = request
  const start = groupsAfter === undefined || groupsAfter === '' ? {} : { after: groupsAfter }
  const left = { ...rest, ...start, limit: limit - arns.length }
  const groups = await call.registry.catalog.groupsOfPolicy(policyName, left)
  return {
    targets: [...arns, ...groups.rows.map((name) => arnOf(call.registry.scope, 'thinggroup', name))],
    nextMarker: groups.next === undefined ? undefined : nextToken({ rows: [], next: `${GROUPS_PART}${groups.next}` }),
  }
}

/** Gives the marker of the groups' part, when there is something in it. */
async function firstGroups(policyName: string, { registry }: Call): Promise<string | undefined> {
  const { rows } = await registry.catalog.groupsOfPolicy(policyName, { limit: 1 })
  return rows.length === 0 ? undefined : nextToken({ rows: [], next: GROUPS_PART })
}

async function listCertificates(
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

/** Begins the tokens of the second part of a policy's targets. */
const GROUPS_PART = 'groups:'
