import assert from 'node:assert/strict'
import { isFault } from '@birthmark/foundation/kernel'
import type { Change } from '../changes.ts'
import type { Page, PageRequest } from '../pages.ts'
import type { ScopedRegistry } from '../registry.ts'
import { caRecord, certificateRecord, idNumber, policyRecord, SCOPE, templateRecord, thingRecord } from './records.ts'
import type { OnRegistry } from './store.ts'

/** One list of the port: how its row `n` is made, and how it is read. */
interface ListCase {
  readonly name: string
  readonly given?: readonly Change[]
  make(n: number): readonly Change[]
  /** Reads a page and names its rows by their `n`. */
  read(scoped: ScopedRegistry, page: PageRequest): Promise<Page<number>>
}

/** Every list can be read in pages, in either direction, across restarts and while it changes. */
export function pagesSuite(onRegistry: OnRegistry): void {
  for (const list of LISTS) {
    onRegistry(`${list.name}: every row once, in the order made, in either direction`, async (registry) => {
      const scoped = registry.in(SCOPE)
      await fill(scoped, list, 7)
      const rows = [1, 2, 3, 4, 5, 6, 7]
      for (const limit of [1, 2, 3, 6, 7, 8, 250]) {
        assert.deepEqual(await everyRow(scoped, list, { limit }), rows)
        assert.deepEqual(await everyRow(scoped, list, { limit, ascending: false }), rows.toReversed())
      }
    })
    onRegistry(
      `${list.name}: a token is good after a restart, and rows made since come last`,
      async (registry, reopen) => {
        await fill(registry.in(SCOPE), list, 4)
        const first = await list.read(registry.in(SCOPE), { limit: 3 })
        const scoped = (await reopen()).in(SCOPE)
        await scoped.commit(list.make(5))
        assert.ok(first.next !== undefined && /^[A-Za-z0-9+/]+={0,2}$/.test(first.next), 'AWS IoT API, Marker: base64')
        assert.deepEqual(await list.read(scoped, { limit: 3, after: first.next }), { rows: [4, 5], next: undefined })
      },
    )
    onRegistry(`${list.name}: a foreign token and an impossible size are refused`, async (registry) => {
      const scoped = registry.in(SCOPE)
      const foreign = Buffer.from('other:1').toString('base64')
      for (const after of ['', 'x', foreign, '====', 'ü', Buffer.from('thing:-1').toString('base64')]) {
        await assert.rejects(list.read(scoped, { limit: 1, after }), (error) => isFault(error, 'PAGE_TOKEN_INVALID'))
      }
      for (const limit of [0, 251, -1, 1.5, Number.NaN]) {
        await assert.rejects(list.read(scoped, { limit }), (error) => isFault(error, 'PAGE_LIMIT_INVALID'))
      }
    })
  }
  onRegistry('a row that is deleted between two pages shifts nothing', async (registry) => {
    const scoped = registry.in(SCOPE)
    await fill(scoped, THINGS, 5)
    const first = await THINGS.read(scoped, { limit: 3 })
    await scoped.commit([1, 3, 5].map((n) => ({ do: 'delete-thing', name: `t${n}` }) as const))
    await fill(scoped, THINGS, 6, 6)
    assert.deepEqual((await THINGS.read(scoped, { limit: 3, after: first.next ?? '' })).rows, [4, 6])
  })
  onRegistry('things can be narrowed by type and attribute', thingsByFilter)
}

async function thingsByFilter(registry: Parameters<Parameters<OnRegistry>[1]>[0]): Promise<void> {
  const scoped = registry.in(SCOPE)
  const things = [
    thingRecord('a', { typeName: 'meter', attributes: { site: 'north' } }),
    thingRecord('b', { typeName: 'meter', attributes: { site: 'south', 'x.y': 'north' } }),
    thingRecord('c', { attributes: { site: 'north' } }),
  ]
  await scoped.commit(things.map((thing) => ({ do: 'create-thing', thing }) as const))
  const names = async (filter: object): Promise<string> => {
    const page = await scoped.things({ limit: 9, ...filter })
    assert.equal(page.next, undefined)
    return page.rows.map(({ name }) => name).join('')
  }
  assert.equal(await names({ typeName: 'meter' }), 'ab')
  assert.equal(await names({ typeName: 'pump' }), '')
  assert.equal(await names({ attributeName: 'site', attributeValue: 'north' }), 'ac')
  assert.equal(await names({ attributeName: 'site', attributeValue: 'north', ascending: false }), 'ca')
  assert.equal(await names({ attributeName: 'x.y' }), 'b')
  assert.equal(await names({ attributeValue: 'north' }), 'abc')
  assert.equal(await names({ attributeName: 'site', attributeValue: 'north', typeName: 'meter' }), 'a')
  const first = await scoped.things({ limit: 1, attributeName: 'site', attributeValue: 'north' })
  const second = await scoped.things({
    limit: 1,
    attributeName: 'site',
    attributeValue: 'north',
    after: first.next ?? '',
  })
  assert.deepEqual([...first.rows, ...second.rows], [things[0], things[2]])
}

