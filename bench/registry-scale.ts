import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  type CertificateId,
  type Change,
  certificateId,
  type Scope,
  type ScopedRegistry,
} from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { FLEET_CA, fillFleet } from './registry-fill.ts'

/*
 * What the registry's reads and writes cost when it holds ten thousand, a million and ten million things, each with a
 * certificate, a policy, a type, a group, a billing group and two attributes. Needs 1.5 KB of disk for a thing.
 *
 *     node bench/registry-scale.ts 10000 1000000 10000000
 */

/** At which sizes to stop, and how often each operation is timed there. */
export interface ScaleSize {
  /** Ascending. */
  readonly things: readonly number[]
  readonly probes: number
}

/** What one operation took at one size: medians in microseconds of the clock. */
export interface Timed {
  /** Of rows chosen at random, which may have to come from the disk. */
  readonly first: number
  /** Of the same rows once more. */
  readonly again: number
  /** Rows that the last probe gave. */
  readonly rows: number
}

/** One size and the operations timed there. */
export interface ScaleStop {
  readonly things: number
  readonly operations: ReadonlyMap<string, Timed>
}

/** Fills a registry and times every operation at each size; `tell` hears of each stop. */
export async function measureRegistryScale(
  { things, probes }: ScaleSize,
  tell: (stop: ScaleStop) => void,
): Promise<readonly ScaleStop[]> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const path = join(folder, 'registry.db')
  const stops: ScaleStop[] = []
  try {
    await prepare(folder)
    let filled = 0
    for (const goal of things) {
      fillFleet(path, filled, goal)
      filled = goal
      const stop = { things: goal, operations: await timeOperations(folder, path, goal, probes) }
      stops.push(stop)
      tell(stop)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  return stops
}

async function prepare(folder: string): Promise<void> {
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  const policy = { name: 'meters', document: '{}', defaultVersionId: '1', createdAt: NOW, modifiedAt: NOW }
  const named = { id: UUID, description: undefined, version: 1, createdAt: NOW }
  const group = { ...named, name: 'all', parentName: undefined, attributes: {}, query: undefined }
  const done = await registry.in(SCOPE).commit([
    { do: 'create-policy', policy: { ...policy, generationId: UUID } },
    { do: 'create-thing-group', group },
    { do: 'create-billing-group', billingGroup: { ...named, name: 'bill' } },
  ])
  if (!done.ok) throw new TypeError(`the registry refused: ${done.reason}`)
  await registry.close()
}

async function timeOperations(
  folder: string,
  path: string,
  things: number,
  probes: number,
): Promise<ReadonlyMap<string, Timed>> {
  const samples = sample(path, things, probes)
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  const timed = new Map<string, Timed>()
  for (const [name, operation] of operationsOn(registry.in(SCOPE), things)) {
    const first = await medianOf(samples, operation)
    const again = await medianOf(samples, operation)
    timed.set(name, { first, again, rows: await operation(samples[0]) })
  }
  await registry.close()
  return timed
}

async function medianOf(samples: Samples, operation: ScaleOperation): Promise<number> {
  const taken: number[] = []
  for (const probe of samples) {
    const start = process.hrtime.bigint()
    await operation(probe)
    taken.push(Number(process.hrtime.bigint() - start) / 1000)
  }
  return taken.toSorted((left, right) => left - right)[taken.length >> 1] ?? 0
}

/** A device chosen at random. */
interface Probe {
  readonly n: number
  readonly certificate: CertificateId
}

type Samples = readonly [Probe, ...Probe[]]

function sample(path: string, things: number, probes: number): Samples {
  const database = new DatabaseSync(path, { readOnly: true })
  const fingerprint = database.prepare('SELECT lower(hex(fingerprint)) AS id FROM certificate WHERE id = ?')
  const choose = (): Probe => {
    const n = Math.floor((systemEntropy.bytes(6).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 48) * things)
    return { n, certificate: idOf(String(fingerprint.get(n + 1)?.['id'])) }
  }
  const chosen: Samples = [choose(), ...Array.from({ length: probes - 1 }, choose)]
  database.close()
  return chosen
}

type ScaleOperation = (probe: Probe) => Promise<number>

/** Every read whose cost could grow with the fleet, and the writes of a device. The number is of the rows given. */
function operationsOn(registry: ScopedRegistry, things: number): readonly (readonly [string, ScaleOperation])[] {
  const { catalog } = registry
  const one = (found: unknown): number => (found === undefined ? 0 : 1)
  const token = (list: string, position: number): string =>
    Buffer.from(`${list}:${Math.max(1, position)}`).toString('base64')
  const page = (list: string, n: number): { readonly limit: number; readonly after: string } => ({
    limit: 25,
    after: token(list, n),
  })
  return [
    ['describe a thing', async ({ n }) => one(await registry.thing(nameOf(n)))],
    ['describe a certificate, by fingerprint', async ({ certificate }) => one(await registry.certificate(certificate))],
    ['list a thing’s principals', async ({ n }) => (await registry.principalsOfThing(nameOf(n))).length],
    ['list a certificate’s things', async ({ certificate }) => (await registry.thingsOfPrincipal(certificate)).length],
    ['list a certificate’s policies', async ({ certificate }) => (await registry.attachedPolicies(certificate)).length],
    ['list 25 things', async ({ n }) => (await registry.things(page('thing', n))).rows.length],
    ['… the last, descending', async () => (await registry.things({ limit: 25, ascending: false })).rows.length],
    ['… by type', async ({ n }) => (await registry.things({ ...page('thing', n), typeName: 'meter' })).rows.length],
    ['… by attribute, one fits', async ({ n }) => (await registry.things({ limit: 25, ...sn(n) })).rows.length],
    [
      '… by attribute, half fit',
      async ({ n }) => (await registry.things({ limit: 25, after: valueToken('north', n), ...NORTH })).rows.length,
    ],
    [
      '… by attribute, value begins',
      async ({ n }) =>
        (await registry.things({ limit: 25, ...sn(n), attributeValue: nameOf(n).slice(6, 12), valueIsPrefix: true }))
          .rows.length,
    ],
    ['… by a common attribute and a rare type', async () => listRare(registry, { ...NORTH })],
    ['… by value’s begin and a rare type', async () => listRare(registry, { ...NORTH, valueIsPrefix: true })],
    ['list 25 certificates', async ({ n }) => (await registry.certificates(page('certificate', n))).rows.length],
    [
      '… by CA',
      async ({ n }) => (await registry.certificatesByCa(idOf(FLEET_CA), page('certificate-by-ca', n))).rows.length,
    ],
    [
      '… by CA, descending',
      async ({ n }) =>
        (await registry.certificatesByCa(idOf(FLEET_CA), { ...page('certificate-by-ca', n), ascending: false })).rows
          .length,
    ],
    [
      'list 25 targets of a policy',
      async ({ n }) => (await registry.policyTargets('meters', page('policy-target', n))).rows.length,
    ],
    [
      'list 25 things in a group',
      async ({ n }) =>
        (await catalog.thingsInGroup('all', { ...page('group-thing:1', n), recursive: true })).rows.length,
    ],
    [
      'list 25 things in a billing group',
      async ({ n }) => (await catalog.thingsInBillingGroup('bill', page('billing-group-thing', n))).rows.length,
    ],
    [
      'search by attribute',
      async ({ n }) =>
        (await catalog.indexed({ by: 'attribute', name: 'sn', value: nameOf(n).slice(6) }, { limit: 25 })).rows.length,
    ],
    [
      'search by a common attribute, 25',
      async ({ n }) =>
        (await catalog.indexed({ by: 'attribute', name: 'site', value: 'north' }, page('index', n))).rows.length,
    ],
    ['update a thing, durably', async ({ n }) => committed(registry, [updateOf(n)])],
    ['deactivate a certificate, durably', async (probe) => committed(registry, [statusOf(probe, things)])],
    ['provision a device and remove it, durably', async ({ n }) => provision(registry, n)],
  ]
}

async function listRare(
  registry: ScopedRegistry,
  filter: Parameters<ScopedRegistry['things']>[0] | object,
): Promise<number> {
  return (await registry.things({ limit: 25, ...filter, typeName: 'rare' })).rows.length
}

async function committed(registry: ScopedRegistry, changes: readonly Change[]): Promise<number> {
  const done = await registry.commit(changes)
  if (!done.ok) throw new TypeError(`the registry refused: ${done.reason}`)
  return changes.length
}

function updateOf(n: number): Change {
  return { do: 'update-thing', name: nameOf(n), attributes: attributesOf(n), typeName: typeOf(n) }
}

function statusOf({ certificate }: Probe, things: number): Change {
  return {
    do: 'set-certificate-status',
    id: certificate,
    from: ['ACTIVE', 'INACTIVE'],
    to: things % 2 === 0 ? 'INACTIVE' : 'ACTIVE',
    at: NOW,
  }
}

async function provision(registry: ScopedRegistry, n: number): Promise<number> {
  const id = idOf(Buffer.from(systemEntropy.bytes(32)).toString('hex'))
  const name = `new-${n}`
  const dates = { notBefore: NOW, notAfter: NOW, createdAt: NOW, modifiedAt: NOW }
  const certificate = { id, pem: 'PEM', mode: 'DEFAULT', caId: idOf(FLEET_CA), ...dates } as const
  const thing = { name, id: UUID, typeName: 'meter', attributes: attributesOf(n), version: 1, createdAt: NOW }
  return committed(registry, [
    {
      do: 'register-certificate',
      certificate: { ...certificate, status: 'INACTIVE', customerVersion: 1, generationId: UUID },
    },
    { do: 'create-thing', thing },
    { do: 'attach-policy', policyName: 'meters', certificateId: id },
    { do: 'attach-thing-principal', thingName: name, certificateId: id, exclusive: false },
    { do: 'detach-thing-principal', thingName: name, certificateId: id },
    { do: 'delete-thing', name },
    { do: 'delete-certificate', id, force: true },
  ])
}

function valueToken(value: string, n: number): string {
  return Buffer.from(`thing-by-value:${n + 1}:${value}`).toString('base64')
}

const nameOf = (n: number): string => `meter-${String(n).padStart(8, '0')}`
const typeOf = (n: number): string => (n < 10 ? 'rare' : 'meter')

function attributesOf(n: number): Readonly<Record<string, string>> {
  return { sn: nameOf(n).slice(6), site: n % 2 === 0 ? 'north' : 'south' }
}

function sn(n: number): { readonly attributeName: string; readonly attributeValue: string } {
  return { attributeName: 'sn', attributeValue: nameOf(n).slice(6) }
}

const NORTH = { attributeName: 'site', attributeValue: 'north' }

function idOf(text: string): CertificateId {
  const id = certificateId(text)
  if (id === undefined) throw new TypeError('64 hex digits are an id')
  return id
}

const SCOPE: Scope = { account: '111122223333', region: 'eu-central-1' }
const NOW = instant(1_767_225_600_000)
const UUID = '00000000-0000-4000-8000-000000000001'

if (import.meta.main) {
  const things = process.argv.slice(2).map(Number)
  const stops = await measureRegistryScale({ things, probes: 1000 }, (stop) => {
    console.log(`${stop.things} things; microseconds, median of rows at random, and of the same once more`)
    for (const [name, { first, again, rows }] of stop.operations)
      console.log(`  ${name.padEnd(44)}${first.toFixed(0).padStart(8)}${again.toFixed(0).padStart(8)}   ${rows} rows`)
  })
  const [smallest, largest] = [stops.at(0), stops.at(-1)]
  for (const [name, { again }] of largest?.operations ?? [])
    console.log(`${name.padEnd(46)} ${(again / (smallest?.operations.get(name)?.again ?? again)).toFixed(2)} times`)
  console.log(`node ${process.version}, SQLite ${process.versions['sqlite']}`)
}
