import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import type { AuditEntry } from '../access-records.ts'
import type { Change } from '../changes.ts'
import { SCOPE, thingRecord } from '../testing/records.ts'
import { openSqliteRegistry } from './sqlite-registry.ts'

function entry(members: Partial<AuditEntry> = {}): AuditEntry {
  return {
    at: instant(1_767_225_600_000),
    region: SCOPE.region,
    accessKeyId: 'AKIA1',
    keyName: 'first',
    action: 'iot:CreateThing',
    resources: ['*'],
    sourceIp: undefined,
    userAgent: 'Grüße',
    requestId: 'r',
    outcome: 'done',
    code: undefined,
    ...members,
  }
}

const record = (members?: Partial<AuditEntry>): Change => ({ do: 'record-audit', entry: entry(members) })

test('an audit log is its account’s, newest first, narrowed and paged', async (context) => {
  const folder = await scratchFolder(context)
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  context.after(() => registry.close())
  await registry.in(SCOPE).commit([record(), record({ outcome: 'denied', code: 'AccessDeniedException' })])
  await registry.in({ ...SCOPE, region: 'us-east-1' }).commit([record({ accessKeyId: 'AKIA2', sourceIp: '::1' })])
  await registry.in({ ...SCOPE, account: '210987654321' }).commit([record({ action: 'iot:DeleteThing' })])
  const all = await registry.audit(SCOPE.account, { limit: 10 })
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    [3, 2, 1],
  )
  assert.deepEqual(all[2], { ...entry(), sequence: 1 })
  const numbers = async (filter: Partial<Parameters<typeof registry.audit>[1]>): Promise<readonly number[]> =>
    (await registry.audit(SCOPE.account, { limit: 10, ...filter })).map(({ sequence }) => sequence)
  assert.deepEqual(await numbers({ outcome: 'denied' }), [2])
  assert.deepEqual(await numbers({ accessKeyId: 'AKIA2' }), [3])
  assert.deepEqual(await numbers({ action: 'iot:DeleteThing' }), [])
  assert.deepEqual(await numbers({ before: 3, limit: 1 }), [2])
})

test('what goes alongside a commit is there with it or not at all', async (context) => {
  const folder = await scratchFolder(context)
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  context.after(() => registry.close())
  const audited = registry.in(SCOPE, () => [record()])
  const create: Change = { do: 'create-thing', thing: thingRecord('t') }
  assert.deepEqual(await audited.commit([create]), { ok: true })
  assert.deepEqual(await audited.commit([create]), { ok: false, index: 0, reason: 'exists' })
  assert.equal((await registry.audit(SCOPE.account, { limit: 10 })).length, 1)
})

test('beyond its length the oldest entries go', async (context) => {
  const folder = await scratchFolder(context)
  const first = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  await first.in(SCOPE).commit([record(), record(), record()])
  await first.close()
  const database = new DatabaseSync(join(folder, 'registry.db'))
  database.exec('UPDATE audit_entry SET sequence = 1000001 WHERE sequence = 3')
  database.close()
  const second = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  context.after(() => second.close())
  await second.in(SCOPE).commit([record()])
  const kept = await second.audit(SCOPE.account, { limit: 10 })
  assert.deepEqual(
    kept.map(({ sequence }) => sequence),
    [1_000_002, 1_000_001],
  )
})
