import type { Instant } from '@birthmark/foundation/kernel'
import type {
  BillingGroupRecord,
  GroupQuery,
  PropagatingAttribute,
  ThingGroupRecord,
  ThingTypeRecord,
} from './catalog-records.ts'

/** The changes of thing types, thing groups, billing groups and tags. */
export type CatalogChange =
  /** `exists`. */
  | { readonly do: 'create-thing-type'; readonly type: ThingTypeRecord }
  /** A member that is left out stays as it is. `absent`. */
  | {
      readonly do: 'update-thing-type'
      readonly name: string
      readonly description?: string
      readonly searchableAttributes?: readonly string[]
      readonly propagatingAttributes?: readonly PropagatingAttribute[]
    }
  /** `at` undefined takes the deprecation back. `absent`. */
  | { readonly do: 'deprecate-thing-type'; readonly name: string; readonly at: Instant | undefined }
  /**
   * `absent`; `state` unless deprecated for {@link THING_TYPE_DEPRECATED_MIN} at least; `attached` while things have
   * it.
   */
  | {
      readonly do: 'delete-thing-type'
      readonly name: string
      readonly at: Instant
      /** What it was, as far as the caller knows: for those who tell of the change. */
      readonly was?: ThingTypeRecord
    }
  /**
   * `exists`; `target-absent` when there is no such parent; `state` when the parent has a query; `depth` below
   * {@link GROUP_DEPTH_MAX} levels; `limit` at {@link GROUP_CHILDREN_MAX} or {@link DYNAMIC_GROUPS_MAX}.
   */
  | { readonly do: 'create-thing-group'; readonly group: ThingGroupRecord }
  /** `absent`, also when it is of the other kind; `version`. */
  | {
      readonly do: 'update-thing-group'
      readonly name: string
      readonly description: string | undefined
      readonly attributes: Readonly<Record<string, string>>
      readonly query: GroupQuery | undefined
      readonly expectedVersion?: number
    }
  /**
   * Its things and policies leave it. Nothing happens when it is absent. `version`; `state` when it is of the other
   * kind;
   * `attached` while it has children.
   */
  | {
      readonly do: 'delete-thing-group'
      readonly name: string
      readonly dynamic: boolean
      readonly expectedVersion?: number
      /** As in `delete-thing-type`, with the groups above it, the root first. */
      readonly was?: { readonly group: ThingGroupRecord; readonly above: readonly ThingGroupRecord[] }
    }
  /**
   * Nothing happens when it is in it already. `absent`; `target-absent`; `state` when the group is dynamic; `exclusive`
   * when the thing is in another group of the same hierarchy; `limit` at {@link GROUPS_PER_THING_MAX}.
   */
  | { readonly do: 'add-to-thing-group'; readonly thingName: string; readonly groupName: string }
  /** Nothing happens when it is not in it. `absent`; `target-absent`; `state` when the group is dynamic. */
  | { readonly do: 'remove-from-thing-group'; readonly thingName: string; readonly groupName: string }
  /** Nothing happens when attached already. `absent`; `target-absent`; `state` when dynamic; `limit`. */
  | { readonly do: 'attach-group-policy'; readonly policyName: string; readonly groupName: string }
  /** Nothing happens when not attached. */
  | { readonly do: 'detach-group-policy'; readonly policyName: string; readonly groupName: string }
  /** `exists`. */
  | { readonly do: 'create-billing-group'; readonly billingGroup: BillingGroupRecord }
  /** `absent`; `version`. */
  | {
      readonly do: 'update-billing-group'
      readonly name: string
      readonly description: string | undefined
      readonly expectedVersion?: number
    }
  /** Its things leave it. Nothing happens when it is absent. `version`. */
  | { readonly do: 'delete-billing-group'; readonly name: string; readonly expectedVersion?: number }
  /** Puts a thing into a billing group instead of the one it is in, or into none. `absent`; `target-absent`. */
  | { readonly do: 'set-billing-group'; readonly thingName: string; readonly groupName: string | undefined }
  /**
   * Adds tags, or replaces their values. They go with what they are on. `limit` at {@link TAGS_MAX}.
   *
   * @param resource What is tagged, as the end of its ARN: `thinggroup/north`
   */
  | { readonly do: 'tag'; readonly resource: string; readonly tags: Readonly<Record<string, string>> }
  /** Nothing happens for keys that are not there. */
  | { readonly do: 'untag'; readonly resource: string; readonly keys: readonly string[] }

/** How long a thing type is deprecated before it can be deleted, in ms (AWS IoT API, DeleteThingType: 5 minutes). */
export const THING_TYPE_DEPRECATED_MIN = 300_000
/** Levels of a hierarchy of thing groups (AWS IoT quotas: 7). At the limit: `depth`. */
export const GROUP_DEPTH_MAX = 7
/** Direct children of one thing group (AWS IoT quotas: 100). At the limit: `limit`. */
export const GROUP_CHILDREN_MAX = 100
/** Dynamic thing groups of an account (AWS IoT quotas: 100). At the limit: `limit`. */
export const DYNAMIC_GROUPS_MAX = 100
/** Thing groups that one thing is in (AWS IoT quotas: 10). At the limit: `limit`. */
export const GROUPS_PER_THING_MAX = 10
/** Policies on one thing group (AWS IoT quotas: 2). At the limit: `limit`. */
export const POLICIES_PER_GROUP_MAX = 2
/** Tags on one resource (AWS tagging: 50). At the limit: `limit`. */
export const TAGS_MAX = 50
