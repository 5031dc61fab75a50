import type { Change, ConflictReason } from '../changes.ts'
import { createAccessKey, recordAudit, revokeAccessKey } from './apply-access.ts'
import { applyCatalogChange } from './apply-catalog.ts'
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
import { applyProvisioningChange } from './apply-provisioning.ts'
import { openScope, setRegistrationCode } from './apply-settings.ts'
import {
  createTemplate,
  createTemplateVersion,
  deleteTemplate,
  deleteTemplateVersion,
  updateTemplate,
} from './apply-templates.ts'
import { attachThingPrincipal, createThing, deleteThing, detachThingPrincipal, updateThing } from './apply-things.ts'
import {
  acceptCertificate,
  receiveCertificate,
  removeTransferred,
  returnCertificate,
  sendCertificate,
} from './apply-transfers.ts'
import type { ChangeOf, ScopedTables } from './scoped-tables.ts'

/**
 * Makes one change inside the open transaction. What it changed before it found a conflict is the caller's to undo.
 *
 * @returns why it could not be made; `undefined` when it was
 */
export function applyChange(tables: ScopedTables, change: Change): ConflictReason | undefined {
  const apply = APPLY.get(change.do)
  if (apply === undefined) throw new RangeError(`no registry knows the change ${change.do}`)
  return apply(tables, change)
}

/** How each change is made. */
const ROWS: {
  readonly [Name in Change['do']]: (tables: ScopedTables, change: ChangeOf<Name>) => ConflictReason | undefined
} = {
  'create-thing': createThing,
  'update-thing': updateThing,
  'delete-thing': deleteThing,
  'register-certificate': registerCertificate,
  'set-certificate-status': setCertificateStatus,
  'delete-certificate': deleteCertificate,
  'register-ca': registerCa,
  'update-ca': updateCa,
  'delete-ca': deleteCa,
  'create-policy': createPolicy,
  'create-policy-version': createPolicyVersion,
  'set-default-policy-version': setDefaultPolicyVersion,
  'delete-policy-version': deletePolicyVersion,
  'delete-policy': deletePolicy,
  'attach-policy': attachPolicy,
  'detach-policy': detachPolicy,
  'attach-thing-principal': attachThingPrincipal,
  'detach-thing-principal': detachThingPrincipal,
  'set-registration-code': setRegistrationCode,
  'open-scope': openScope,
  'create-template': createTemplate,
  'delete-template': deleteTemplate,
  'update-template': updateTemplate,
  'create-template-version': createTemplateVersion,
  'delete-template-version': deleteTemplateVersion,
  'send-certificate': sendCertificate,
  'receive-certificate': receiveCertificate,
  'accept-certificate': acceptCertificate,
  'return-certificate': returnCertificate,
  'remove-transferred': removeTransferred,
  'create-access-key': createAccessKey,
  'revoke-access-key': revokeAccessKey,
  'record-audit': recordAudit,
  'offer-certificate': applyProvisioningChange,
  'use-offer': applyProvisioningChange,
  'end-offer': applyProvisioningChange,
  'create-claim': applyProvisioningChange,
  'end-claim': applyProvisioningChange,
  'create-allow-list': applyProvisioningChange,
  'delete-allow-list': applyProvisioningChange,
  'allow-values': applyProvisioningChange,
  'disallow-value': applyProvisioningChange,
  'use-allowed-value': applyProvisioningChange,
  'create-document': applyProvisioningChange,
  'replace-document': applyProvisioningChange,
  'delete-document': applyProvisioningChange,
  'create-thing-type': applyCatalogChange,
  'update-thing-type': applyCatalogChange,
  'deprecate-thing-type': applyCatalogChange,
  'delete-thing-type': applyCatalogChange,
  'create-thing-group': applyCatalogChange,
  'update-thing-group': applyCatalogChange,
  'delete-thing-group': applyCatalogChange,
  'add-to-thing-group': applyCatalogChange,
  'remove-from-thing-group': applyCatalogChange,
  'attach-group-policy': applyCatalogChange,
  'detach-group-policy': applyCatalogChange,
  'create-billing-group': applyCatalogChange,
  'update-billing-group': applyCatalogChange,
  'delete-billing-group': applyCatalogChange,
  'set-billing-group': applyCatalogChange,
  tag: applyCatalogChange,
  untag: applyCatalogChange,
}

/** Any of them: a method's parameters are bivariant in TypeScript, and a change finds its row by its own name. */
type Apply = { apply(tables: ScopedTables, change: Change): ConflictReason | undefined }['apply']

const APPLY: ReadonlyMap<string, Apply> = new Map<string, Apply>(Object.entries(ROWS))
