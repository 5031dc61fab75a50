import type { Brand, Instant } from '@birthmark/foundation/kernel'

/** 64 lower-case hex digits: SHA-256 over the certificate's DER (AWS IoT API, CertificateId). */
export type CertificateId = Brand<string, 'CertificateId'>

/** An AWS account and region: everything in a registry belongs to exactly one. */
export interface Scope {
  /** 12 decimal digits. */
  readonly account: string
  readonly region: string
}

/** A scope that is served: an account that has this region, and the name by which its clients find it. */
export interface OpenScope {
  readonly scope: Scope
  /**
   * First label of the scope's own host name, unique in the registry (AWS IoT API, DescribeEndpoint:
   * `account-specific-prefix.iot.aws-region.amazonaws.com`). 1 to 63 of `a-z 0-9 -`.
   */
  readonly endpointPrefix: string
  readonly openedAt: Instant
}

/** Where a device certificate stands (AWS IoT API, CertificateStatus); only `ACTIVE` lets a device connect. */
export type CertificateStatus = 'ACTIVE' | 'INACTIVE' | 'REVOKED' | 'PENDING_TRANSFER' | 'PENDING_ACTIVATION'
/** `SNI_ONLY`: the certificate is only known to a client that sends the endpoint's full name as SNI. */
export type CertificateMode = 'DEFAULT' | 'SNI_ONLY'

/** A device certificate that the cloud knows. */
export interface CertificateRecord {
  readonly id: CertificateId
  readonly pem: string
  readonly status: CertificateStatus
  readonly mode: CertificateMode
  /** The registered CA that issued it; absent for certificates registered without CA and for those the cloud issued. */
  readonly caId: CertificateId | undefined
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly createdAt: Instant
  readonly modifiedAt: Instant
  /** Counts the changes of this record, from 1. */
  readonly customerVersion: number
  readonly generationId: string
}

/** What provisions a device of a CA at its first connection: a template's text, or the name of one. */
export interface RegistrationConfig {
  readonly templateBody: string | undefined
  readonly roleArn: string | undefined
  readonly templateName: string | undefined
}

/** A registered issuing CA. */
export interface CaCertificateRecord {
  readonly id: CertificateId
  readonly pem: string
  /** SHA-256, lower-case hex, over the DER of the subject name: how an issuer is found from a device certificate. */
  readonly subjectHash: string
  readonly status: 'ACTIVE' | 'INACTIVE'
  readonly mode: CertificateMode
  readonly autoRegistration: boolean
  readonly registrationConfig: RegistrationConfig | undefined
  readonly notBefore: Instant
  readonly notAfter: Instant
  readonly createdAt: Instant
  readonly modifiedAt: Instant
  readonly customerVersion: number
  readonly generationId: string
}

/** A policy and the version of it that is in force. */
export interface PolicyRecord {
  readonly name: string
  /** Text of the default version, exactly as it was given. */
  readonly document: string
  readonly defaultVersionId: string
  readonly createdAt: Instant
  readonly modifiedAt: Instant
  readonly generationId: string
}

/** One version of a policy; versions never change. */
export interface PolicyVersionRecord {
  readonly policyName: string
  readonly versionId: string
  readonly document: string
  readonly isDefault: boolean
  readonly createdAt: Instant
}

/** The registry's entry for a device. */
export interface ThingRecord {
  readonly name: string
  /** UUID. */
  readonly id: string
  readonly typeName: string | undefined
  readonly billingGroupName?: string
  readonly attributes: Readonly<Record<string, string>>
  /** Counts the changes of this record, from 1. */
  readonly version: number
  readonly createdAt: Instant
}

/** A thing and a certificate that belong together. */
export interface ThingPrincipal {
  readonly thingName: string
  readonly certificateId: CertificateId
  /** `EXCLUSIVE_THING`: the certificate may be attached to no other thing. */
  readonly exclusive: boolean
}

/** A transfer of a certificate between two accounts of one region, as one of them sees it. */
export interface CertificateTransfer {
  readonly certificateId: CertificateId
  /** The certificate comes, or came, from {@link account}; otherwise it is offered to it. */
  readonly isIncoming: boolean
  readonly account: string
  readonly message: string | undefined
  readonly rejectReason: string | undefined
  /** When the certificate was made in this account. */
  readonly createdAt: Instant
  readonly sentAt: Instant
  readonly acceptedAt: Instant | undefined
  readonly rejectedAt: Instant | undefined
}

/** The function that is asked before a device is provisioned (AWS IoT API, ProvisioningHook). */
export interface ProvisioningHook {
  readonly payloadVersion: string | undefined
  readonly targetArn: string
}

/** One version of a provisioning template; versions never change. */
export interface TemplateVersionRecord {
  readonly templateName: string
  readonly versionId: number
  readonly body: string
  readonly isDefault: boolean
  readonly createdAt: Instant
}

/** A named provisioning template and the version of it that is in force. */
export interface TemplateRecord {
  readonly name: string
  readonly type: 'FLEET_PROVISIONING' | 'JITP'
  readonly description: string
  readonly enabled: boolean
  readonly roleArn: string
  /** Text of the default version. */
  readonly body: string
  readonly defaultVersionId: number
  readonly preProvisioningHook?: ProvisioningHook | undefined
  readonly createdAt: Instant
  readonly modifiedAt: Instant
}
