import type { Instant } from '@birthmark/foundation/kernel'
import type { AccessChange } from './access-changes.ts'
import type { CatalogChange } from './catalog-changes.ts'
import type { ProvisioningChange } from './provisioning-changes.ts'
import type {
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  CertificateStatus,
  PolicyRecord,
  RegistrationConfig,
  TemplateRecord,
  ThingRecord,
} from './records.ts'
import type { TemplateChange } from './template-changes.ts'
import type { TransferChange } from './transfer-changes.ts'

/**
 * One change of a registry. A list of them is applied whole or not at all ({@link Registry.commit}); a change whose
 * precondition does not hold is answered with its {@link ConflictReason}.
 */
export type Change =
  | AccessChange
  | ProvisioningChange
  | CatalogChange
  | TemplateChange
  | TransferChange
  /**
   * `exists` when a thing of that name is there, whatever its configuration; `target-absent` without its billing
   * group.
   */
  | { readonly do: 'create-thing'; readonly thing: ThingRecord }
  /**
   * Replaces attributes and type and counts the version up. `absent`; `version` when `expectedVersion` is not the
   * current one.
   */
  | {
      readonly do: 'update-thing'
      readonly name: string
      readonly attributes: Readonly<Record<string, string>>
      readonly typeName: string | undefined
      readonly expectedVersion?: number
      /** What it was, as far as the caller knows: for those who tell of the change. */
      readonly was?: ThingRecord
    }
  /** Nothing happens when it is absent. `attached` while certificates are attached; `version`. */
  | {
      readonly do: 'delete-thing'
      readonly name: string
      readonly expectedVersion?: number
      /** As in `update-thing`. */
      readonly was?: ThingRecord
    }
  /** `exists`. */
  | { readonly do: 'register-certificate'; readonly certificate: CertificateRecord }
  /**
   * `absent`; `state` when the current status is not one of `from`. Counts customerVersion up when the status
   * changes.
   */
  | {
      readonly do: 'set-certificate-status'
      readonly id: CertificateId
      readonly from: readonly CertificateStatus[]
      readonly to: CertificateStatus
      readonly at: Instant
    }
  /**
   * `absent`; `state` while ACTIVE; `pending-transfer`; `attached` while policies are attached and not `force`, or
   * while attached to a thing.
   */
  | { readonly do: 'delete-certificate'; readonly id: CertificateId; readonly force: boolean }
  /**
   * `exists`; `limit` when {@link CA_SAME_SUBJECT_MAX} with its subject are registered; `taken` when its mode is
   * DEFAULT and another account of the region has one with this subject and `keyHash` in that mode.
   */
  | {
      readonly do: 'register-ca'
      readonly ca: CaCertificateRecord
      /** SHA-256, lower-case hex, over the DER of the public key. */
      readonly keyHash?: string
    }
  /** `absent`. A member that is left out stays as it is; `registrationConfig: null` removes it. */
  | {
      readonly do: 'update-ca'
      readonly id: CertificateId
      readonly status?: 'ACTIVE' | 'INACTIVE'
      readonly autoRegistration?: boolean
      readonly registrationConfig?: RegistrationConfig | null
      readonly at: Instant
    }
  /** `absent`; `state` while ACTIVE. */
  | { readonly do: 'delete-ca'; readonly id: CertificateId }
  /** `exists`. Its default version is version 1. */
  | { readonly do: 'create-policy'; readonly policy: PolicyRecord }
  /** `absent`; `limit` when {@link POLICY_VERSIONS_MAX} exist. The version's id is the highest ever given plus one. */
  | {
      readonly do: 'create-policy-version'
      readonly policyName: string
      readonly document: string
      readonly setAsDefault: boolean
      readonly at: Instant
    }
  /** `absent`. */
  | {
      readonly do: 'set-default-policy-version'
      readonly policyName: string
      readonly versionId: string
      readonly at: Instant
    }
  /** `absent`; `default` for the default version. */
  | { readonly do: 'delete-policy-version'; readonly policyName: string; readonly versionId: string }
  /** `absent`; `attached` while it has targets; `versions` while it has versions that are not the default. */
  | { readonly do: 'delete-policy'; readonly name: string }
  /** Nothing happens when attached already. `absent`; `target-absent`; `limit` at {@link POLICIES_PER_TARGET_MAX}. */
  | { readonly do: 'attach-policy'; readonly policyName: string; readonly certificateId: CertificateId }
  /** Nothing happens when not attached. */
  | { readonly do: 'detach-policy'; readonly policyName: string; readonly certificateId: CertificateId }
  /**
   * Nothing happens when attached already. `absent`; `target-absent`; `exclusive` when an exclusive attachment
   * forbids it.
   */
  | {
      readonly do: 'attach-thing-principal'
      readonly thingName: string
      readonly certificateId: CertificateId
      readonly exclusive: boolean
    }
  /** `absent` when they are not attached. */
  | { readonly do: 'detach-thing-principal'; readonly thingName: string; readonly certificateId: CertificateId }
  /** `exists`. Its default version is version 1. */
  | { readonly do: 'create-template'; readonly template: TemplateRecord }
  /** `absent`; `attached` while a CA provisions its devices by it. */
  | { readonly do: 'delete-template'; readonly name: string }
  /** Sets the registration code, `exists` when there is one; `undefined` removes it. */
  | { readonly do: 'set-registration-code'; readonly code: string | undefined }
  /** Makes the scope one that is served. `exists` when it is already, or when another one has that prefix. */
  | { readonly do: 'open-scope'; readonly endpointPrefix: string; readonly at: Instant }

/** Why a change was refused. */
export type ConflictReason =
  | 'exists'
  | 'absent'
  | 'target-absent'
  | 'attached'
  | 'state'
  | 'pending-transfer'
  | 'taken'
  | 'version'
  | 'version-absent'
  | 'versions'
  | 'default'
  | 'exclusive'
  | 'depth'
  | 'limit'

/** The answer to a list of changes: all are durable, or the first one that could not be made and none is. */
export type CommitResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly index: number; readonly reason: ConflictReason }

/** CAs with one subject in a scope (AWS IoT quotas: 10). At the limit: `limit`, LimitExceededException. */
export const CA_SAME_SUBJECT_MAX = 10
/** Versions of one policy (AWS IoT quotas: 5). At the limit: `limit`, VersionsLimitExceededException. */
export const POLICY_VERSIONS_MAX = 5
/** Policies on one certificate (AWS IoT quotas: 10). At the limit: `limit`, LimitExceededException. */
export const POLICIES_PER_TARGET_MAX = 10
