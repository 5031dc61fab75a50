import { certificateId, type Scope } from '@birthmark/cloud/registry'
import type { Operation } from '../engine/model.ts'

/** Gives the action that a caller must be allowed for an operation, for example `iot:CreateThing`. */
export function actionOf({ service, name }: Operation): `${string}:${string}` {
  return `${service === 'iot-jobs-data' ? 'iotjobsdata' : 'iot'}:${name}`
}

/** Gives every access that an operation needs: a message that is to be retained needs one more. */
export function accessesOf(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
  scope: Scope,
): readonly { readonly action: `${string}:${string}`; readonly resources: readonly string[] }[] {
  const resources = resourcesOf(operation, input, scope)
  const plain = { action: actionOf(operation), resources }
  const isRetained = operation.service === 'iotdata' && operation.name === 'Publish' && input['retain'] === true
  return isRetained ? [plain, { action: 'iot:RetainPublish', resources }] : [plain]
}

/** Tells whether an operation only reads. */
export function isRead({ service, name }: Operation): boolean {
  // What devices' data planes carry is no change of the registry.
  return service !== 'iot' || /^(Describe|Get|List|Search|Test|Validate)/.test(name)
}

/**
 * Gives the ARNs of everything that an input names; `*` when it names nothing that has one. A caller must be allowed
 * the action on each of them.
 */
export function resourcesOf(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
  { account, region }: Scope,
): readonly string[] {
  const arns: string[] = []
  for (const [member, value] of Object.entries(input)) {
    const type = operation.name.includes('CACertificate') && member === 'certificateId' ? 'cacert' : TYPES.get(member)
    for (const name of [value].flat()) {
      if (typeof name !== 'string') continue
      if (ARN_MEMBERS.has(member)) arns.push(plainArn(name))
      if (type !== undefined) arns.push(plainArn(`arn:aws:iot:${region}:${account}:${type}/${name}`))
    }
  }
  return arns.length === 0 ? ['*'] : arns
}

/** Writes an ARN in its one form, so that no other spelling of it slips past a Deny. */
function plainArn(arn: string): string {
  const plain = arn.replace(/^arn:aws[\w-]*:/, 'arn:aws:')
  const [, start, id] = /^(arn:aws:iot:[^:]*:[^:]*:(?:ca)?cert\/)(.*)$/.exec(plain) ?? []
  if (start === undefined || id === undefined) return plain
  return `${start}${certificateId(id) ?? id}`
}

/** Members whose value is an ARN. */
const ARN_MEMBERS: ReadonlySet<string> = new Set([
  'billingGroupArn',
  'principal',
  'resourceArn',
  'target',
  'thingArn',
  'thingGroupArn',
])

/** The type of the resource that a member names (AWS service authorization reference, AWS IoT, resource types). */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['authorizerName', 'authorizer'],
  ['billingGroupName', 'billinggroup'],
  ['caCertificateId', 'cacert'],
  ['certificateId', 'cert'],
  ['clientId', 'client'],
  ['certificateProviderName', 'certificateprovider'],
  ['domainConfigurationName', 'domainconfiguration'],
  ['indexName', 'index'],
  ['jobId', 'job'],
  ['jobTemplateId', 'jobtemplate'],
  ['packageName', 'package'],
  ['parentGroupName', 'thinggroup'],
  ['policyName', 'policy'],
  ['roleAlias', 'rolealias'],
  ['ruleName', 'rule'],
  ['streamId', 'stream'],
  ['templateName', 'provisioningtemplate'],
  ['thingGroupName', 'thinggroup'],
  ['thingGroupsToAdd', 'thinggroup'],
  ['thingGroupsToRemove', 'thinggroup'],
  ['thingName', 'thing'],
  ['thingTypeName', 'thingtype'],
  ['topic', 'topic'],
])
