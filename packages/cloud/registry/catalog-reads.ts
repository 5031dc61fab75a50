import type { BillingGroupRecord, ThingGroupRecord, ThingTypeRecord } from './catalog-records.ts'
import type { Page, PageRequest } from './pages.ts'
import type { PolicyRecord, ThingRecord } from './records.ts'

/** What is kept of thing types, thing groups, billing groups and tags in one account and region. */
export interface CatalogReads {
  thingType(name: string): Promise<ThingTypeRecord | undefined>
  thingTypes(page: PageRequest): Promise<Page<ThingTypeRecord>>

  thingGroup(name: string): Promise<ThingGroupRecord | undefined>
  thingGroups(page: PageRequest & GroupFilter): Promise<Page<ThingGroupRecord>>
  /** Gives the groups above one, the root first. */
  groupsAbove(name: string): Promise<readonly ThingGroupRecord[]>
  /** Gives every group that has a query, oldest first. */
  dynamicGroups(): Promise<readonly ThingGroupRecord[]>
  /** Gives the static groups that a thing is in directly, by name. */
  groupsOfThing(thingName: string): Promise<readonly ThingGroupRecord[]>
  /** Gives names of things in a static group, with those of the groups below it when `recursive`. */
  thingsInGroup(name: string, page: PageRequest & { readonly recursive: boolean }): Promise<Page<string>>

  /** Gives the policies on a group, by name. */
  policiesOfGroup(name: string): Promise<readonly PolicyRecord[]>
  /** Gives the policies on the groups of a thing and on those above them, by name. */
  policiesOfThing(thingName: string): Promise<readonly PolicyRecord[]>
  /** Gives the names of the groups of a thing and of those above them. */
  groupNamesAround(thingName: string): Promise<readonly string[]>
  groupsOfPolicy(policyName: string, page: PageRequest): Promise<Page<string>>

  billingGroup(name: string): Promise<BillingGroupRecord | undefined>
  billingGroups(page: PageRequest & { readonly namePrefix?: string }): Promise<Page<BillingGroupRecord>>
  thingsInBillingGroup(name: string, page: PageRequest): Promise<Page<string>>

  /** Gives the tags of a resource by key. @param resource As in the change `tag` */
  tags(resource: string): Promise<Readonly<Record<string, string>>>

  /** Gives a page of the things that `by` finds in an index, with their static groups; upper and lower case are one. */
  indexed(by: IndexKey, page: PageRequest): Promise<Page<IndexedThing>>
}

/** Narrows a list of thing groups. */
export interface GroupFilter {
  readonly parentName?: string
  readonly namePrefix?: string
  /** With a parent: the groups below its children too. Without one: groups of every level, else of the first. */
  readonly recursive: boolean
}

/** Which things a search has to look at. */
export type IndexKey =
  | { readonly by: 'everything' }
  | { readonly by: 'name' | 'type' | 'group' | 'billing-group'; readonly value: string }
  | { readonly by: 'attribute'; readonly name: string; readonly value: string }

/** A thing as a search sees it. */
export interface IndexedThing {
  readonly thing: ThingRecord
  readonly groupNames: readonly string[]
}
