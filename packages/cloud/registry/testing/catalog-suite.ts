import assert from 'node:assert/strict'
import { instant } from '@birthmark/foundation/kernel'
import {
  DYNAMIC_GROUPS_MAX,
  GROUP_CHILDREN_MAX,
  GROUP_DEPTH_MAX,
  GROUPS_PER_THING_MAX,
  POLICIES_PER_GROUP_MAX,
  TAGS_MAX,
  THING_TYPE_DEPRECATED_MIN,
} from '../catalog-changes.ts'
import type { IndexKey } from '../catalog-reads.ts'
import type { BillingGroupRecord, ThingGroupRecord, ThingTypeRecord } from '../catalog-records.ts'
import type { Change } from '../changes.ts'
import type { ScopedRegistry } from '../registry.ts'
import type { ConflictCase } from './conflict-case.ts'
import { policyRecord, thingRecord } from './records.ts'

/** Every conflict of thing types, groups and tags, once. */
export function catalogConflicts(): readonly ConflictCase[] {
  return [...typeConflicts(), ...groupConflicts(), ...memberConflicts(), ...billingConflicts(), tagConflict()]
}

function typeConflicts(): readonly ConflictCase[] {
  const type: Change = { do: 'create-thing-type', type: typeRecord('ty') }
  const deprecate: Change = { do: 'deprecate-thing-type', name: 'ty', at: AT }
  const remove = { do: 'delete-thing-type', name: 'ty', at: instant(AT + THING_TYPE_DEPRECATED_MIN) } as const
  const early = { ...remove, at: instant(remove.at - 1) }
  const typed: Change = { do: 'create-thing', thing: thingRecord('t', { typeName: 'ty' }) }
  return [
    { why: 'same name', given: [type], change: type, reason: 'exists' },
    { why: 'no such type', given: [], change: { do: 'update-thing-type', name: 'ty' }, reason: 'absent' },
    { why: 'no such type', given: [], change: deprecate, reason: 'absent' },
    { why: 'no such type', given: [], change: remove, reason: 'absent' },
    { why: 'in use', given: [type], change: remove, reason: 'state' },
    { why: 'deprecated too late', given: [type, deprecate], change: early, reason: 'state' },
    { why: 'a thing has it', given: [type, deprecate, typed], change: remove, reason: 'attached' },
  ]
}

function groupConflicts(): readonly ConflictCase[] {
  const update = { do: 'update-thing-group', name: 'g', description: '', attributes: {}, query: undefined } as const
  const remove = { do: 'delete-thing-group', name: 'g', dynamic: false } as const
  const chain = Array.from({ length: GROUP_DEPTH_MAX }, (_, n) => group(`c${n}`, n === 0 ? undefined : `c${n - 1}`))
  const family = [group('g'), ...Array.from({ length: GROUP_CHILDREN_MAX }, (_, n) => group(`k${n}`, 'g'))]
  const queries = Array.from({ length: DYNAMIC_GROUPS_MAX }, (_, n) => dynamic(`d${n}`))
  return [
    { why: 'same name', given: [group('g')], change: group('g'), reason: 'exists' },
    { why: 'no such parent', given: [], change: group('g', 'p'), reason: 'target-absent' },
    { why: 'a dynamic parent', given: [dynamic('p')], change: group('g', 'p'), reason: 'state' },
    { why: 'too deep', given: chain, change: group('g', `c${GROUP_DEPTH_MAX - 1}`), reason: 'depth' },
    { why: 'too many children', given: family, change: group('k', 'g'), reason: 'limit' },
    { why: 'too many queries', given: queries, change: dynamic('d'), reason: 'limit' },
    { why: 'no such group', given: [], change: update, reason: 'absent' },
    { why: 'it has a query', given: [dynamic('g')], change: update, reason: 'absent' },
    { why: 'another version', given: [group('g')], change: { ...update, expectedVersion: 2 }, reason: 'version' },
    { why: 'another version', given: [group('g')], change: { ...remove, expectedVersion: 2 }, reason: 'version' },
    { why: 'it has a query', given: [dynamic('g')], change: remove, reason: 'state' },
    { why: 'a child', given: [group('g'), group('k', 'g')], change: remove, reason: 'attached' },
  ]
}

