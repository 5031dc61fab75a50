/** Things, certificates, CAs, policies, templates: the port and its stores. */
export { ACCESS_KEYS_MAX } from './access-changes.ts'
export type { AccessKeyRecord, AuditEntry, AuditFilter, AuditRecord } from './access-records.ts'
export {
  type CatalogChange,
  GROUPS_PER_THING_MAX,
  THING_TYPE_DEPRECATED_MIN,
} from './catalog-changes.ts'
export type { CatalogReads, GroupFilter, IndexedThing, IndexKey } from './catalog-reads.ts'
export type {
  BillingGroupRecord,
  GroupQuery,
  PropagatingAttribute,
  ThingGroupRecord,
  ThingTypeRecord,
} from './catalog-records.ts'
export { certificateId } from './certificate-id.ts'
export {
  CA_SAME_SUBJECT_MAX,
  type Change,
  type CommitResult,
  type ConflictReason,
  POLICIES_PER_TARGET_MAX,
  POLICY_VERSIONS_MAX,
} from './changes.ts'
export type { Page, PageRequest } from './pages.ts'
export type { ProvisioningReads } from './provisioning-reads.ts'
export type {
  AllowedValue,
  AllowList,
  CertificateOffer,
  DocumentKind,
  OfferedCertificate,
  ProvisioningClaim,
  StoredDocument,
} from './provisioning-records.ts'
export type {
  CaCertificateRecord,
  CertificateId,
  CertificateMode,
  CertificateRecord,
  CertificateStatus,
  CertificateTransfer,
  OpenScope,
  PolicyRecord,
  PolicyVersionRecord,
  ProvisioningHook,
  RegistrationConfig,
  Scope,
  TemplateRecord,
  TemplateVersionRecord,
  ThingPrincipal,
  ThingRecord,
} from './records.ts'
export type { Registry, ScopedChanges, ScopedRegistry, ThingFilter } from './registry.ts'
