import { GROUPS_PER_THING_MAX } from '@birthmark/cloud/registry'
import { provisioningFault } from './faults.ts'
import type { ExistingGroup, ExistingResources, PlannedChange, PlanStep } from './plan-model.ts'
import type { Named, ResolvedThing } from './resolve-template.ts'
import type { ThingResource } from './template.ts'

/** Decides in which thing groups the thing of a template is. */
export function planGroups(
  resource: ThingResource | undefined,
  wanted: ResolvedThing | undefined,
  existing: ExistingResources,
): readonly PlanStep[] {
  if (resource === undefined || wanted?.groups === undefined) return []
  const thing = wanted.name
  const named = wanted.groups.map((group) => requireStatic(group, existing))
  const present = existing.thing === undefined ? [] : existing.groupsOfThing
  const after = groupsAfter(existing.thing === undefined ? 'REPLACE' : resource.override.groups, named, present, thing)
  expectPossible(thing, after)
  const leaves = present.filter((group) => !includes(after, group))
  const joins = after.filter((group) => !includes(present, group))
  return [
    ...leaves.map(({ name }) => step({ do: 'remove-from-thing-group', thingName: thing, groupName: name }, 'leaves')),
    ...joins.map(({ name }) => step({ do: 'add-to-thing-group', thingName: thing, groupName: name }, 'joins')),
  ]
}

function groupsAfter(
  override: ThingResource['override']['groups'],
  named: readonly ExistingGroup[],
  present: readonly ExistingGroup[],
  thing: string,
): readonly ExistingGroup[] {
  switch (override) {
    case 'DO_NOTHING':
      return present
    case 'REPLACE':
      return named
    case 'MERGE':
      return [...present, ...named.filter((group) => !includes(present, group))]
    case 'FAIL':
      if (named.length === present.length && named.every((group) => includes(present, group))) return present
      throw provisioningFault('PROVISIONING_RESOURCE_CONFLICT', { what: `ThingGroups of thing ${thing}` })
  }
}

function requireStatic({ name, path }: Named, { groups }: ExistingResources): ExistingGroup {
  const found = groups.find((group) => group.name === name)
  if (found === undefined) throw provisioningFault('PROVISIONING_RESOURCE_ABSENT', { what: 'thing group', name, path })
  if (!found.isDynamic) return found
  const context = { what: 'thing group', name, path, why: 'it is dynamic, and its query decides who is in it' }
  throw provisioningFault('PROVISIONING_RESOURCE_UNUSABLE', context)
}

function expectPossible(thing: string, groups: readonly ExistingGroup[]): void {
  const count = groups.length
  if (count > GROUPS_PER_THING_MAX) {
    throw provisioningFault('PROVISIONING_GROUPS_TOO_MANY', { thing, count, max: GROUPS_PER_THING_MAX })
  }
  const roots = new Map<string, string>()
  for (const { name, root } of groups) {
    const other = roots.get(root)
    if (other !== undefined)
      throw provisioningFault('PROVISIONING_GROUPS_EXCLUSIVE', { thing, group: name, other, root })
    roots.set(root, name)
  }
}

function includes(groups: readonly ExistingGroup[], { name }: ExistingGroup): boolean {
  return groups.some((group) => group.name === name)
}

function step(
  change: PlannedChange & { readonly thingName: string; readonly groupName: string },
  verb: string,
): PlanStep {
  return { changes: [change], because: `thing ${change.thingName} ${verb} thing group ${change.groupName}` }
}
