import type { Change, CommitResult } from './changes.ts'
import type {
  AccessKeyRecord,
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  OpenScope,
  PolicyRecord,
  PolicyVersionRecord,
  Scope,
  TemplateRecord,
  ThingPrincipal,
  ThingRecord,
} from './records.ts'

/**
 * The store of everything the control plane knows: things, certificates, CAs, policies, templates. Reads see every
 * change whose {@link commit} has resolved. One conformance suite holds for every implementation.
 */
export interface Registry {
  /** The account and region that an access key or a host name belongs to are resolved by the caller. */
  in(scope: Scope): ScopedRegistry
  /** Gives the access key with this id in any scope, with its scope. */
  accessKey(id: string): Promise<{ readonly key: AccessKeyRecord; readonly scope: Scope } | undefined>
  /** Gives every scope that is served, in the order in which they were opened. */
  openScopes(): Promise<readonly OpenScope[]>
  /** Calls `listener` after each durable commit, in commit order. Gives the function that ends it. */
  onCommit(listener: (scope: Scope, changes: readonly Change[]) => void): () => void
  close(): Promise<void>
}

/** One account and region of a {@link Registry}. */
export interface ScopedRegistry {
  readonly scope: Scope
  /**
   * Applies `changes` in order, whole or not at all. When it resolves with `ok`, they are on disk.
   *
   * @throws `DISK_FULL` and other faults of the store: then none is applied
   */
  commit(changes: readonly Change[]): Promise<CommitResult>

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

  registrationCode(): Promise<string | undefined>
  accessKeys(): Promise<readonly AccessKeyRecord[]>
}

/** Which part of a list is wanted. */
export interface PageRequest {
  /** 1 to 250. */
  readonly limit: number
  /** The `next` of the page before; absent for the first. It stays valid across a restart. */
  readonly after?: string
  readonly ascending?: boolean
}

/** A part of a list, and where the rest begins. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly next: string | undefined
}

/** Narrows a list of things; every member that is there must fit. */
export interface ThingFilter {
  readonly attributeName?: string
  readonly attributeValue?: string
  readonly typeName?: string
}
