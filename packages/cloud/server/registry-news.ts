import { randomUUID } from 'node:crypto'
import {
  type AwsEvent,
  type EventHead,
  hierarchyEvent,
  membershipEvent,
  type Operation,
  type ThingGroupFacts,
  thingEvent,
  thingGroupEvent,
  thingTypeEvent,
  typeAssociationEvent,
} from '@birthmark/cloud/events'
import type { Change, ScopedRegistry, ThingGroupRecord, ThingRecord, ThingTypeRecord } from '@birthmark/cloud/registry'
import type { Clock } from '@birthmark/foundation/kernel'

/** What {@link RegistryNews} works with. */
interface NewsOptions {
  readonly registry: ScopedRegistry
  /** The kinds of events that are told, by AWS's names. */
  readonly kinds: ReadonlySet<string>
  readonly clock: Clock
}

/** Says what a committed change is told as. What it does not carry itself is read as it is now. */
export class RegistryNews {
  readonly #options: NewsOptions

  constructor(options: NewsOptions) {
    this.#options = options
  }

  /** Gives the events of a change; none for kinds that are off. */
  async of(change: Change): Promise<readonly AwsEvent[]> {
    const { registry } = this.#options
    if (!isTold(change)) return []
    switch (change.do) {
      case 'create-thing':
        return this.#ofThing('CREATED', change.thing, undefined, change.thing.typeName)
      case 'update-thing': {
        const thing = await registry.thing(change.name)
        return thing === undefined ? [] : this.#ofThing('UPDATED', thing, change.was?.typeName, thing.typeName)
      }
      case 'delete-thing':
        return change.was === undefined ? [] : this.#ofThing('DELETED', change.was, change.was.typeName, undefined)
      case 'create-thing-type':
        return this.#ofType('CREATED', change.type)
      case 'update-thing-type':
      case 'deprecate-thing-type':
        return this.#ofType('UPDATED', await registry.catalog.thingType(change.name))
      case 'delete-thing-type':
        return this.#ofType('DELETED', change.was)
      case 'create-thing-group':
        return this.#ofGroup('CREATED', change.group, await registry.catalog.groupsAbove(change.group.name))
      case 'update-thing-group': {
        const group = await registry.catalog.thingGroup(change.name)
        return this.#ofGroup('UPDATED', group, await registry.catalog.groupsAbove(change.name))
      }
      case 'delete-thing-group':
        return this.#ofGroup('DELETED', change.was?.group, change.was?.above ?? [])
      case 'add-to-thing-group':
        return this.#ofMember('ADDED', change)
      case 'remove-from-thing-group':
        return this.#ofMember('REMOVED', change)
    }
  }

  #ofThing(
    operation: Operation,
    thing: ThingRecord,
    typeBefore: string | undefined,
    typeNow: string | undefined,
  ): readonly AwsEvent[] {
    const events = this.#tells('THING') ? [thingEvent(this.#head(), operation, thing)] : []
    if (typeBefore === typeNow || !this.#tells('THING_TYPE_ASSOCIATION')) return events
    if (typeBefore !== undefined) events.push(typeAssociationEvent(this.#head(), 'REMOVED', thing, typeBefore))
    if (typeNow !== undefined) events.push(typeAssociationEvent(this.#head(), 'ADDED', thing, typeNow))
    return events
  }

  #ofType(operation: Operation, type: ThingTypeRecord | undefined): readonly AwsEvent[] {
    return type === undefined || !this.#tells('THING_TYPE') ? [] : [thingTypeEvent(this.#head(), operation, type)]
  }

  #ofGroup(
    operation: Operation,
    group: ThingGroupRecord | undefined,
    above: readonly ThingGroupRecord[],
  ): readonly AwsEvent[] {
    if (group === undefined) return []
    const parent = above.at(-1)
    const facts: ThingGroupFacts = { ...group, parent, above, isDynamic: group.query !== undefined }
    const events = this.#tells('THING_GROUP') ? [thingGroupEvent(this.#head(), operation, facts)] : []
    if (parent === undefined || operation === 'UPDATED' || !this.#tells('THING_GROUP_HIERARCHY')) return events
    const what = operation === 'CREATED' ? 'ADDED' : 'REMOVED'
    return [...events, hierarchyEvent(this.#head(), what, parent, group)]
  }

  async #ofMember(
    operation: 'ADDED' | 'REMOVED',
    { thingName, groupName }: { readonly thingName: string; readonly groupName: string },
  ): Promise<readonly AwsEvent[]> {
    if (!this.#tells('THING_GROUP_MEMBERSHIP')) return []
    const { registry } = this.#options
    const [thing, group] = await Promise.all([registry.thing(thingName), registry.catalog.thingGroup(groupName)])
    return thing === undefined || group === undefined ? [] : [membershipEvent(this.#head(), operation, thing, group)]
  }

  #tells(kind: string): boolean {
    return this.#options.kinds.has(kind)
  }

  #head(): EventHead {
    return { eventId: randomUUID(), at: this.#options.clock.now(), ...this.#options.registry.scope }
  }
}

/** The changes that registry events are about. */
type Told = Extract<Change, { readonly do: (typeof TOLD)[number] }>

function isTold(change: Change): change is Told {
  return TOLD.some((name) => name === change.do)
}

const TOLD = [
  'create-thing',
  'update-thing',
  'delete-thing',
  'create-thing-type',
  'update-thing-type',
  'deprecate-thing-type',
  'delete-thing-type',
  'create-thing-group',
  'update-thing-group',
  'delete-thing-group',
  'add-to-thing-group',
  'remove-from-thing-group',
] as const
