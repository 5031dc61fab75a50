import type {
  CertificateRecord,
  CertificateStatus,
  Change,
  PolicyRecord,
  Scope,
  ThingPrincipal,
  ThingRecord,
  ThingTypeRecord,
} from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import type { SubjectAttribute } from './subject-parameters.ts'

/** What a plan is made for, and with. */
export interface ProvisioningInputs {
  /** What the device or the caller sent; without meaning at a first connection. */
  readonly parameters: ReadonlyMap<string, string>
  /** The certificate as it is registered, or as it is to be registered. */
  readonly certificate: CertificateRecord
  /** The certificate's subject, in the order of its encoding. */
  readonly subject: readonly SubjectAttribute[]
  readonly scope: Scope
  readonly now: Instant
  /** Gives a fresh UUID at each call. */
  readonly uuid: () => string
  /** Gives the SHA-256 of its argument. */
  readonly sha256: (content: Uint8Array) => Uint8Array
}

/** What the registry holds of the resources that a template names. */
export interface ExistingResources {
  /** `undefined` when it is not registered yet: then the plan begins with that. */
  readonly certificate: CertificateRecord | undefined
  readonly thing: ThingRecord | undefined
  /** The thing type that the template names. */
  readonly thingType: ThingTypeRecord | undefined
  /** Those of the template's thing groups that exist. */
  readonly groups: readonly ExistingGroup[]
  /** The static groups that the thing is in. */
  readonly groupsOfThing: readonly ExistingGroup[]
  /** Whether the billing group that the template names exists. */
  readonly hasBillingGroup: boolean
  /** Those of the template's policies that exist. */
  readonly policies: readonly PolicyRecord[]
  /** Names of the policies on the certificate. */
  readonly attachedPolicies: readonly string[]
  /** The things that the certificate is attached to. */
  readonly attachedThings: readonly ThingPrincipal[]
}

/** A thing group, as far as a plan has to know it. */
export interface ExistingGroup {
  readonly name: string
  /** Whether a query decides who is in it. */
  readonly isDynamic: boolean
  /** The topmost group above it, or itself: a thing is in one group of a hierarchy. */
  readonly root: string
}

/** The changes that a plan is made of. */
export type PlannedChange = Extract<
  Change,
  {
    readonly do:
      | 'register-certificate'
      | 'create-thing'
      | 'update-thing'
      | 'add-to-thing-group'
      | 'remove-from-thing-group'
      | 'create-policy'
      | 'attach-policy'
      | 'attach-thing-principal'
      | 'detach-thing-principal'
      | 'set-certificate-status'
  }
>

/** What has to be done so that a device has what its template says. */
export interface ProvisioningPlan {
  /** To be committed as one list; empty when everything is there. */
  readonly changes: readonly PlannedChange[]
  readonly thingName: string | undefined
  /** The certificate's status after the changes. */
  readonly status: CertificateStatus
  /** The ARN of each resource, by its logical name. */
  readonly resourceArns: Readonly<Record<string, string>>
  readonly deviceConfiguration: Readonly<Record<string, string>>
  /** One line for each decision: what happens to a resource and why. */
  readonly explanation: readonly string[]
}

/** One decision of a plan. */
export interface PlanStep {
  readonly changes: readonly PlannedChange[]
  readonly because: string
}
