import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, test } from 'node:test'
import { Fault, instant, isFault, type LogFields, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import type { Change } from '../changes.ts'
import type { ThingFilter } from '../registry.ts'
import { contentsOf } from '../testing/contents.ts'
import { DEVICE_POLICY, deviceChanges } from '../testing/device-changes.ts'
import { certificateRecord, idNumber, SCOPE, thingRecord } from '../testing/records.ts'
import { openDatabase } from './database.ts'
import { GROUP_COMMITS_MAX } from './group-commit.ts'
import { openSqliteRegistry } from './index.ts'
import { PAGE_ROWS_MAX } from './page.ts'
import { MIGRATIONS } from './schema.ts'
import { SqliteRegistry } from './sqlite-registry.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'birthmark-storage-'))
  path = join(folder, 'registry.db')
})
afterEach(() => rm(folder, { recursive: true }))

const open = () => openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
const refused = (code: string) => (error: unknown) => isFault(error, code) && error.blame === 'operator'

test('one opener has the folder, in this process too; it is free again after close', async () => {
  const openers = await Promise.allSettled(Array.from({ length: 8 }, open))
  const winners = openers.filter((opener) => opener.status === 'fulfilled')
  assert.equal(winners.length, 1)
  for (const opener of openers) {
    if (opener.status === 'rejected') assert.ok(refused('DATA_FOLDER_IN_USE')(opener.reason))
  }
  await assert.rejects(open(), refused('DATA_FOLDER_IN_USE'))
  await winners[0]?.value.close()
  await (await open()).close()
})

test('every file is for its owner only', async () => {
  const registry = await open()
  await registry.in(SCOPE).commit([DEVICE_POLICY])
  const files = await readdir(folder)
  assert.deepEqual(files.sort(), ['registry.db', 'registry.db-shm', 'registry.db-wal', 'registry.lock'])
  for (const file of files) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file)
  await registry.close()
})

test('an unusable file is named and left as it is', async () => {
  await (await open()).close()
  const intact = await readFile(path)
  const newer = async () => edit('INSERT INTO schema_version VALUES (99, 0)')
  const foreign = async () => edit('PRAGMA application_id = 1')
  const rows: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    ['a newer version', newer, 'REGISTRY_NEWER'],
    ['another program', foreign, 'REGISTRY_FOREIGN'],
    ['no database at all', () => writeFile(path, 'x'.repeat(5000)), 'REGISTRY_DAMAGED'],
    ['the end is missing', () => truncate(path, 4096 * 3), 'REGISTRY_DAMAGED'],
    ['a page was overwritten', () => writeFile(path, overwritten(intact, 4096 * 4, 4096)), 'REGISTRY_DAMAGED'],
    ['the schema was overwritten', () => writeFile(path, overwritten(intact, 100, 3000)), 'REGISTRY_DAMAGED'],
  ]
  for (const [why, spoil, code] of rows) {
    await writeFile(path, intact)
    await spoil()
    const spoiled = await readFile(path)
    await assert.rejects(open(), refused(code), why)
    assert.ok(spoiled.equals(await readFile(path)), why)
  }
  await writeFile(path, intact)
  await (await open()).close()
})

test('damage that is met later is named too', async () => {
  const registry = await open()
  await registry.in(SCOPE).commit([DEVICE_POLICY, ...deviceChanges(1)])
  await registry.close()
  const logged: LogFields[] = []
  const database = openDatabase(path, instant(0))
  database.exec("UPDATE thing SET attributes = '{'")
  database.exec("UPDATE certificate SET status = 'LOST'")
  const damaged = new SqliteRegistry(database, path, { write: (_, __, fields = {}) => logged.push(fields) }, NO_LOCK)
  await assert.rejects(damaged.in(SCOPE).thing('meter-1'), refused('REGISTRY_DAMAGED'))
  await assert.rejects(damaged.in(SCOPE).certificate(idNumber(1)), refused('REGISTRY_DAMAGED'))
  assert.equal(logged.length, 2)
  await damaged.close()
})

test('a folder without rights is named', async () => {
  await assert.rejects(openSqliteRegistry({ folder: '/dev/null/x', clock: systemClock, log: silentLog }), Fault)
  await chmod(folder, 0o500)
  await asOrdinaryUser(() => assert.rejects(open(), refused('FILE_NOT_PERMITTED')))
  await chmod(folder, 0o700)
  await mkdir(path)
  await assert.rejects(open(), refused('FILE_UNUSABLE'))
})

test('a full disk refuses the commit whole; the next one works once there is space', async () => {
  const database = openDatabase(path, instant(0))
  const registry = new SqliteRegistry(database, path, silentLog, NO_LOCK)
  const scoped = registry.in(SCOPE)
  await scoped.commit([DEVICE_POLICY, ...deviceChanges(1)])
  const before = await contentsOf(scoped)
  const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count'])
  database.exec(`PRAGMA max_page_count = ${pages}`)
  const large: Change = { do: 'create-thing', thing: thingRecord('large', { attributes: { a: 'x'.repeat(100_000) } }) }
  const group = [deviceChanges(2), [large], deviceChanges(3)]
  for (const outcome of await Promise.allSettled(group.map((changes) => scoped.commit(changes)))) {
    assert.ok(outcome.status === 'rejected' && refused('DISK_FULL')(outcome.reason))
  }
  const newScope = registry.in({ ...SCOPE, region: 'us-east-1' })
  await assert.rejects(newScope.commit([large]), refused('DISK_FULL'))
  assert.deepEqual(await contentsOf(scoped), before)
  database.exec('PRAGMA max_page_count = 1000000')
  assert.deepEqual(await Promise.all(group.map((changes) => scoped.commit(changes))), [OK, OK, OK])
  assert.deepEqual(await newScope.commit([large]), OK)
  await registry.close()
  const again = await open()
  assert.equal((await again.in(SCOPE).things({ limit: PAGE_ROWS_MAX })).rows.length, 4)
  assert.equal((await again.in(newScope.scope).things({ limit: PAGE_ROWS_MAX })).rows.length, 1)
  await again.close()
})

