import type { AuthInfo, AuthResult } from '@aws-sdk/client-iot'
import { ClientCertificate, Identities } from '@birthmark/cloud/front'
import {
  bindPolicies,
  type Decision,
  keyValues,
  type NamedPolicy,
  type PolicyAction,
  type PolicyContext,
  parsePolicyDocument,
} from '@birthmark/cloud/policy'
import type { Scope } from '@birthmark/cloud/registry'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { parseCertificateArn } from './arns.ts'
import { type PolicyNames, policyNames, requirePolicy } from './policies.ts'

/** What the policies of a principal say, by the engine that judges connections. */
export const authorizationOperations: Partial<Operations> = {
  async GetEffectivePolicies({ principal, cognitoIdentityPoolId, thingName }, call) {
    refuseCognito(cognitoIdentityPoolId)
    const { policies } = await loadPolicies(principal, thingName, call)
    const kept = await Promise.all(policies.map(({ name }) => call.registry.policy(name)))
    // What a provisioning claim may do is no policy of the registry.
    const effectivePolicies = kept.flatMap((policy) =>
      policy === undefined ? [] : [{ ...policyNames(policy, call.registry.scope), policyDocument: policy.document }],
    )
    return { effectivePolicies }
  },

  /** One result for each of `authInfos`; with several resources, all of them must be allowed. */
  async TestAuthorization({ principal, cognitoIdentityPoolId, authInfos, clientId, ...choice }, call) {
    refuseCognito(cognitoIdentityPoolId)
    const { policies, context } = await loadPolicies(principal, clientId, call)
    const skipped = new Set(choice.policyNamesToSkip)
    const kept = policies.filter(({ name }) => !skipped.has(name))
    const added = (choice.policyNamesToAdd ?? []).filter((name) => !kept.some((policy) => policy.name === name))
    const tried = [...kept, ...(await Promise.all(added.map((name) => namedPolicy(name, call))))]
    return { authResults: authInfos.map((info) => judge(info, tried, context, call.registry.scope)) }
  },
}

/** Policies, and what their variables stand for. */
interface Loaded {
  readonly policies: readonly NamedPolicy[]
  readonly context: PolicyContext
}

/** Reads what holds for a certificate that connects as `clientId`, for a thing group, or for a thing by its groups. */
async function loadPolicies(principal: string | undefined, clientId: string | undefined, call: Call): Promise<Loaded> {
  const { registry } = call
  if (principal === undefined) {
    if (clientId === undefined) throw invalidRequest('A principal or a thing name is required.')
    if ((await registry.thing(clientId)) === undefined) throw notFound(`Thing ${clientId} cannot be found.`)
    return withoutCertificate(
      (await registry.catalog.policiesOfThing(clientId)).map(({ name }) => name),
      clientId,
      call,
    )
  }
  const { account, region } = registry.scope
  const group = new RegExp(`^arn:aws[\\w-]*:iot:${region}:${account}:thinggroup/(.+)$`).exec(principal)?.[1]
  if (group !== undefined) {
    if ((await registry.catalog.thingGroup(group)) === undefined) throw notFound(`ThingGroup ${group} does not exist.`)
    const groups = [group, ...(await registry.catalog.groupsAbove(group)).map(({ name }) => name)]
    const policies = await Promise.all(groups.map((name) => registry.catalog.policiesOfGroup(name)))
    return withoutCertificate([...new Set(policies.flat().map(({ name }) => name))], clientId, call)
  }
  const id = parseCertificateArn(registry.scope, principal)
  const record = await registry.certificate(id)
  if (record === undefined) throw notFound(`The certificate does not exist (id=${id})`)
  const certificate = new ClientCertificate(id, record.pem)
  const accepted = { clientId, will: undefined, wishedPersistence: false }
  return new Identities(registry).load({ certificate, accepted, remoteAddress: undefined })
}

