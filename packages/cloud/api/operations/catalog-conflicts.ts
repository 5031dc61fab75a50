import type { CatalogChange, ConflictReason } from '@birthmark/cloud/registry'
import type { ExceptionName } from '../exceptions.ts'

type Answer = readonly [ExceptionName, message: string]

const TYPE_ABSENT: Answer = ['ResourceNotFoundException', 'Thing type {name} cannot be found.']
const GROUP_ABSENT: Answer = ['ResourceNotFoundException', 'Thing group {name} cannot be found.']
const NAMED_GROUP_ABSENT: Answer = ['ResourceNotFoundException', 'Thing group {groupName} cannot be found.']
const NAMED_THING_ABSENT: Answer = ['ResourceNotFoundException', 'Thing {thingName} cannot be found.']
const BILLING_GROUP_ABSENT: Answer = ['ResourceNotFoundException', 'Billing group {name} cannot be found.']
const GROUP_VERSION: Answer = [
  'VersionConflictException',
  'The version for thing group {name} does not match the expected version.',
]
const BILLING_GROUP_VERSION: Answer = [
  'VersionConflictException',
  'The version for billing group {name} does not match the expected version.',
]
const NOT_STATIC: Answer = [
  'InvalidRequestException',
  'Thing group {groupName} is a dynamic thing group; its query decides which things are in it.',
]

/** What refused changes of thing types, groups and tags are answered with; `{x}` is a member of the change. */
export const CATALOG_CONFLICTS: Readonly<
  Record<CatalogChange['do'], Partial<Record<ConflictReason, readonly [ExceptionName, message: string]>>>
> = {
  'create-thing-type': {
    exists: ['ResourceAlreadyExistsException', 'Thing type {name} already exists in account with different properties'],
  },
  'update-thing-type': { absent: TYPE_ABSENT },
  'deprecate-thing-type': { absent: TYPE_ABSENT },
  'delete-thing-type': {
    absent: TYPE_ABSENT,
    state: [
      'InvalidRequestException',
      'Cannot delete thing type : {name}. Deprecate it first. Please wait for 5 minutes after deprecation and retry',
    ],
    attached: [
      'InvalidRequestException',
      'Cannot delete thing type : {name} when there are still things associated with it',
    ],
  },
  'create-thing-group': {
    exists: [
      'ResourceAlreadyExistsException',
      'Thing group {name} already exists in account with different properties',
    ],
    'target-absent': ['InvalidRequestException', 'The parent thing group of {name} does not exist.'],
    state: ['InvalidRequestException', 'A dynamic thing group can not be the parent of thing group {name}.'],
    depth: ['InvalidRequestException', 'The hierarchy of thing groups above {name} has its maximum depth (7).'],
    limit: [
      'InvalidRequestException',
      'The maximum number of child groups (100), or of dynamic thing groups (100), exists already.',
    ],
  },
  'update-thing-group': { absent: GROUP_ABSENT, version: GROUP_VERSION },
  'delete-thing-group': {
    version: GROUP_VERSION,
    state: ['InvalidRequestException', 'Thing group {name} is of the other kind: static or dynamic.'],
    attached: [
      'InvalidRequestException',
      'Cannot delete thing group : {name} when there are still child groups attached to it',
    ],
  },
  'add-to-thing-group': {
    absent: NAMED_THING_ABSENT,
    'target-absent': NAMED_GROUP_ABSENT,
    state: NOT_STATIC,
    exclusive: [
      'InvalidRequestException',
      'Thing {thingName} is in another thing group of the same hierarchy as {groupName}.',
    ],
    limit: ['InvalidRequestException', 'Thing {thingName} is in the maximum number of thing groups (10).'],
  },
  'remove-from-thing-group': { absent: NAMED_THING_ABSENT, 'target-absent': NAMED_GROUP_ABSENT, state: NOT_STATIC },
  'attach-group-policy': {
    absent: ['ResourceNotFoundException', 'Policy not found (name={policyName})'],
    'target-absent': NAMED_GROUP_ABSENT,
    state: ['InvalidRequestException', 'Dynamic thing groups can not have policies (name={groupName})'],
    limit: ['LimitExceededException', 'The maximum number of policies is attached to this thing group (2).'],
  },
  'detach-group-policy': {},
  'create-billing-group': {
    exists: [
      'ResourceAlreadyExistsException',
      'Billing group {name} already exists in account with different properties',
    ],
  },
  'update-billing-group': { absent: BILLING_GROUP_ABSENT, version: BILLING_GROUP_VERSION },
  'delete-billing-group': { version: BILLING_GROUP_VERSION },
  'set-billing-group': {
    absent: NAMED_THING_ABSENT,
    'target-absent': ['ResourceNotFoundException', 'Billing group {groupName} cannot be found.'],
  },
  tag: { limit: ['LimitExceededException', 'A resource can have at most 50 tags: {resource}'] },
  untag: {},
}
