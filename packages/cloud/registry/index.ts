/** Things, certificates, CAs, policies, templates: the port and its stores. */
export { certificateId } from './certificate-id.ts'
export {
  CA_SAME_SUBJECT_MAX,
  type Change,
  type CommitResult,
  type ConflictReason,
  POLICIES_PER_TARGET_MAX,
  POLICY_VERSIONS_MAX,
} from './changes.ts'
export type {
  AccessKeyRecord,
  CaCertificateRecord,
  CertificateId,
  CertificateMode,
  CertificateRecord,
  CertificateStatus,
  OpenScope,
  PolicyRecord,
  PolicyVersionRecord,
  RegistrationConfig,
  Scope,
  TemplateRecord,
  ThingPrincipal,
  ThingRecord,
} from './records.ts'
export type { Page, PageRequest, Registry, ScopedRegistry, ThingFilter } from './registry.ts'
