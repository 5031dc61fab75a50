import { parsePolicyDocument } from '@birthmark/cloud/policy'
import type { PolicyRecord, PolicyVersionRecord, Scope } from '@birthmark/cloud/registry'
import { isFault } from '@birthmark/foundation/kernel'
import { AwsException, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { tagChanges } from './tags.ts'
import { dateOf, newUuid } from './values.ts'

/** Policies and their versions. */
export const policyOperations: Partial<Operations> = {
  async CreatePolicy({ policyName, policyDocument, tags }, call) {
    requirePolicyDocument(policyDocument)
    const policy: PolicyRecord = {
      name: policyName,
      document: policyDocument,
      defaultVersionId: FIRST_VERSION,
      createdAt: call.now,
      modifiedAt: call.now,
      generationId: newUuid(call.entropy),
    }
    await commit(call, { do: 'create-policy', policy }, ...tagChanges(`policy/${policyName}`, tags))
    const policyArn = arnOf(call.registry.scope, 'policy', policyName)
    return { policyName, policyArn, policyDocument, policyVersionId: FIRST_VERSION }
  },

  async GetPolicy({ policyName }, call) {
    const policy = await requirePolicy(policyName, call)
    return {
      ...policyNames(policy, call.registry.scope),
      policyDocument: policy.document,
      defaultVersionId: policy.defaultVersionId,
      creationDate: dateOf(policy.createdAt),
      lastModifiedDate: dateOf(policy.modifiedAt),
      generationId: policy.generationId,
    }
  },

  async ListPolicies(input, { registry }) {
    const page = await registry.policies(pageRequest(input))
    return { policies: page.rows.map((policy) => policyNames(policy, registry.scope)), nextMarker: nextToken(page) }
  },

  async DeletePolicy({ policyName }, call) {
    await commit(call, { do: 'delete-policy', name: policyName })
    return {}
  },

  async CreatePolicyVersion({ policyName, policyDocument, setAsDefault = false }, call) {
    requirePolicyDocument(policyDocument)
    const before = new Set((await call.registry.policyVersions(policyName)).map(({ versionId }) => versionId))
    await commit(call, {
      do: 'create-policy-version',
      policyName,
      document: policyDocument,
      setAsDefault,
      at: call.now,
    })
    const after = await call.registry.policyVersions(policyName)
    const made = after.findLast(({ versionId, document }) => !before.has(versionId) && document === policyDocument)
    const policyArn = arnOf(call.registry.scope, 'policy', policyName)
    return { policyArn, policyDocument, policyVersionId: made?.versionId, isDefaultVersion: setAsDefault }
  },

  async GetPolicyVersion({ policyName, policyVersionId }, call) {
    const policy = await requirePolicy(policyName, call)
    const versions = await call.registry.policyVersions(policyName)
    const version = versions.find(({ versionId }) => versionId === policyVersionId)
    if (version === undefined)
      throw notFound(`Policy version not found (name=${policyName}, version=${policyVersionId})`)
    return {
      ...policyNames(policy, call.registry.scope),
      policyDocument: version.document,
      policyVersionId: version.versionId,
      isDefaultVersion: version.isDefault,
      creationDate: dateOf(version.createdAt),
      lastModifiedDate: dateOf(version.createdAt),
      generationId: policy.generationId,
    }
  },

  async ListPolicyVersions({ policyName }, call) {
    await requirePolicy(policyName, call)
    const versions = await call.registry.policyVersions(policyName)
    return { policyVersions: versions.map(summaryOf) }
  },

  async SetDefaultPolicyVersion({ policyName, policyVersionId }, call) {
    const change = { do: 'set-default-policy-version', policyName, versionId: policyVersionId, at: call.now } as const
    await commit(call, change)
    return {}
  },

  async DeletePolicyVersion({ policyName, policyVersionId }, call) {
    await commit(call, { do: 'delete-policy-version', policyName, versionId: policyVersionId })
    return {}
  },
}

/** @throws `ResourceNotFoundException` */
export async function requirePolicy(name: string, { registry }: Call): Promise<PolicyRecord> {
  const policy = await registry.policy(name)
  if (policy === undefined) throw notFound(`Policy not found (name=${name})`)
  return policy
}

/** How lists show a policy. */
export interface PolicyNames {
  policyName: string
  policyArn: string
}

/** Gives the name and ARN of a policy. */
export function policyNames({ name }: Pick<PolicyRecord, 'name'>, scope: Scope): PolicyNames {
  return { policyName: name, policyArn: arnOf(scope, 'policy', name) }
}

/** @throws `MalformedPolicyException` with the place in the document and what is wrong there */
function requirePolicyDocument(text: string): void {
  try {
    parsePolicyDocument(text)
  } catch (error) {
    if (!isFault(error, 'POLICY_MALFORMED')) throw error
    const { path, why } = error.context
    throw new AwsException('MalformedPolicyException', `Policy document is Malformed: ${why} (at ${path})`)
  }
}

function summaryOf({ versionId, isDefault, createdAt }: PolicyVersionRecord): {
  versionId: string
  isDefaultVersion: boolean
  createDate: Date
} {
  return { versionId, isDefaultVersion: isDefault, createDate: dateOf(createdAt) }
}

const FIRST_VERSION = '1'
