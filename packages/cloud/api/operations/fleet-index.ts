import { DisconnectReasonValue, type ThingDocument } from '@aws-sdk/client-iot'
import type { IndexedThing } from '@birthmark/cloud/registry'
import {
  bucketsOf,
  cardinalityOf,
  type IndexDocument,
  matchesQuery,
  percentilesOf,
  statisticsOf,
} from '@birthmark/cloud/search'
import { AwsException } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { GROUPS_INDEX, requireIndex, THINGS_INDEX } from './indexing-configuration.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { parseIndexQuery, searchThings, visitThings } from './search-things.ts'
import { requireThing } from './things.ts'
import { dateOf } from './values.ts'

/** Searching the fleet. What is found is what the registry holds at that moment: the index is never behind. */
export const fleetIndexOperations: Partial<Operations> = {
  async SearchIndex({ indexName = THINGS_INDEX, queryString, queryVersion, ...input }, call) {
    requireVersion(queryVersion)
    await requireIndex(indexName, call)
    if (indexName === GROUPS_INDEX) return searchGroups(queryString, input, call)
    const request = pageRequest({ maxResults: SEARCH_ROWS_DEFAULT, ...defined(input) })
    const page = await searchThings(parseIndexQuery(queryString), request, call)
    return { things: page.rows.map((row) => foundThing(row, call)), nextToken: nextToken(page) }
  },

  /** A thing whose client never came is not connected, and has no moment. */
  async GetThingConnectivityData({ thingName }, call) {
    await requireThing(thingName, call)
    await requireIndex(THINGS_INDEX, call)
    const known = call.connectivityOf?.(call.registry.scope, thingName)
    if (known === undefined) return { thingName, connected: false }
    const disconnectReason = Object.values(DisconnectReasonValue).find((reason) => reason === known.disconnectReason)
    return { thingName, connected: known.connected, timestamp: dateOf(known.at), disconnectReason }
  },

  async GetStatistics({ indexName = THINGS_INDEX, queryString, aggregationField, queryVersion }, call) {
    requireVersion(queryVersion)
    await requireThingsIndex(indexName, call)
    if (aggregationField === undefined || aggregationField === 'registry.version') {
      let count = 0
      await visitThings(parseIndexQuery(queryString), call, () => {
        count += 1
      })
      return { statistics: { count } }
    }
    const values = await valuesOf(aggregationField, queryString, call)
    return { statistics: { count: 0, ...statisticsOf(numbersOf(values)) } }
  },

  async GetCardinality({ indexName = THINGS_INDEX, queryString, aggregationField = 'thingName', ...input }, call) {
    requireVersion(input.queryVersion)
    await requireThingsIndex(indexName, call)
    return { cardinality: cardinalityOf(await valuesOf(aggregationField, queryString, call)) }
  },

  async GetPercentiles({ indexName = THINGS_INDEX, queryString, aggregationField, percents, queryVersion }, call) {
    requireVersion(queryVersion)
    await requireThingsIndex(indexName, call)
    if (aggregationField === undefined) throw invalidAggregation('aggregationField is missing')
    const values = numbersOf(await valuesOf(aggregationField, queryString, call))
    return { percentiles: [...percentilesOf(values, percents ?? PERCENTS_DEFAULT)] }
  },

  async GetBucketsAggregation({ indexName = THINGS_INDEX, queryString, aggregationField, ...input }, call) {
    requireVersion(input.queryVersion)
    await requireThingsIndex(indexName, call)
    const { termsAggregation } = input.bucketsAggregationType
    if (termsAggregation === undefined) throw invalidAggregation('termsAggregation is missing')
    const values = await valuesOf(aggregationField, queryString, call)
    const buckets = [...bucketsOf(values, termsAggregation.maxBuckets ?? BUCKETS_DEFAULT)]
    return { totalCount: values.length, buckets }
  },
}

