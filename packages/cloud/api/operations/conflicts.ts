import type { Change, ConflictReason, Scope, ScopedChanges } from '@birthmark/cloud/registry'
import { AwsException, type ExceptionName } from '../exceptions.ts'
import type { Call } from '../operation-types.ts'
import { arnOf, type ResourceType } from './arns.ts'
import { CATALOG_CONFLICTS } from './catalog-conflicts.ts'
import { IDENTITY_CONFLICTS } from './identity-conflicts.ts'
import { PROVISIONING_CONFLICTS } from './provisioning-conflicts.ts'

/**
 * Makes changes whole or not at all, and answers a conflict with the exception that AWS has for it.
 *
 * @throws the exceptions of {@link CONFLICTS}; faults of the store
 */
export async function commit({ registry }: Call, ...changes: readonly Change[]): Promise<void> {
  const result = await registry.commit(changes)
  if (result.ok) return
  throw conflictException(registry.scope, changes[result.index], result.reason)
}

/** Makes changes here and in another scope, all or none. @throws as {@link commit} */
export async function commitWith({ registry }: Call, changes: readonly Change[], other: ScopedChanges): Promise<void> {
  const result = await registry.commitWith(changes, other)
  if (result.ok) return
  throw conflictException(registry.scope, [...changes, ...other.changes][result.index], result.reason)
}

/** Gives the exception that answers a change which the registry refused. */
export function conflictException(scope: Scope, change: Change | undefined, reason: ConflictReason): Error {
  const row = change === undefined ? undefined : CONFLICTS[change.do][reason]
  if (change === undefined || row === undefined)
    return new RangeError(`the registry refused ${change?.do} with ${reason}`)
  const [name, message] = row
  const subject = subjectOf(change)
  const members = new Map(Object.entries(change))
  const text = message.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
    key === 'name' ? subject.name : String(members.get(key)),
  )
  const isHere = name === 'ResourceAlreadyExistsException' && reason === 'exists'
  if (!isHere || subject.type === undefined) return new AwsException(name, text)
  const resourceArn = arnOf(scope, subject.type, subject.name)
  return new AwsException(name, text, { resourceId: subject.id ?? subject.name, resourceArn })
}

type Refusals = Partial<Record<ConflictReason, readonly [ExceptionName, message: string]>>

const POLICY_ABSENT = ['ResourceNotFoundException', 'Policy not found (name={name})'] as const
const CERTIFICATE_ABSENT = ['ResourceNotFoundException', 'The certificate does not exist (id={name})'] as const
const CA_ABSENT = ['ResourceNotFoundException', 'The CA certificate does not exist (id={name})'] as const
const THING_ABSENT = ['ResourceNotFoundException', 'Thing {name} cannot be found.'] as const
const THING_VERSION = [
  'VersionConflictException',
  'The version for thing {name} does not match the expected version.',
] as const

