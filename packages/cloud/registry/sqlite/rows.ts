import type { SQLOutputValue } from 'node:sqlite'
import { type Instant, instant } from '@birthmark/foundation/kernel'
import { certificateId } from '../certificate-id.ts'
import type {
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  OpenScope,
  PolicyRecord,
  PolicyVersionRecord,
  ProvisioningHook,
  RegistrationConfig,
  TemplateRecord,
  TemplateVersionRecord,
  ThingPrincipal,
  ThingRecord,
} from '../records.ts'
import { registryFault } from './faults.ts'
import type { Row } from './statements.ts'

/** Reads a row of `scope` that is open. */
export function openScopeOf(row: Row): OpenScope {
  return {
    scope: { account: text(row['account']), region: text(row['region']) },
    endpointPrefix: text(row['endpoint_prefix']),
    openedAt: time(row['opened_at']),
  }
}

/** Reads a row of `certificate`. */
export function certificateOf(row: Row): CertificateRecord {
  return {
    ...registeredOf(row),
    status: oneOf(row['status'], CERTIFICATE_STATUSES),
    caId: row['ca'] === null ? undefined : idOf(row['ca']),
  }
}

/** Reads a row of `ca`. */
export function caOf(row: Row): CaCertificateRecord {
  return {
    ...registeredOf(row),
    subjectHash: text(row['subject_hash']),
    status: oneOf(row['status'], CA_STATUSES),
    autoRegistration: row['auto_registration'] === 1,
    registrationConfig: registrationConfigOf(row['registration_config']),
  }
}

/** Reads what the rows of `certificate` and `ca` have in common. */
function registeredOf(row: Row): Omit<CertificateRecord, 'status' | 'caId'> {
  return {
    id: idOf(row['fingerprint']),
    pem: text(row['pem']),
    mode: oneOf(row['mode'], CERTIFICATE_MODES),
    notBefore: time(row['not_before']),
    notAfter: time(row['not_after']),
    createdAt: time(row['created_at']),
    modifiedAt: time(row['modified_at']),
    customerVersion: count(row['customer_version']),
    generationId: text(row['generation_id']),
  }
}

/** Reads a row of `policy` joined with the document of its default version. */
export function policyOf(row: Row): PolicyRecord {
  return {
    name: text(row['name']),
    document: text(row['document']),
    defaultVersionId: String(count(row['default_version'])),
    createdAt: time(row['created_at']),
    modifiedAt: time(row['modified_at']),
    generationId: text(row['generation_id']),
  }
}

/** Reads a row of `policy_version` with the name and the default version of its policy. */
export function policyVersionOf(row: Row): PolicyVersionRecord {
  return {
    policyName: text(row['name']),
    versionId: String(count(row['version'])),
    document: text(row['document']),
    ...versionOf(row),
  }
}

function versionOf(row: Row): Pick<PolicyVersionRecord, 'isDefault' | 'createdAt'> {
  return { isDefault: row['version'] === row['default_version'], createdAt: time(row['created_at']) }
}

/** Reads a row of `thing` with `billing_group_name`. */
export function thingOf(row: Row): ThingRecord {
  return {
    name: text(row['name']),
    id: text(row['uuid']),
    typeName: optionalText(row['type_name']),
    ...billingGroupOf(row['billing_group_name']),
    attributes: Object.fromEntries(
      Object.entries(jsonOf(row['attributes'])).map(([name, value]) => [name, String(value)]),
    ),
    version: count(row['version']),
    createdAt: time(row['created_at']),
  }
}

/** Reads a row of `thing_principal` with the thing's name and the certificate's fingerprint. */
export function thingPrincipalOf(row: Row): ThingPrincipal {
  return {
    thingName: text(row['name']),
    certificateId: idOf(row['fingerprint']),
    exclusive: row['exclusive'] === 1,
  }
}