function memberConflicts(): readonly ConflictCase[] {
  const remove = { do: 'remove-from-thing-group', thingName: 't', groupName: 'g' } as const
  const full = Array.from({ length: GROUPS_PER_THING_MAX }, (_, n) => [group(`m${n}`), add(`m${n}`)]).flat()
  const attach = { do: 'attach-group-policy', policyName: 'p', groupName: 'g' } as const
  const others = Array.from({ length: POLICIES_PER_GROUP_MAX }, (_, n) => [
    policy(`p${n}`),
    { ...attach, policyName: `p${n}` },
  ]).flat()
  return [
    { why: 'no such thing', given: [group('g')], change: add('g'), reason: 'absent' },
    { why: 'no such group', given: [THING], change: add('g'), reason: 'target-absent' },
    { why: 'a query decides', given: [THING, dynamic('g')], change: add('g'), reason: 'state' },
    {
      why: 'in the same hierarchy',
      given: [THING, group('p'), group('g', 'p'), group('k', 'p'), add('k')],
      change: add('g'),
      reason: 'exclusive',
    },
    { why: 'in too many', given: [THING, group('g'), ...full], change: add('g'), reason: 'limit' },
    { why: 'no such thing', given: [group('g')], change: remove, reason: 'absent' },
    { why: 'no such group', given: [THING], change: remove, reason: 'target-absent' },
    { why: 'a query decides', given: [THING, dynamic('g')], change: remove, reason: 'state' },
    { why: 'no such policy', given: [group('g')], change: attach, reason: 'absent' },
    { why: 'no such group', given: [policy('p')], change: attach, reason: 'target-absent' },
    { why: 'a query decides', given: [policy('p'), dynamic('g')], change: attach, reason: 'state' },
    { why: 'too many', given: [policy('p'), group('g'), ...others], change: attach, reason: 'limit' },
    {
      why: 'attached to a group',
      given: [policy('p'), group('g'), attach],
      change: { do: 'delete-policy', name: 'p' },
      reason: 'attached',
    },
  ]
}

function billingConflicts(): readonly ConflictCase[] {
  const create: Change = { do: 'create-billing-group', billingGroup: billingRecord('b') }
  const update = { do: 'update-billing-group', name: 'b', description: undefined } as const
  const put = { do: 'set-billing-group', thingName: 't', groupName: 'b' } as const
  const billed: Change = { do: 'create-thing', thing: thingRecord('t', { billingGroupName: 'b' }) }
  return [
    { why: 'same name', given: [create], change: create, reason: 'exists' },
    { why: 'no such group', given: [], change: update, reason: 'absent' },
    { why: 'another version', given: [create], change: { ...update, expectedVersion: 2 }, reason: 'version' },
    {
      why: 'another version',
      given: [create],
      change: { do: 'delete-billing-group', name: 'b', expectedVersion: 2 },
      reason: 'version',
    },
    { why: 'no such thing', given: [create], change: put, reason: 'absent' },
    { why: 'no such group', given: [THING], change: put, reason: 'target-absent' },
    { why: 'no such billing group', given: [], change: billed, reason: 'target-absent' },
  ]
}

function tagConflict(): ConflictCase {
  const tags = Object.fromEntries(Array.from({ length: TAGS_MAX }, (_, n) => [`k${n}`, '']))
  const given: readonly Change[] = [{ do: 'tag', resource: 'thinggroup/g', tags }]
  return { why: 'too many', given, change: { do: 'tag', resource: 'thinggroup/g', tags: { k: '' } }, reason: 'limit' }
}

/** Thing types: created, changed member by member, deprecated, deleted. */
export async function thingTypes(scoped: ScopedRegistry): Promise<void> {
  const { catalog } = scoped
  const type = typeRecord('ty')
  await made(scoped, { do: 'create-thing-type', type }, { do: 'create-thing-type', type: typeRecord('tz') })
  assert.deepEqual(await catalog.thingType('ty'), type)
  await made(scoped, { do: 'update-thing-type', name: 'ty', description: 'new' })
  const propagatingAttributes = [{ userPropertyKey: 'k', thingAttribute: 'a' }]
  await made(scoped, { do: 'update-thing-type', name: 'ty', searchableAttributes: [], propagatingAttributes })
  await made(scoped, { do: 'deprecate-thing-type', name: 'ty', at: AT })
  const changed = { ...type, description: 'new', searchableAttributes: [], propagatingAttributes, deprecatedAt: AT }
  assert.deepEqual(await catalog.thingType('ty'), changed)
  assert.deepEqual((await catalog.thingTypes({ limit: 9 })).rows, [changed, typeRecord('tz')])
  const later = instant(AT + THING_TYPE_DEPRECATED_MIN)
  await made(scoped, { do: 'delete-thing-type', name: 'ty', at: later })
  assert.equal(await catalog.thingType('ty'), undefined)
}

