import type { AccessKeyRecord, AuditFilter, AuditRecord } from './access-records.ts'
import type { CatalogReads } from './catalog-reads.ts'
import type { Change, CommitResult } from './changes.ts'
import type { Page, PageRequest } from './pages.ts'
import type { ProvisioningReads } from './provisioning-reads.ts'
import type {
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  OpenScope,
  PolicyRecord,
  PolicyVersionRecord,
  Scope,
  TemplateRecord,
  TemplateVersionRecord,
  ThingPrincipal,
  ThingRecord,
} from './records.ts'
import type { TransferReads } from './transfer-reads.ts'

/**
 * The store of everything the control plane knows: things, certificates, CAs, policies, templates. Reads see every
 * change whose {@link commit} has resolved. One conformance suite holds for every implementation.
 */
export interface Registry {
  /**
   * The account and region that an access key or a host name belongs to are resolved by the caller.
   *
   * @param alongside Gives changes that go with each commit, after its own and in one transaction with them.
   */
  in(scope: Scope, alongside?: () => readonly Change[]): ScopedRegistry
  /** Gives the access key with this id in any scope, with its scope. */
  accessKey(id: string): Promise<{ readonly key: AccessKeyRecord; readonly scope: Scope } | undefined>
  /** Gives every scope that is served, in the order in which they were opened. */
  openScopes(): Promise<readonly OpenScope[]>
  /** Gives the audit log of an account, newest first. */
  audit(account: string, filter: AuditFilter): Promise<readonly AuditRecord[]>
  /** Calls `listener` after each durable commit, in commit order. Gives the function that ends it. */
  onCommit(listener: (scope: Scope, changes: readonly Change[]) => void): () => void
  close(): Promise<void>
}

/** One account and region of a {@link Registry}. */
export interface ScopedRegistry {
  readonly scope: Scope
  /** Offers, claims, allow-lists, and the records without tables of their own. */
  readonly provisioning: ProvisioningReads
  /** Thing types, thing groups, billing groups, tags, and the index over things. */
  readonly catalog: CatalogReads
  /** Certificates on their way between accounts. */
  readonly transfers: TransferReads
  /**
   * Applies `changes` in order, whole or not at all. When it resolves with `ok`, they are on disk.
   *
   * @throws `DISK_FULL` and other faults of the store: then none is applied
   */
  commit(changes: readonly Change[]): Promise<CommitResult>
  /**
   * Applies `changes` here and those of another scope after them, all or none: what crosses accounts. A conflict's
   * index counts through both. Listeners hear of both scopes, this one first.
   *
   * @throws as {@link commit}
   */
  commitWith(changes: readonly Change[], other: ScopedChanges): Promise<CommitResult>

  certificate(id: CertificateId): Promise<CertificateRecord | undefined>
  certificates(page: PageRequest): Promise<Page<CertificateRecord>>
  certificatesByCa(caId: CertificateId, page: PageRequest): Promise<Page<CertificateRecord>>

  caCertificate(id: CertificateId): Promise<CaCertificateRecord | undefined>
  caCertificates(page: PageRequest): Promise<Page<CaCertificateRecord>>
  /** Gives every CA, at most {@link CA_SAME_SUBJECT_MAX}, whose subject has this hash. */
  caCertificatesBySubject(subjectHash: string): Promise<readonly CaCertificateRecord[]>

  policy(name: string): Promise<PolicyRecord | undefined>
  policies(page: PageRequest): Promise<Page<PolicyRecord>>
  policyVersions(name: string): Promise<readonly PolicyVersionRecord[]>
  /** Gives the policies attached to a certificate, by name. */
  attachedPolicies(certificateId: CertificateId): Promise<readonly PolicyRecord[]>
  policyTargets(policyName: string, page: PageRequest): Promise<Page<CertificateId>>

  thing(name: string): Promise<ThingRecord | undefined>
  /** A page that is filtered by attribute may be short, even empty, and still have a `next`. */
  things(page: PageRequest & ThingFilter): Promise<Page<ThingRecord>>
  principalsOfThing(thingName: string): Promise<readonly ThingPrincipal[]>
  thingsOfPrincipal(certificateId: CertificateId): Promise<readonly ThingPrincipal[]>

  template(name: string): Promise<TemplateRecord | undefined>
  templates(page: PageRequest): Promise<Page<TemplateRecord>>
  templateVersions(name: string): Promise<readonly TemplateVersionRecord[]>
  /** Gives the id that the next version of a template gets: the highest ever given plus one. */
  nextTemplateVersionId(name: string): Promise<number | undefined>

  registrationCode(): Promise<string | undefined>
  accessKeys(): Promise<readonly AccessKeyRecord[]>
}

/** A list of changes and the scope that they are for. */
export interface ScopedChanges {
  readonly scope: Scope
  readonly changes: readonly Change[]
}

/** Narrows a list of things; every member that is there must fit. */
export interface ThingFilter {
  readonly attributeName?: string
  readonly attributeValue?: string
  /** Whether values that only begin with `attributeValue` fit. */
  readonly valueIsPrefix?: boolean
  readonly typeName?: string
}
