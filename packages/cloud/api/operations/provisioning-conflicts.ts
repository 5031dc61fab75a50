import type { ConflictReason } from '@birthmark/cloud/registry'
import type { ExceptionName } from '../exceptions.ts'

/** What refused changes of provisioning's own records are answered with. */
export const PROVISIONING_CONFLICTS: Readonly<
  Record<ProvisioningChangeName, Partial<Record<ConflictReason, readonly [ExceptionName, message: string]>>>
> = {
  'offer-certificate': {},
  'use-offer': {},
  'end-offer': {},
  'create-claim': {},
  'end-claim': {},
  'create-allow-list': { exists: ['ResourceAlreadyExistsException', 'The allow-list {name} exists already.'] },
  'delete-allow-list': { absent: ['ResourceNotFoundException', 'The allow-list does not exist (name={name})'] },
  'allow-values': { absent: ['ResourceNotFoundException', 'The allow-list does not exist (name={name})'] },
  'disallow-value': {
    absent: ['ResourceNotFoundException', 'The allow-list does not exist or lacks the value (name={name})'],
  },
  'use-allowed-value': {},
  'create-document': {
    exists: ['ResourceAlreadyExistsException', 'The resource {name} exists already.'],
    limit: ['LimitExceededException', 'The maximum number of resources of this kind exists already.'],
    taken: ['ResourceAlreadyExistsException', 'What the resource {name} is for belongs to another.'],
  },
  'replace-document': {
    absent: ['ResourceNotFoundException', 'The resource does not exist (name={name})'],
    version: ['ConflictingResourceUpdateException', 'The resource {name} was changed at the same time; try again.'],
  },
  'delete-document': { absent: ['ResourceNotFoundException', 'The resource does not exist (name={name})'] },
}

type ProvisioningChangeName =
  | 'offer-certificate'
  | 'use-offer'
  | 'end-offer'
  | 'create-claim'
  | 'end-claim'
  | 'create-allow-list'
  | 'delete-allow-list'
  | 'allow-values'
  | 'disallow-value'
  | 'use-allowed-value'
  | 'create-document'
  | 'replace-document'
  | 'delete-document'