test('a record that no column takes fails its own list, not those of the same turn', async () => {
  const registry = await open()
  const scoped = registry.in(SCOPE)
  const broken: Change = { do: 'register-certificate', certificate: certificateRecord(1, { customerVersion: 1.5 }) }
  const outcomes = await Promise.allSettled([
    scoped.commit([{ do: 'create-thing', thing: thingRecord('a') }]),
    scoped.commit([{ do: 'create-thing', thing: thingRecord('b') }, broken]),
    scoped.commit([{ do: 'create-thing', thing: thingRecord('c') }]),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(
    (await scoped.things({ limit: 9 })).rows.map(({ name }) => name),
    ['a', 'c'],
  )
  await registry.close()
})

test('more commits than one group takes keep their order', async () => {
  const registry = await open()
  const heard: string[] = []
  registry.onCommit((_, [change]) => heard.push(change?.do === 'create-thing' ? change.thing.name : ''))
  const names = Array.from({ length: 2 * GROUP_COMMITS_MAX + 3 }, (_, n) => `t${n}`)
  const commit = (name: string) => registry.in(SCOPE).commit([{ do: 'create-thing', thing: thingRecord(name) }])
  await Promise.all(names.map(commit))
  assert.deepEqual(heard, names)
  await registry.close()
})

test('pages by attribute continue at a value and a thing, and case counts', async () => {
  const registry = await open()
  const scoped = registry.in(SCOPE)
  const sites = ['north', 'North', 'north', 'north-west', 'south', 'north']
  const things = sites.map((site, n) => thingRecord(`t${n}`, { attributes: { site, n: String(n) } }))
  await scoped.commit(things.map((thing) => ({ do: 'create-thing', thing })))
  const all = async (filter: ThingFilter): Promise<readonly string[]> => {
    const names: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await scoped.things({ limit: 2, ...filter, ...(after === undefined ? {} : { after }) })
      names.push(...page.rows.map(({ name }) => name))
      after = page.next
      if (after === undefined) return names
    }
  }
  const north = { attributeName: 'site', attributeValue: 'north' }
  assert.deepEqual(await all(north), ['t0', 't2', 't5'])
  assert.deepEqual(await all({ ...north, valueIsPrefix: true }), ['t0', 't2', 't5', 't3'])
  assert.deepEqual((await all({ attributeName: 'site' })).toSorted(), ['t0', 't1', 't2', 't3', 't4', 't5'])
  assert.deepEqual(await all({ attributeName: 'site', attributeValue: '' }), [])
  const foreign = scoped.things({ limit: 2, attributeName: 'site', after: 'AAAA' })
  await assert.rejects(foreign, (error) => isFault(error, 'PAGE_TOKEN_INVALID'))
  await registry.close()
})

test('a registry of an older version is brought forward, step by step, and keeps its rows', async () => {
  const registry = await open()
  await registry.in(SCOPE).commit([DEVICE_POLICY])
  await registry.close()
  const steps = [...MIGRATIONS, 'ALTER TABLE policy ADD COLUMN note TEXT', "UPDATE policy SET note = 'kept'"]
  const database = openDatabase(path, instant(5), steps)
  assert.equal(database.prepare('SELECT note FROM policy').get()?.['note'], 'kept')
  const versions = database.prepare('SELECT version FROM schema_version WHERE applied_at = 5').all()
  assert.deepEqual(
    versions.map(({ version }) => version),
    [2, 3],
  )
  database.close()
  assert.throws(() => openDatabase(path, instant(6), [...steps, 'SELECT nonsense']), /nonsense/)
  openDatabase(path, instant(7), steps).close()
  await assert.rejects(open(), refused('REGISTRY_NEWER'))
})

function edit(sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

function overwritten(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy.fill(0xa5, at, at + length)
  return copy
}

/** Gives up root's power over rights for as long as `body` runs, where there is any. */
async function asOrdinaryUser(body: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return body()
  process.seteuid?.(65_534)
  try {
    await body()
  } finally {
    process.seteuid?.(0)
  }
}

const OK = { ok: true }
const NO_LOCK = { release: () => undefined }

test('a list by attribute looks at a thousand things for a page, and comes to the end of it all the same', async () => {
  const registry = await open()
  const scoped = registry.in(SCOPE)
  const things = Array.from({ length: 2500 }, (_, n) => {
    const typeName = n === 10 || n === 2400 ? 'rare' : 'meter'
    return thingRecord(`t${n}`, { typeName, attributes: { site: n % 500 === 0 ? 'North' : 'north' } })
  })
  await scoped.commit(things.map((thing) => ({ do: 'create-thing', thing }) as const))
  for (const more of [{}, { valueIsPrefix: true }, { ascending: false }]) {
    const pages: number[] = []
    const names: string[] = []
    let after: string | undefined
    do {
      const wanted = { attributeName: 'site', attributeValue: 'north', typeName: 'rare', limit: 250, ...more }
      const page = await scoped.things({ ...wanted, ...(after !== undefined && { after }) })
      pages.push(page.rows.length)
      names.push(...page.rows.map(({ name }) => name))
      after = page.next
    } while (after !== undefined)
    assert.deepEqual(names.toSorted(), ['t10', 't2400'])
    assert.equal(pages.length, 3)
  }
  await registry.close()
})