async function withoutCertificate(names: readonly string[], clientId: string | undefined, call: Call): Promise<Loaded> {
  const policies = await Promise.all(names.map((name) => namedPolicy(name, call)))
  const nobody = { sourceIp: undefined, certificateId: undefined, thing: undefined, certificate: undefined }
  return { policies, context: { ...nobody, clientId, connectAttributes: [], lastWillTopic: undefined } }
}

async function namedPolicy(name: string, call: Call): Promise<NamedPolicy> {
  return { name, document: parsePolicyDocument((await requirePolicy(name, call)).document) }
}

function judge(authInfo: AuthInfo, policies: readonly NamedPolicy[], context: PolicyContext, scope: Scope): AuthResult {
  const action = authInfo.actionType === undefined ? undefined : ACTIONS.get(authInfo.actionType)
  if (action === undefined) throw invalidRequest('Each of authInfos needs an actionType.')
  const decide = (tried: readonly NamedPolicy[]): Decision[] => {
    const bound = bindPolicies(tried, context)
    return (authInfo.resources ?? []).map((resource) => bound.decide({ action, resource }))
  }
  const each = policies.map((policy) => ({ names: policyNames(policy, scope), decisions: decide([policy]) }))
  const are = (wanted: Verdict): PolicyNames[] =>
    each.filter(({ decisions }) => verdictOfOne(decisions) === wanted).map(({ names }) => names)
  const decisions = each.flatMap((row) => row.decisions)
  return {
    authInfo,
    allowed: { policies: are('ALLOWED') },
    denied: {
      implicitDeny: { policies: are('IMPLICIT_DENY') },
      explicitDeny: { policies: are('EXPLICIT_DENY') },
    },
    authDecision: verdictOfAll(decide(policies)),
    missingContextValues: [...new Set(decisions.flatMap((decision) => missingValues(decision, context)))],
  }
}

type Verdict = 'ALLOWED' | 'EXPLICIT_DENY' | 'IMPLICIT_DENY'

function verdictOf(decision: Decision): Verdict {
  if (decision.effect === 'allow') return 'ALLOWED'
  return decision.why === 'explicit-deny' ? 'EXPLICIT_DENY' : 'IMPLICIT_DENY'
}

/** One policy allows when it allows any of the resources, and denies when it denies any. */
function verdictOfOne(decisions: readonly Decision[]): Verdict {
  const verdicts = decisions.map(verdictOf)
  if (verdicts.includes('EXPLICIT_DENY')) return 'EXPLICIT_DENY'
  return verdicts.includes('ALLOWED') ? 'ALLOWED' : 'IMPLICIT_DENY'
}

function verdictOfAll(decisions: readonly Decision[]): Verdict {
  const verdicts = decisions.map(verdictOf)
  if (verdicts.includes('EXPLICIT_DENY')) return 'EXPLICIT_DENY'
  return verdicts.every((verdict) => verdict === 'ALLOWED') ? 'ALLOWED' : 'IMPLICIT_DENY'
}

/** The variables and condition keys that kept a statement from matching because nothing is known about them. */
function missingValues(decision: Decision, context: PolicyContext): string[] {
  if (decision.effect === 'allow' || decision.why === 'explicit-deny') return []
  return decision.near.flatMap(({ because, detail }) => {
    if (because === 'variable') return [detail]
    const key = because === 'condition' ? (detail.split(' ').at(-1) ?? '') : ''
    return key === '' || keyValues(context, key) !== undefined ? [] : [key]
  })
}

function refuseCognito(poolId: string | undefined): void {
  if (poolId === undefined) return
  throw new AwsException('NotImplementedException', 'Amazon Cognito identities are not implemented.')
}

const ACTIONS: ReadonlyMap<string, PolicyAction> = new Map([
  ['CONNECT', 'iot:Connect'],
  ['PUBLISH', 'iot:Publish'],
  ['SUBSCRIBE', 'iot:Subscribe'],
  ['RECEIVE', 'iot:Receive'],
])