/** Thing groups: a hierarchy with things and policies. */
export async function thingGroups(scoped: ScopedRegistry): Promise<void> {
  const { catalog } = scoped
  const names = (rows: readonly { readonly name: string }[]): readonly string[] => rows.map(({ name }) => name)
  await made(scoped, group('root'), group('mid', 'root'), group('leaf', 'mid'), group('other'), dynamic('dyn'))
  assert.deepEqual(await catalog.thingGroup('mid'), groupRecord('mid', 'root'))
  assert.deepEqual(names(await catalog.groupsAbove('leaf')), ['root', 'mid'])
  const listed = async (filter: object): Promise<readonly string[]> =>
    names((await catalog.thingGroups({ limit: 9, recursive: true, ...filter })).rows)
  assert.deepEqual(await listed({}), ['root', 'mid', 'leaf', 'other', 'dyn'])
  assert.deepEqual(await listed({ recursive: false }), ['root', 'other', 'dyn'])
  assert.deepEqual(await listed({ parentName: 'root' }), ['mid', 'leaf'])
  assert.deepEqual(await listed({ parentName: 'root', recursive: false }), ['mid'])
  assert.deepEqual(await listed({ namePrefix: 'o' }), ['other'])
  assert.deepEqual(names(await catalog.dynamicGroups()), ['dyn'])

  await made(scoped, THING, { do: 'create-thing', thing: thingRecord('u') })
  await made(scoped, add('leaf'), add('leaf'), add('other'), { ...addTo('mid'), thingName: 'u' })
  assert.deepEqual(names(await catalog.groupsOfThing('t')), ['leaf', 'other'])
  assert.deepEqual((await catalog.thingsInGroup('root', { limit: 9, recursive: false })).rows, [])
  const first = await catalog.thingsInGroup('root', { limit: 1, recursive: true })
  const second = await catalog.thingsInGroup('root', { limit: 1, recursive: true, after: first.next ?? '' })
  assert.deepEqual([...first.rows, ...second.rows, second.next], ['u', 't', undefined])

  await made(scoped, policy('p'), policy('q'), attach('p', 'root'), attach('p', 'root'), attach('q', 'leaf'))
  assert.deepEqual(names(await catalog.policiesOfThing('t')), ['p', 'q'])
  assert.deepEqual(names(await catalog.policiesOfThing('u')), ['p'])
  assert.deepEqual(names(await catalog.policiesOfGroup('root')), ['p'])
  assert.deepEqual((await catalog.groupNamesAround('t')).toSorted(), ['leaf', 'mid', 'other', 'root'])
  assert.deepEqual((await catalog.groupsOfPolicy('p', { limit: 9 })).rows, ['root'])
  await made(scoped, { do: 'detach-group-policy', policyName: 'p', groupName: 'root' })
  await made(scoped, { do: 'delete-thing-group', name: 'leaf', dynamic: false }, group('leaf', 'mid'))
  assert.deepEqual(names(await catalog.groupsOfThing('t')), ['other'], 'the new group is another one')
  assert.deepEqual(await catalog.policiesOfThing('t'), [])
  await made(scoped, { do: 'remove-from-thing-group', thingName: 't', groupName: 'other' })
  const update = { do: 'update-thing-group', name: 'other', description: 'd', attributes: { a: '1' } } as const
  await made(scoped, { ...update, query: undefined, expectedVersion: 1 })
  const other = { ...groupRecord('other'), description: 'd', attributes: { a: '1' }, version: 2 }
  assert.deepEqual(await catalog.thingGroup('other'), other)
  await made(scoped, { do: 'delete-thing-group', name: 'absent', dynamic: false })
}

/** Billing groups: a thing is in one at most. */
export async function billingGroups(scoped: ScopedRegistry): Promise<void> {
  const { catalog } = scoped
  await made(scoped, { do: 'create-billing-group', billingGroup: billingRecord('b') })
  await made(scoped, { do: 'create-billing-group', billingGroup: billingRecord('c') })
  await made(scoped, { do: 'create-thing', thing: thingRecord('t', { billingGroupName: 'b' }) })
  assert.equal((await scoped.thing('t'))?.billingGroupName, 'b')
  await made(scoped, { do: 'set-billing-group', thingName: 't', groupName: 'c' })
  assert.deepEqual((await catalog.thingsInBillingGroup('b', { limit: 9 })).rows, [])
  assert.deepEqual((await catalog.thingsInBillingGroup('c', { limit: 9 })).rows, ['t'])
  await made(scoped, { do: 'update-billing-group', name: 'c', description: 'new', expectedVersion: 1 })
  assert.deepEqual((await catalog.billingGroups({ limit: 9, namePrefix: 'c' })).rows, [
    { ...billingRecord('c'), description: 'new', version: 2 },
  ])
  await made(scoped, { do: 'delete-billing-group', name: 'c', expectedVersion: 2 })
  assert.equal((await scoped.thing('t'))?.billingGroupName, undefined)
  await made(scoped, { do: 'set-billing-group', thingName: 't', groupName: undefined })
}

