import type { Instant } from '@birthmark/foundation/kernel'
import type { CertificateId, CertificateRecord } from './records.ts'

/** A certificate that fleet provisioning made and whose device has not proved yet that it is provisioned. */
export interface CertificateOffer {
  readonly certificateId: CertificateId
  /** SHA-256 of the ownership token, lower-case hex; the token itself is kept nowhere. */
  readonly tokenHash: string
  /** Who asked: the id of the claim certificate, or what else tells clients apart. */
  readonly principal: string
  readonly expiresAt: Instant
  /** Hash of the request that the certificate was provisioned by; `undefined` while it was not. */
  readonly usedFor: string | undefined
}

/** An offer with what was offered. */
export interface OfferedCertificate {
  readonly offer: CertificateOffer
  readonly certificate: CertificateRecord
}

/** A short-lived certificate with which a trusted user lets one device ask for its own (CreateProvisioningClaim). */
export interface ProvisioningClaim {
  readonly certificateId: CertificateId
  readonly templateName: string
  /** What it may do, as a policy document. */
  readonly policyDocument: string
  readonly expiresAt: Instant
}

/** The values that a parameter of a template may have in fleet provisioning. */
export interface AllowList {
  readonly name: string
  readonly templateName: string
  /** The parameter that is looked up, for example `SerialNumber`. */
  readonly parameter: string
  /** Each value provisions one certificate; another is refused until the value is allowed again. */
  readonly once: boolean
  readonly createdAt: Instant
}

/** One value of an {@link AllowList}. */
export interface AllowedValue {
  readonly value: string
  /** The certificate that was provisioned with it last. */
  readonly usedBy: CertificateId | undefined
}

/** What a {@link StoredDocument} describes; the rooms that use it know its form. */
export type DocumentKind =
  | 'function'
  | 'topic-rule'
  | 'registration-task'
  | 'role-alias'
  | 'domain-configuration'
  | 'certificate-provider'
  | 'authorizer'
  | 'setting'

/** A record of a family that has no tables of its own. */
export interface StoredDocument {
  readonly kind: DocumentKind
  /** Unique in its kind and scope. */
  readonly name: string
  /** JSON. */
  readonly body: string
  readonly createdAt: Instant
  /** What no other document of its kind has, in any account and region: a domain name, say. Absent without such. */
  readonly uniqueKey?: string
}