async function fill(scoped: ScopedRegistry, list: ListCase, to: number, from = 1): Promise<void> {
  const rows = Array.from({ length: to - from + 1 }, (_, index) => list.make(from + index)).flat()
  assert.deepEqual(await scoped.commit([...(list.given ?? []), ...rows]), { ok: true })
}

async function everyRow(scoped: ScopedRegistry, list: ListCase, page: PageRequest): Promise<readonly number[]> {
  const rows: number[] = []
  let request: PageRequest | undefined = page
  while (request !== undefined) {
    const part: Page<number> = await list.read(scoped, request)
    assert.ok(part.rows.length <= page.limit)
    rows.push(...part.rows)
    request = part.next === undefined ? undefined : { ...page, after: part.next }
  }
  return rows
}

function map<Row>(page: Page<Row>, number: (row: Row) => number): Page<number> {
  return { rows: page.rows.map(number), next: page.next }
}

/** Row n has the name or id that sorts against its order, so that no list passes by sorting. */
const key = (n: number): number => 1000 - n

const THINGS: ListCase = {
  name: 'things',
  make: (n) => [{ do: 'create-thing', thing: thingRecord(`t${n}`) }],
  read: async (scoped, page) => map(await scoped.things(page), ({ name }) => Number(name.slice(1))),
}

/** Types whose names differ in upper and lower case only. */
const METERS = ['meter', 'METER', 'Meter'] as const

const LISTS: readonly ListCase[] = [
  THINGS,
  {
    name: 'things of a type among types of other case',
    make: (n) =>
      METERS.map((typeName) => ({ do: 'create-thing', thing: thingRecord(`${typeName}-${n}`, { typeName }) })),
    read: async (scoped, page) =>
      map(await scoped.things({ ...page, typeName: 'METER' }), ({ name }) => Number(name.replace('METER-', ''))),
  },
  {
    name: 'things of a type whatever its case',
    make: (n) => [
      { do: 'create-thing', thing: thingRecord(`t${n}`, { typeName: METERS[n % 3] }) },
      { do: 'create-thing', thing: thingRecord(`other${n}`, { typeName: 'meters' }) },
    ],
    read: async (scoped, page) =>
      map(await scoped.catalog.indexed({ by: 'type', value: 'mEtEr' }, page), ({ thing }) =>
        Number(thing.name.slice(1)),
      ),
  },
  {
    name: 'certificates',
    make: (n) => [{ do: 'register-certificate', certificate: certificateRecord(key(n)) }],
    read: async (scoped, page) => map(await scoped.certificates(page), ({ id }) => key(Number.parseInt(id, 16))),
  },
  {
    name: 'certificates of a CA',
    given: [{ do: 'register-certificate', certificate: certificateRecord(7777, { caId: idNumber(8) }) }],
    make: (n) => [{ do: 'register-certificate', certificate: certificateRecord(key(n), { caId: idNumber(9) }) }],
    read: async (scoped, page) =>
      map(await scoped.certificatesByCa(idNumber(9), page), ({ id }) => key(Number.parseInt(id, 16))),
  },
  {
    name: 'CAs',
    make: (n) => [{ do: 'register-ca', ca: caRecord(key(n)) }],
    read: async (scoped, page) => map(await scoped.caCertificates(page), ({ id }) => key(Number.parseInt(id, 16))),
  },
  {
    name: 'policies',
    make: (n) => [{ do: 'create-policy', policy: policyRecord(`${key(n)}`) }],
    read: async (scoped, page) => map(await scoped.policies(page), ({ name }) => key(Number(name))),
  },
  {
    name: 'targets of a policy',
    given: [{ do: 'create-policy', policy: policyRecord('p') }],
    make: (n) => [
      { do: 'register-certificate', certificate: certificateRecord(key(n)) },
      { do: 'attach-policy', policyName: 'p', certificateId: idNumber(key(n)) },
    ],
    read: async (scoped, page) => map(await scoped.policyTargets('p', page), (id) => key(Number.parseInt(id, 16))),
  },
  {
    name: 'templates',
    make: (n) => [{ do: 'create-template', template: templateRecord(`${key(n)}`) }],
    read: async (scoped, page) => map(await scoped.templates(page), ({ name }) => key(Number(name))),
  },
]
