import type { ConflictReason } from '@birthmark/cloud/registry'
import type { ExceptionName } from '../exceptions.ts'

const TEMPLATE_ABSENT = ['ResourceNotFoundException', 'The provisioning template does not exist (name={name})'] as const
const VERSION_ABSENT = [
  'ResourceNotFoundException',
  'The version of the provisioning template does not exist (name={name})',
] as const
const CERTIFICATE_ABSENT = ['ResourceNotFoundException', 'The certificate does not exist (id={name})'] as const
const TRANSFER_OVER = [
  'TransferAlreadyCompletedException',
  'No transfer of the certificate is waiting for this: it was accepted, rejected or cancelled (id={name})',
] as const

/** What refused changes of templates and transfers are answered with. */
export const IDENTITY_CONFLICTS: Readonly<
  Record<IdentityChangeName, Partial<Record<ConflictReason, readonly [ExceptionName, message: string]>>>
> = {
  'update-template': { absent: TEMPLATE_ABSENT, 'version-absent': VERSION_ABSENT },
  'create-template-version': {
    absent: TEMPLATE_ABSENT,
    limit: [
      'VersionsLimitExceededException',
      'The provisioning template {name} already has the maximum number of versions (5)',
    ],
    version: [
      'ConflictingResourceUpdateException',
      'The provisioning template {name} was changed at the same time; try again.',
    ],
  },
  'delete-template-version': {
    absent: TEMPLATE_ABSENT,
    'version-absent': VERSION_ABSENT,
    default: ['DeleteConflictException', 'Cannot delete the default version of a provisioning template (name={name})'],
  },
  'delete-template': {
    absent: TEMPLATE_ABSENT,
    attached: [
      'DeleteConflictException',
      'The provisioning template cannot be deleted as one or more CA certificates use it (name={name})',
    ],
  },
  'send-certificate': {
    absent: CERTIFICATE_ABSENT,
    state: [
      'CertificateStateException',
      'A certificate that is ACTIVE or PENDING_TRANSFER cannot be transferred. Id: {name}',
    ],
    attached: [
      'TransferConflictException',
      'Certificate policies and things must be detached before the transfer (id: {name})',
    ],
  },
  'receive-certificate': {
    exists: ['TransferConflictException', 'The certificate is already registered in the target account (id={name})'],
  },
  'accept-certificate': { absent: CERTIFICATE_ABSENT, state: TRANSFER_OVER },
  'return-certificate': { absent: CERTIFICATE_ABSENT, state: TRANSFER_OVER },
  'remove-transferred': { absent: CERTIFICATE_ABSENT, state: TRANSFER_OVER },
}

type IdentityChangeName =
  | 'update-template'
  | 'create-template-version'
  | 'delete-template-version'
  | 'delete-template'
  | 'send-certificate'
  | 'receive-certificate'
  | 'accept-certificate'
  | 'return-certificate'
  | 'remove-transferred'
