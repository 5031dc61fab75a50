import type { Change, ConflictReason } from '../changes.ts'
import {
  deleteCa,
  deleteCertificate,
  registerCa,
  registerCertificate,
  setCertificateStatus,
  updateCa,
} from './apply-certificates.ts'
import {
  attachPolicy,
  createPolicy,
  createPolicyVersion,
  deletePolicy,
  deletePolicyVersion,
  detachPolicy,
  setDefaultPolicyVersion,
} from './apply-policies.ts'
import { createAccessKey, createTemplate, deleteTemplate, openScope, setRegistrationCode } from './apply-settings.ts'
import { attachThingPrincipal, createThing, deleteThing, detachThingPrincipal, updateThing } from './apply-things.ts'
import type { ScopedTables } from './scoped-tables.ts'

/**
 * Makes one change inside the open transaction. What it changed before it found a conflict is the caller's to undo.
 *
 * @returns why it could not be made; `undefined` when it was
 */
export function applyChange(tables: ScopedTables, change: Change): ConflictReason | undefined {
  switch (change.do) {
    case 'create-thing':
      return createThing(tables, change)
    case 'update-thing':
      return updateThing(tables, change)
    case 'delete-thing':
      return deleteThing(tables, change)
    case 'register-certificate':
      return registerCertificate(tables, change)
    case 'set-certificate-status':
      return setCertificateStatus(tables, change)
    case 'delete-certificate':
      return deleteCertificate(tables, change)
    case 'register-ca':
      return registerCa(tables, change)
    case 'update-ca':
      return updateCa(tables, change)
    case 'delete-ca':
      return deleteCa(tables, change)
    case 'create-policy':
      return createPolicy(tables, change)
    case 'create-policy-version':
      return createPolicyVersion(tables, change)
    case 'set-default-policy-version':
      return setDefaultPolicyVersion(tables, change)
    case 'delete-policy-version':
      return deletePolicyVersion(tables, change)
    case 'delete-policy':
      return deletePolicy(tables, change)
    case 'attach-policy':
      return attachPolicy(tables, change)
    case 'detach-policy':
      return detachPolicy(tables, change)
    case 'attach-thing-principal':
      return attachThingPrincipal(tables, change)
    case 'detach-thing-principal':
      return detachThingPrincipal(tables, change)
    case 'create-template':
      return createTemplate(tables, change)
    case 'delete-template':
      return deleteTemplate(tables, change)
    case 'set-registration-code':
      return setRegistrationCode(tables, change)
    case 'open-scope':
      return openScope(tables, change)
    case 'create-access-key':
      return createAccessKey(tables, change)
  }
}
