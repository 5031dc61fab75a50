import { parsePolicyDocument } from '@birthmark/cloud/policy'
import type { CertificateId, Scope } from '@birthmark/cloud/registry'
import { encodeUtf8, type Fault, isFault, messageOf, toHex } from '@birthmark/foundation/kernel'
import { evaluate, evaluateList, type Values } from './evaluate.ts'
import { writeDocument } from './expression.ts'
import { provisioningFault, quoted } from './faults.ts'
import {
  CERTIFICATE_ID_PARAMETER,
  SUBJECT_PARAMETERS,
  type SubjectAttribute,
  subjectValue,
} from './subject-parameters.ts'
import type { CertificateResource, Placed, PolicyResource, ProvisioningTemplate, ThingResource } from './template.ts'
import { ATTRIBUTE_VALUE, CERTIFICATE_STATUSES, POLICY_NAME, PRINCIPAL_TYPES, THING_NAME } from './words.ts'

/** What the values of a template come from. */
export interface TemplateValues {
  /** What the device or the caller sent; without meaning at a first connection. */
  readonly parameters: ReadonlyMap<string, string>
  readonly certificateId: CertificateId
  /** The subject of the certificate, in the order of its encoding. */
  readonly subject: readonly SubjectAttribute[]
  readonly scope: Scope
  /** Gives the SHA-256 of its argument. */
  readonly sha256: (content: Uint8Array) => Uint8Array
}

/** A template with every expression replaced by its value, and every value judged. */
export interface ResolvedTemplate {
  readonly thing: ResolvedThing | undefined
  readonly status: 'ACTIVE' | 'INACTIVE'
  /** Whether the certificate may have no other thing; `undefined` when the template does not say. */
  readonly exclusive: boolean | undefined
  readonly policies: readonly ResolvedPolicy[]
  /** The ARN of each resource, by its logical name. */
  readonly resourceArns: Readonly<Record<string, string>>
  readonly deviceConfiguration: Readonly<Record<string, string>>
}

/** The thing that a template wants. */
export interface ResolvedThing {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>> | undefined
  readonly typeName: Named | undefined
  /** Each once. */
  readonly groups: readonly Named[] | undefined
  readonly billingGroup: Named | undefined
}

/** The name of something that must exist, and where the template names it. */
export interface Named {
  readonly name: string
  readonly path: string
}

/** A policy that a template wants on the certificate. */
export interface ResolvedPolicy extends Named {
  /** The document to create it with; `undefined` for one that must exist. */
  readonly document: string | undefined
}

/**
 * Evaluates a template for one certificate.
 *
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `PROVISIONING_`
 */
export function resolveTemplate(template: ProvisioningTemplate, input: TemplateValues): ResolvedTemplate {
  const values = valuesOf(template, input)
  const { thing, certificate } = template
  const resolvedThing = thing && resolveThing(thing, values)
  const policies = template.policies.map((policy) => ({
    logicalName: policy.logicalName,
    ...resolvePolicy(policy, values, input.sha256),
  }))
  const configuration = [...template.deviceConfiguration].map(([name, value]) => [name, evaluate(value, values)])
  const arn = (type: string, name: string): string => arnOf(input.scope, type, name)
  const arns: (readonly [string, string])[] = policies.map(({ logicalName, name }) => [
    logicalName,
    arn('policy', name),
  ])
  if (thing && resolvedThing) arns.push([thing.logicalName, arn('thing', resolvedThing.name)])
  arns.push([certificate.logicalName, arn('cert', input.certificateId)])
  return {
    thing: resolvedThing,
    ...resolveCertificate(certificate, values),
    policies: policies.map(({ name, path, document }) => ({ name, path, document })),
    resourceArns: Object.fromEntries(arns),
    deviceConfiguration: Object.fromEntries(configuration),
  }
}

/**
 * Gives the values of a template's parameters. Every declared parameter must have one, used or not (developer guide,
 * Just-in-time provisioning); there, what the subject lacks is not helped by a Default.
 */
function valuesOf(template: ProvisioningTemplate, input: TemplateValues): Values {
  const parameters = new Map<string, string>()
  for (const [name, preset] of template.parameters) {
    const sent = template.kind === 'JITP' ? fromSubject(name, input) : input.parameters.get(name)
    if (name !== CERTIFICATE_ID_PARAMETER) parameters.set(name, sent ?? preset ?? missing(name))
  }
  parameters.set(CERTIFICATE_ID_PARAMETER, input.certificateId)
  return { parameter: (name) => parameters.get(name) ?? missing(name), mappings: template.mappings }
}

