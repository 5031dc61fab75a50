import type { Instant } from '@birthmark/foundation/kernel'
import type { ProvisioningHook } from './records.ts'

/** The changes of a provisioning template after it was made, and of its versions. */
export type TemplateChange =
  /**
   * A member that is left out stays as it is; `preProvisioningHook: null` removes it. `absent`; `version-absent` when
   * it has no version `defaultVersionId`.
   */
  | {
      readonly do: 'update-template'
      readonly name: string
      readonly description?: string
      readonly enabled?: boolean
      readonly roleArn?: string
      readonly defaultVersionId?: number
      readonly preProvisioningHook?: ProvisioningHook | null
      readonly at: Instant
    }
  /**
   * `absent`; `limit` when {@link TEMPLATE_VERSIONS_MAX} exist; `version` when `expectedVersionId`, the highest id ever
   * given plus one, is not what the version would get.
   */
  | {
      readonly do: 'create-template-version'
      readonly templateName: string
      readonly body: string
      readonly setAsDefault: boolean
      readonly expectedVersionId: number
      readonly at: Instant
    }
  /** `absent`; `version-absent`; `default` for the default version. */
  | { readonly do: 'delete-template-version'; readonly templateName: string; readonly versionId: number }

/** Versions of one provisioning template (AWS IoT quotas: 5). At the limit: `limit`, VersionsLimitExceededException. */
export const TEMPLATE_VERSIONS_MAX = 5