/** What a refused change is answered with; `{name}` is the name or id of what the change is about. */
const CONFLICTS: Readonly<Record<Change['do'], Refusals>> = {
  'create-thing': {
    exists: ['ResourceAlreadyExistsException', 'Thing {name} already exists in account with different properties'],
    'target-absent': ['ResourceNotFoundException', 'The billing group of thing {name} cannot be found.'],
  },
  'update-thing': { absent: THING_ABSENT, version: THING_VERSION },
  'delete-thing': {
    version: THING_VERSION,
    attached: ['InvalidRequestException', 'Cannot delete. Thing {name} is still attached to one or more principals'],
  },
  'register-certificate': {
    exists: ['ResourceAlreadyExistsException', 'The certificate is already registered (id={name})'],
  },
  'set-certificate-status': {
    absent: CERTIFICATE_ABSENT,
    state: ['CertificateStateException', "The certificate's status does not allow this change. Id: {name}"],
  },
  'delete-certificate': {
    absent: CERTIFICATE_ABSENT,
    state: ['CertificateStateException', 'Certificate must be deactivated (not ACTIVE) before deletion. Id: {name}'],
    'pending-transfer': ['CertificateStateException', 'The certificate is being transferred. Id: {name}'],
    attached: [
      'DeleteConflictException',
      'Certificate policies and things must be detached before deletion (id: {name})',
    ],
  },
  'register-ca': {
    exists: ['ResourceAlreadyExistsException', 'The CA certificate is already registered (id={name})'],
    limit: ['LimitExceededException', 'The maximum number of CA certificates with this subject is registered.'],
    taken: ['ResourceAlreadyExistsException', 'Another account of this region has registered the CA certificate.'],
  },
  'update-ca': { absent: CA_ABSENT },
  'delete-ca': {
    absent: CA_ABSENT,
    state: ['CertificateStateException', 'CA certificate must be deactivated (not ACTIVE) before deletion. Id: {name}'],
  },
  'create-policy': {
    exists: ['ResourceAlreadyExistsException', 'Policy cannot be created - name already exists (name={name})'],
  },
  'create-policy-version': {
    absent: POLICY_ABSENT,
    limit: ['VersionsLimitExceededException', 'The policy {name} already has the maximum number of versions (5)'],
  },
  'set-default-policy-version': {
    absent: ['ResourceNotFoundException', 'The policy or its version does not exist (name={name})'],
  },
  'delete-policy-version': {
    absent: ['ResourceNotFoundException', 'The policy or its version does not exist (name={name})'],
    default: ['DeleteConflictException', 'Cannot delete the default version of a policy (name={name})'],
  },
  'delete-policy': {
    absent: POLICY_ABSENT,
    attached: [
      'DeleteConflictException',
      'The policy cannot be deleted as the policy is attached to one or more principals (name={name})',
    ],
    versions: [
      'DeleteConflictException',
      'Cannot delete the policy because it has one or more policy versions attached to it (name={name})',
    ],
  },
  'attach-policy': {
    absent: POLICY_ABSENT,
    'target-absent': ['ResourceNotFoundException', 'The certificate that policy {name} is for does not exist.'],
    limit: ['LimitExceededException', 'The maximum number of policies is attached to this target (10).'],
  },
  'detach-policy': {},
  'attach-thing-principal': {
    absent: THING_ABSENT,
    'target-absent': ['ResourceNotFoundException', 'The certificate that thing {name} is attached to does not exist.'],
    exclusive: ['InvalidRequestException', 'The certificate is, or is to be, attached exclusively to another thing.'],
  },
  'detach-thing-principal': {
    absent: ['ResourceNotFoundException', 'Thing {name} is not attached to this principal.'],
  },
  'create-template': {
    exists: ['ResourceAlreadyExistsException', 'Provisioning template already exists (name={name})'],
  },
  'set-registration-code': { exists: ['ResourceAlreadyExistsException', 'There is a registration code already.'] },
  'open-scope': {},
  'create-access-key': { limit: ['LimitExceededException', 'An account has at most 1000 access keys in a region.'] },
  'revoke-access-key': { absent: ['ResourceNotFoundException', 'There is no such access key (id={name})'] },
  'record-audit': {},
  ...CATALOG_CONFLICTS,
  ...IDENTITY_CONFLICTS,
  ...PROVISIONING_CONFLICTS,
}

interface Subject {
  readonly name: string
  /** What the API calls its id, where that is not the name. */
  readonly id?: string
  readonly type?: ResourceType
}

function subjectOf(change: Change): Subject {
  if ('thing' in change) return { name: change.thing.name, id: change.thing.id, type: 'thing' }
  if ('type' in change) return { name: change.type.name, id: change.type.id, type: 'thingtype' }
  if ('group' in change) return { name: change.group.name, id: change.group.id, type: 'thinggroup' }
  if ('billingGroup' in change) {
    return { name: change.billingGroup.name, id: change.billingGroup.id, type: 'billinggroup' }
  }
  if ('resource' in change) return { name: change.resource }
  if ('certificate' in change) return { name: change.certificate.id, type: 'cert' }
  if ('ca' in change) return { name: change.ca.id, type: 'cacert' }
  if ('policy' in change) return { name: change.policy.name, type: 'policy' }
  if ('template' in change) return { name: change.template.name, type: 'provisioningtemplate' }
  if ('document' in change && typeof change.document === 'object') return { name: change.document.name }
  if ('list' in change) return { name: typeof change.list === 'string' ? change.list : change.list.name }
  if ('name' in change) return { name: change.name }
  if ('templateName' in change) return { name: change.templateName }
  if ('policyName' in change) return { name: change.policyName }
  if ('thingName' in change) return { name: change.thingName }
  if ('certificateId' in change) return { name: change.certificateId }
  return { name: 'id' in change ? change.id : '' }
}
