import {
  GROUPS_PER_THING_MAX,
  type GroupQuery,
  type Page,
  type PageRequest,
  type ThingGroupRecord,
  type ThingRecord,
} from '@birthmark/cloud/registry'
import { matchesQuery } from '@birthmark/cloud/search'
import type { Call } from '../operation-types.ts'
import { documentOf, parseIndexQuery, searchThings } from './search-things.ts'

/**
 * Gives the dynamic groups whose query finds a thing, oldest first: membership is worked out when it is asked for,
 * so it is
 * never behind. A thing is in {@link GROUPS_PER_THING_MAX} groups at most; static ones come first.
 */
export async function dynamicGroupsOf(
  thing: ThingRecord,
  fixed: readonly ThingGroupRecord[],
  call: Call,
): Promise<readonly ThingGroupRecord[]> {
  const groups = await call.registry.catalog.dynamicGroups()
  if (groups.length === 0) return []
  const document = documentOf({ thing, groupNames: fixed.map(({ name }) => name) }, call)
  const found = groups.filter(({ query }) => query !== undefined && matchesQuery(parseIndexQuery(query.text), document))
  return found.slice(0, Math.max(0, GROUPS_PER_THING_MAX - fixed.length))
}

/** Gives a page of the names of the things that a group's query finds. */
export async function searchNames({ text }: GroupQuery, request: PageRequest, call: Call): Promise<Page<string>> {
  const { rows, next } = await searchThings(parseIndexQuery(text), request, call)
  return { rows: rows.map(({ thing }) => thing.name), next }
}