/** Reads a row of `template` joined with the body of its default version. */
export function templateOf(row: Row): TemplateRecord {
  return {
    ...hookOf(row['hook']),
    name: text(row['name']),
    type: oneOf(row['type'], TEMPLATE_TYPES),
    description: text(row['description']),
    enabled: row['enabled'] === 1,
    roleArn: text(row['role_arn']),
    body: text(row['body']),
    defaultVersionId: count(row['default_version']),
    createdAt: time(row['created_at']),
    modifiedAt: time(row['modified_at']),
  }
}

/** Reads a row of `template_version` with the name and the default version of its template. */
export function templateVersionOf(row: Row): TemplateVersionRecord {
  return {
    templateName: text(row['name']),
    versionId: count(row['version']),
    body: text(row['body']),
    ...versionOf(row),
  }
}

/** Reads a certificate id kept as its 32 bytes. */
export function idOf(value: SQLOutputValue | undefined): CertificateId {
  return certificateId(hex(value)) ?? damaged('a certificate id')
}

/** Reads a column that counts or names a row. */
export function count(value: SQLOutputValue | undefined): number {
  return typeof value === 'number' ? value : damaged('a number')
}

/** Reads a column of text. */
export function text(value: SQLOutputValue | undefined): string {
  return typeof value === 'string' ? value : damaged('a text')
}

/** Reads a column of text that may be NULL. */
export function optionalText(value: SQLOutputValue | undefined): string | undefined {
  return value === null ? undefined : text(value)
}

/** Writes a certificate id as the 32 bytes it is kept as. */
export function bytesOf(id: CertificateId): Uint8Array {
  return Buffer.from(id, 'hex')
}

/** Writes a CA's registration configuration as it is kept: JSON, or NULL. */
export function registrationConfigText(config: RegistrationConfig | null | undefined): string | null {
  return config === null || config === undefined ? null : JSON.stringify(config)
}

/** Writes a template's hook as it is kept: JSON, or NULL. */
export function hookText(hook: ProvisioningHook | null | undefined): string | null {
  return hook === null || hook === undefined ? null : JSON.stringify(hook)
}

function billingGroupOf(value: SQLOutputValue | undefined): Pick<ThingRecord, 'billingGroupName'> {
  return value === null || value === undefined ? {} : { billingGroupName: text(value) }
}

function hookOf(value: SQLOutputValue | undefined): Pick<TemplateRecord, 'preProvisioningHook'> {
  if (value === null) return {}
  const { payloadVersion, targetArn } = jsonOf(value)
  const version = typeof payloadVersion === 'string' ? payloadVersion : undefined
  return { preProvisioningHook: { payloadVersion: version, targetArn: String(targetArn) } }
}

function registrationConfigOf(value: SQLOutputValue | undefined): RegistrationConfig | undefined {
  if (value === null) return undefined
  const kept = jsonOf(value)
  const member = (name: string): string | undefined => (typeof kept[name] === 'string' ? kept[name] : undefined)
  return { templateBody: member('templateBody'), roleArn: member('roleArn'), templateName: member('templateName') }
}

/** Reads a column of JSON that is an object or a list. */
export function jsonOf(value: SQLOutputValue | undefined): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text(value))
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : damaged('an object')
  } catch {
    return damaged('JSON')
  }
}

/** Reads a column of milliseconds. */
export function time(value: SQLOutputValue | undefined): Instant {
  return instant(count(value))
}

function hex(value: SQLOutputValue | undefined): string {
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')
    : damaged('bytes')
}

/** Reads a column that holds one of a few words. */
export function oneOf<Name extends string>(value: SQLOutputValue | undefined, names: readonly Name[]): Name {
  return names.find((name) => name === value) ?? damaged(names.join(' or '))
}

function damaged(expected: string): never {
  throw registryFault('REGISTRY_DAMAGED', { path: 'the registry', why: `a column does not hold ${expected}` })
}

const CERTIFICATE_STATUSES = ['ACTIVE', 'INACTIVE', 'REVOKED', 'PENDING_TRANSFER', 'PENDING_ACTIVATION'] as const
const CERTIFICATE_MODES = ['DEFAULT', 'SNI_ONLY'] as const
const CA_STATUSES = ['ACTIVE', 'INACTIVE'] as const
const TEMPLATE_TYPES = ['FLEET_PROVISIONING', 'JITP'] as const