/** Tags: set, replaced, gone with what they are on. */
export async function tags(scoped: ScopedRegistry): Promise<void> {
  const { catalog } = scoped
  await made(scoped, group('g'), { do: 'tag', resource: 'thinggroup/g', tags: { a: '1', b: '2' } })
  await made(scoped, { do: 'tag', resource: 'thinggroup/g', tags: { b: '3', c: '' } })
  await made(scoped, { do: 'untag', resource: 'thinggroup/g', keys: ['a', 'z'] })
  assert.deepEqual(await catalog.tags('thinggroup/g'), { b: '3', c: '' })
  assert.deepEqual(await catalog.tags('thinggroup/h'), {})
  await made(scoped, { do: 'delete-thing-group', name: 'g', dynamic: false })
  assert.deepEqual(await catalog.tags('thinggroup/g'), {})
  await made(scoped, policy('p'), { do: 'tag', resource: 'policy/p', tags: { a: '1' } })
  await made(scoped, { do: 'delete-policy', name: 'p' })
  assert.deepEqual(await catalog.tags('policy/p'), {})
}

/** The index over things: every key finds the same whatever the case, in pages. */
export async function indexedThings(scoped: ScopedRegistry): Promise<void> {
  const { catalog } = scoped
  const thing = (name: string, site: string, typeName: string): Change => ({
    do: 'create-thing',
    thing: thingRecord(name, { attributes: { site }, typeName }),
  })
  await made(scoped, thing('a', 'North', 'meter'), thing('b', 'north', 'Meter'), thing('c', 'south', 'press'))
  await made(scoped, group('g'), group('G'), { ...addTo('g'), thingName: 'a' }, { ...addTo('G'), thingName: 'c' })
  const found = async (by: IndexKey): Promise<readonly string[]> => {
    const names: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await catalog.indexed(by, { limit: 1, ...(after === undefined ? {} : { after }) })
      names.push(...page.rows.map((row) => row.thing.name))
      after = page.next
      if (after === undefined) return names
    }
  }
  assert.deepEqual(await found({ by: 'everything' }), ['a', 'b', 'c'])
  assert.deepEqual(await found({ by: 'name', value: 'B' }), ['b'])
  assert.deepEqual(await found({ by: 'type', value: 'METER' }), ['a', 'b'])
  assert.deepEqual(await found({ by: 'attribute', name: 'site', value: 'north' }), ['a', 'b'])
  assert.deepEqual(await found({ by: 'group', value: 'g' }), ['a', 'c'])
  assert.deepEqual(await found({ by: 'group', value: 'x' }), [])
  await made(scoped, { do: 'update-thing', name: 'b', attributes: { site: 'west' }, typeName: undefined })
  await made(scoped, { do: 'delete-thing', name: 'a' })
  assert.deepEqual(await found({ by: 'attribute', name: 'site', value: 'north' }), [])
  assert.deepEqual(await found({ by: 'attribute', name: 'site', value: 'west' }), ['b'])
  assert.deepEqual((await catalog.indexed({ by: 'name', value: 'c' }, { limit: 1 })).rows[0]?.groupNames, ['G'])
}

async function made(scoped: ScopedRegistry, ...changes: readonly Change[]): Promise<void> {
  assert.deepEqual(await scoped.commit(changes), { ok: true })
}

function group(name: string, parentName?: string): Change {
  return { do: 'create-thing-group', group: groupRecord(name, parentName) }
}

function dynamic(name: string): Change {
  const query = { text: 'thingName:a', index: 'AWS_Things', version: '2017-09-30' }
  return { do: 'create-thing-group', group: { ...groupRecord(name), query } }
}

function addTo(groupName: string): Extract<Change, { readonly do: 'add-to-thing-group' }> {
  return { do: 'add-to-thing-group', thingName: 't', groupName }
}

function add(groupName: string): Change {
  return addTo(groupName)
}

function policy(name: string): Change {
  return { do: 'create-policy', policy: policyRecord(name) }
}

function attach(policyName: string, groupName: string): Change {
  return { do: 'attach-group-policy', policyName, groupName }
}

function typeRecord(name: string): ThingTypeRecord {
  return {
    name,
    id: '00000000-0000-4000-8000-00000000aaaa',
    description: 'a type',
    searchableAttributes: ['a', 'b'],
    propagatingAttributes: [{ userPropertyKey: 'u', connectionAttribute: 'iot:ClientId' }],
    createdAt: AT,
    deprecatedAt: undefined,
  }
}

function groupRecord(name: string, parentName?: string): ThingGroupRecord {
  return {
    name,
    id: '00000000-0000-4000-8000-00000000bbbb',
    parentName,
    description: undefined,
    attributes: {},
    query: undefined,
    version: 1,
    createdAt: AT,
  }
}

function billingRecord(name: string): BillingGroupRecord {
  return { name, id: '00000000-0000-4000-8000-00000000cccc', description: undefined, version: 1, createdAt: AT }
}

const AT = instant(1_767_225_700_000)
const THING: Change = { do: 'create-thing', thing: thingRecord('t') }
