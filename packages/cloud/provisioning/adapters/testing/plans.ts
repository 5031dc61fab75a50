import type { CertificateRecord, PolicyRecord, ThingRecord, ThingTypeRecord } from '@birthmark/cloud/registry'
import { parseTemplate } from '../../parse-template.ts'
import { planProvisioning } from '../../plan.ts'
import type { ExistingResources, ProvisioningInputs, ProvisioningPlan } from '../../plan-model.ts'
import type { TemplateKind } from '../../template.ts'
import { type TemplateParts, templateText } from '../../testing/templates.ts'
import { sha256 } from '../index.ts'
import { idOf, NOW, SCOPE, subjectOf } from './devices.ts'

/** A certificate before its provisioning. */
export const certificate: CertificateRecord = {
  id: idOf('press-7'),
  pem: 'pem',
  status: 'PENDING_ACTIVATION',
  mode: 'DEFAULT',
  caId: undefined,
  notBefore: NOW,
  notAfter: NOW,
  createdAt: NOW,
  modifiedAt: NOW,
  customerVersion: 1,
  generationId: 'g',
}
/** The policy that templates name. */
export const policy: PolicyRecord = {
  name: 'meter-policy',
  document: '{}',
  defaultVersionId: '1',
  createdAt: NOW,
  modifiedAt: NOW,
  generationId: 'g',
}
/** A thing that may exist already. */
export const thing: ThingRecord = {
  name: 'press-7',
  id: 'u',
  typeName: 'old',
  attributes: { a: '1' },
  version: 4,
  createdAt: NOW,
}

/** A thing type that is in use. */
export const meter: ThingTypeRecord = {
  name: 'meter',
  id: 'u',
  description: undefined,
  searchableAttributes: [],
  propagatingAttributes: [],
  createdAt: NOW,
  deprecatedAt: undefined,
}

/** Gives static thing groups, each a hierarchy of its own, or all below `root`. */
export function groupsNamed(names: readonly string[], root?: string): ExistingResources['groups'] {
  return names.map((name) => ({ name, isDynamic: false, root: root ?? name }))
}

/** What a row of a table says beyond the plain first connection. */
export interface Given {
  readonly kind?: TemplateKind
  readonly parameters?: Readonly<Record<string, string>>
  readonly inputs?: Partial<ProvisioningInputs>
  readonly existing?: Partial<ExistingResources>
}

/** Plans a template made of `parts`. */
export function plan(parts: TemplateParts, given: Given = {}): ProvisioningPlan {
  const template = parseTemplate(templateText(parts), given.kind ?? 'JITP')
  return planProvisioning(template, inputsOf(given), existingOf(given))
}

/** Gives the inputs of a plan for press-7. */
export function inputsOf({ parameters = {}, inputs = {} }: Given): ProvisioningInputs {
  return {
    parameters: new Map(Object.entries(parameters)),
    certificate,
    subject: subjectOf('press-7'),
    scope: SCOPE,
    now: NOW,
    uuid: () => 'uuid',
    sha256,
    ...inputs,
  }
}

/** Gives what exists: the policy, and what is given. */
export function existingOf({ existing = {} }: Given): ExistingResources {
  return {
    certificate: undefined,
    thing: undefined,
    policies: [policy],
    attachedPolicies: [],
    attachedThings: [],
    thingType: undefined,
    groups: [],
    groupsOfThing: [],
    hasBillingGroup: false,
    ...existing,
  }
}
