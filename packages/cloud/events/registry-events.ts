import type { Instant } from '@birthmark/foundation/kernel'
import type { AwsEvent } from './event.ts'

/*
 * Registry events (AWS IoT Core developer guide, Registry events): off until UpdateEventConfigurations turns their
 * kind on.
 * Moments are milliseconds.
 */

/** What every registry event says first. */
export interface EventHead {
  /** UUID. */
  readonly eventId: string
  readonly at: Instant
  readonly account: string
  readonly region: string
}

/** What became of something. */
export type Operation = 'CREATED' | 'UPDATED' | 'DELETED'

/** A thing, as events tell of it. */
export interface ThingFacts {
  readonly name: string
  readonly id: string
  readonly version: number
  readonly typeName: string | undefined
  readonly attributes: Readonly<Record<string, string>>
}

/** A thing type, as events tell of it. */
export interface ThingTypeFacts {
  readonly name: string
  readonly id: string
  readonly description: string | undefined
  readonly searchableAttributes: readonly string[]
  readonly deprecatedAt: Instant | undefined
}

/** A thing group, as events tell of it. */
export interface ThingGroupFacts {
  readonly name: string
  readonly id: string
  readonly version: number
  readonly parent: { readonly name: string; readonly id: string } | undefined
  readonly description: string | undefined
  readonly attributes: Readonly<Record<string, string>>
  /** The groups above it, the root first. */
  readonly above: readonly { readonly name: string; readonly id: string }[]
  readonly isDynamic: boolean
}

/** A thing was created, changed or deleted. */
export function thingEvent(head: EventHead, operation: Operation, thing: ThingFacts): AwsEvent {
  return {
    topic: `$aws/events/thing/${thing.name}/${operation.toLowerCase()}`,
    payload: {
      ...leading('THING_EVENT', head, operation),
      accountId: head.account,
      thingId: thing.id,
      thingName: thing.name,
      versionNumber: thing.version,
      thingTypeName: thing.typeName ?? null,
      attributes: thing.attributes,
    },
  }
}

/** A thing was given a type, or lost it. */
export function typeAssociationEvent(
  head: EventHead,
  operation: 'ADDED' | 'REMOVED',
  thing: Pick<ThingFacts, 'name' | 'id'>,
  thingTypeName: string,
): AwsEvent {
  return {
    topic: `$aws/events/thingTypeAssociation/thing/${thing.name}/thingType/${thingTypeName}/${operation.toLowerCase()}`,
    payload: {
      ...leading('THING_TYPE_ASSOCIATION_EVENT', head, operation),
      thingId: thing.id,
      thingName: thing.name,
      thingTypeName,
    },
  }
}

/** A thing type was created, changed, deprecated or deleted. */
export function thingTypeEvent(head: EventHead, operation: Operation, type: ThingTypeFacts): AwsEvent {
  return {
    topic: `$aws/events/thingType/${type.name}/${operation.toLowerCase()}`,
    payload: {
      ...leading('THING_TYPE_EVENT', head, operation),
      accountId: head.account,
      thingTypeId: type.id,
      thingTypeName: type.name,
      isDeprecated: type.deprecatedAt !== undefined,
      deprecationDate: type.deprecatedAt ?? null,
      searchableAttributes: type.searchableAttributes,
      description: type.description ?? null,
    },
  }
}

/** A thing group was created, changed or deleted. */
export function thingGroupEvent(head: EventHead, operation: Operation, group: ThingGroupFacts): AwsEvent {
  return {
    topic: `$aws/events/thingGroup/${group.name}/${operation.toLowerCase()}`,
    payload: {
      ...leading('THING_GROUP_EVENT', head, operation),
      accountId: head.account,
      thingGroupId: group.id,
      thingGroupName: group.name,
      versionNumber: group.version,
      parentGroupName: group.parent?.name ?? null,
      parentGroupId: group.parent?.id ?? null,
      description: group.description ?? null,
      rootToParentThingGroups: group.above.map(({ name, id }) => ({
        groupArn: arn(head, 'thinggroup', name),
        groupId: id,
      })),
      attributes: group.attributes,
      dynamicGroupMappingId: group.isDynamic ? group.id : null,
    },
  }
}

/** A thing came into a static group, or left it. */
export function membershipEvent(
  head: EventHead,
  operation: 'ADDED' | 'REMOVED',
  thing: Pick<ThingFacts, 'name' | 'id'>,
  group: Pick<ThingGroupFacts, 'name' | 'id'>,
): AwsEvent {
  const what = operation.toLowerCase()
  return {
    topic: `$aws/events/thingGroupMembership/thingGroup/${group.name}/thing/${thing.name}/${what}`,
    payload: {
      ...leading('THING_GROUP_MEMBERSHIP_EVENT', head, operation),
      accountId: head.account,
      groupArn: arn(head, 'thinggroup', group.name),
      groupId: group.id,
      thingArn: arn(head, 'thing', thing.name),
      thingId: thing.id,
      membershipId: `${group.id}:${thing.id}`,
    },
  }
}

/** A group came below another, or left it. */
export function hierarchyEvent(
  head: EventHead,
  operation: 'ADDED' | 'REMOVED',
  parent: Pick<ThingGroupFacts, 'name' | 'id'>,
  child: Pick<ThingGroupFacts, 'name' | 'id'>,
): AwsEvent {
  const what = operation.toLowerCase()
  return {
    topic: `$aws/events/thingGroupHierarchy/thingGroup/${parent.name}/childThingGroup/${child.name}/${what}`,
    payload: {
      ...leading('THING_GROUP_HIERARCHY_EVENT', head, operation),
      accountId: head.account,
      thingGroupId: parent.id,
      thingGroupName: parent.name,
      childGroupId: child.id,
      childGroupName: child.name,
    },
  }
}

function leading(
  eventType: string,
  { eventId, at }: EventHead,
  operation: string,
): { readonly eventType: string; readonly eventId: string; readonly timestamp: Instant; readonly operation: string } {
  return { eventType, eventId, timestamp: at, operation }
}

function arn({ account, region }: EventHead, type: string, name: string): string {
  return `arn:aws:iot:${region}:${account}:${type}/${name}`
}
