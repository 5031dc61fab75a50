import type { Instant } from '@birthmark/foundation/kernel'

/** One attribute that the broker adds to what things of a type publish (AWS IoT API, PropagatingAttribute). */
export interface PropagatingAttribute {
  readonly userPropertyKey: string
  readonly thingAttribute?: string
  readonly connectionAttribute?: string
}

/** What things of one kind have in common. */
export interface ThingTypeRecord {
  readonly name: string
  /** UUID. */
  readonly id: string
  readonly description: string | undefined
  readonly searchableAttributes: readonly string[]
  readonly propagatingAttributes: readonly PropagatingAttribute[]
  readonly createdAt: Instant
  /** Since when no thing may be given this type. */
  readonly deprecatedAt: Instant | undefined
}

/** What makes the members of a dynamic thing group: a query over the index. */
export interface GroupQuery {
  readonly text: string
  readonly index: string
  readonly version: string
}

/** A thing group; static when it has no query. */
export interface ThingGroupRecord {
  readonly name: string
  /** UUID. */
  readonly id: string
  readonly parentName: string | undefined
  readonly description: string | undefined
  readonly attributes: Readonly<Record<string, string>>
  readonly query: GroupQuery | undefined
  /** Counts the changes of this record, from 1. */
  readonly version: number
  readonly createdAt: Instant
}

/** A group that things are billed by. */
export interface BillingGroupRecord {
  readonly name: string
  /** UUID. */
  readonly id: string
  readonly description: string | undefined
  /** Counts the changes of this record, from 1. */
  readonly version: number
  readonly createdAt: Instant
}