function fromSubject(parameter: string, { subject, certificateId }: TemplateValues): string | undefined {
  const attribute = SUBJECT_PARAMETERS.get(parameter)
  if (attribute === undefined) return undefined
  const value = subjectValue(subject, attribute)
  if (value !== undefined) return value
  const context = { certificate: certificateId, attribute: attribute.name, parameter }
  throw provisioningFault('PROVISIONING_SUBJECT_ATTRIBUTE_MISSING', context)
}

function missing(parameter: string): never {
  throw provisioningFault('PROVISIONING_PARAMETER_MISSING', { parameter: quoted(parameter) })
}

function resolveThing(
  { name, attributes, typeName, groups, billingGroup }: ThingResource,
  values: Values,
): ResolvedThing {
  const named = (placed: Placed): Named => ({ name: thingName(placed, values), path: placed.path })
  const groupNames = groups && evaluateList(groups.value, values).map((text) => ({ text, path: groups.path }))
  for (const { text, path } of groupNames ?? []) matching(text, path, THING_NAME, NAME_RULE)
  return {
    name: thingName(name, values),
    attributes: attributes && attributesOf(attributes, values),
    typeName: typeName && named(typeName),
    groups: groupNames && [...new Map(groupNames.map(({ text, path }) => [text, { name: text, path }])).values()],
    billingGroup: billingGroup && named(billingGroup),
  }
}

function thingName({ value, path }: Placed, values: Values): string {
  return matching(evaluate(value, values), path, THING_NAME, NAME_RULE)
}

function attributesOf(attributes: ReadonlyMap<string, Placed>, values: Values): Readonly<Record<string, string>> {
  const rule = 'at most 800 of a-z A-Z 0-9 _ . , @ / : # = [ ] -'
  const evaluated = [...attributes].map(([name, { value, path }]) => [
    name,
    matching(evaluate(value, values), path, ATTRIBUTE_VALUE, rule),
  ])
  return Object.fromEntries(evaluated)
}

function resolveCertificate(
  { status, principalType }: CertificateResource,
  values: Values,
): Pick<ResolvedTemplate, 'status' | 'exclusive'> {
  const type = principalType && oneOf(principalType, values, PRINCIPAL_TYPES)
  return { status: oneOf(status, values, CERTIFICATE_STATUSES), exclusive: type && type === 'EXCLUSIVE_THING' }
}

function oneOf<Word extends string>({ value, path }: Placed, values: Values, words: readonly Word[]): Word {
  const text = evaluate(value, values)
  const found = words.find((word) => word === text.toUpperCase())
  if (found === undefined) throw invalid(path, text, words.join(' or '))
  return found
}

function resolvePolicy({ policy }: PolicyResource, values: Values, sha256: TemplateValues['sha256']): ResolvedPolicy {
  if (policy.by === 'name') {
    const { value, path } = policy.name
    const rule = '1 to 128 of a-z A-Z 0-9 _ + = , . @ -'
    return { name: matching(evaluate(value, values), path, POLICY_NAME, rule), path, document: undefined }
  }
  const { value, path } = policy.document
  const document = writeDocument(value, (expression) => evaluate(expression, values))
  try {
    parsePolicyDocument(document)
  } catch (error) {
    if (!isFault(error, 'POLICY_MALFORMED')) throw error
    throw provisioningFault('PROVISIONING_POLICY_MALFORMED', { path, why: messageOf(error) }, error)
  }
  return { name: documentName(document, sha256), path, document }
}

/**
 * Names a policy after its document, 40 upper-case hex digits as AWS IoT's are; how it makes them is not published.
 * Here they are the first 20 bytes of the SHA-256, so that equal documents share one policy.
 */
function documentName(document: string, sha256: TemplateValues['sha256']): string {
  return toHex(sha256(encodeUtf8(document)).subarray(0, 20)).toUpperCase()
}

/** Gives the ARN of a resource. */
export function arnOf({ account, region }: Scope, type: string, name: string): string {
  const partition = PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws'
  return `arn:${partition}:iot:${region}:${account}:${type}/${name}`
}

function matching(value: string, path: string, pattern: RegExp, rule: string): string {
  if (!pattern.test(value)) throw invalid(path, value, rule)
  return value
}

function invalid(path: string, value: string, expected: string): Fault {
  return provisioningFault('PROVISIONING_VALUE_INVALID', { path, value: quoted(value), expected })
}

/** What names of things, groups and types are made of. */
const NAME_RULE = '1 to 128 of a-z A-Z 0-9 : _ -'
/** AWS partitions, by how the names of their regions begin. */
const PARTITIONS: readonly (readonly [string, string])[] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
]