async function searchGroups(
  queryString: string,
  input: { readonly nextToken?: string | undefined; readonly maxResults?: number | undefined },
  call: Call,
): Promise<{ thingGroups: object[]; nextToken: string | undefined }> {
  const query = parseIndexQuery(queryString)
  const found: { readonly name: string; readonly document: object }[] = []
  let after: string | undefined
  do {
    const request = { limit: 250, recursive: true, ...(after === undefined ? {} : { after }) }
    const page = await call.registry.catalog.thingGroups(request)
    for (const group of page.rows) {
      const parents = (await call.registry.catalog.groupsAbove(group.name)).map(({ name }) => name)
      const fields = new Map<string, readonly string[]>([
        ['thingGroupName', [group.name]],
        ['thingGroupDescription', wordsOf(group.description)],
        ['parentGroupNames', parents],
        ...Object.entries(group.attributes).map(([name, value]) => [`attributes.${name}`, [value]] as const),
      ])
      if (!matchesQuery(query, fields)) continue
      const document = {
        thingGroupName: group.name,
        thingGroupId: group.id,
        thingGroupDescription: group.description,
        attributes: { ...group.attributes },
        parentGroupNames: parents,
      }
      found.push({ name: group.name, document })
    }
    after = page.next
  } while (after !== undefined)
  const page = pageOf(found, ({ name }) => name, pageRequest({ maxResults: SEARCH_ROWS_DEFAULT, ...defined(input) }))
  return { thingGroups: page.rows.map(({ document }) => document), nextToken: nextToken(page) }
}

function foundThing({ thing, groupNames }: IndexedThing, call: Call): ThingDocument {
  const connectivity = call.connectivityOf?.(call.registry.scope, thing.name)
  return {
    thingName: thing.name,
    thingId: thing.id,
    thingTypeName: thing.typeName,
    thingGroupNames: [...groupNames],
    attributes: { ...thing.attributes },
    connectivity:
      connectivity === undefined
        ? { connected: false }
        : {
            connected: connectivity.connected,
            timestamp: connectivity.at,
            disconnectReason: connectivity.disconnectReason,
          },
  }
}

async function valuesOf(field: string, queryString: string, call: Call): Promise<readonly string[]> {
  const values: string[] = []
  const collect = (document: IndexDocument): void => void values.push(...(document.get(field) ?? []))
  await visitThings(parseIndexQuery(queryString), call, collect)
  return values
}

/** True and false count as 1 and 0, as at AWS. */
function numbersOf(values: readonly string[]): readonly number[] {
  return values
    .map((value) => (value === 'true' || value === 'false' ? Number(value === 'true') : Number(value)))
    .filter((value) => Number.isFinite(value))
}

function wordsOf(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text, ...text.split(/\s+/)]
}

function defined<Members extends object>(members: Members): Partial<Members> {
  const kept: Partial<Members> = { ...members }
  for (const name of Object.keys(kept)) if (Reflect.get(kept, name) === undefined) Reflect.deleteProperty(kept, name)
  return kept
}

async function requireThingsIndex(indexName: string, call: Call): Promise<void> {
  await requireIndex(indexName, call)
  if (indexName !== THINGS_INDEX) throw invalidAggregation(`only ${THINGS_INDEX} can be aggregated`)
}

/** @throws `InvalidRequestException` */
export function requireVersion(version: string | undefined): void {
  if (version === undefined || version === QUERY_VERSION) return
  throw new AwsException('InvalidRequestException', `Invalid queryVersion ${version}; it is ${QUERY_VERSION}.`)
}

function invalidAggregation(why: string): AwsException {
  return new AwsException('InvalidAggregationException', `Invalid aggregation: ${why}.`)
}

/** The only version of the query language (AWS IoT API, SearchIndex). */
export const QUERY_VERSION = '2017-09-30'
/** Rows of a search when the request does not say how many (AWS IoT API, SearchIndex). */
const SEARCH_ROWS_DEFAULT = 100
/** Percentages that are told when none are asked for (AWS IoT API, GetPercentiles). */
const PERCENTS_DEFAULT: readonly number[] = [1, 5, 25, 50, 75, 95, 99]
/** Buckets when the request does not say how many (AWS IoT API, TermsAggregation). */
const BUCKETS_DEFAULT = 10
