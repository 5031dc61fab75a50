import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { days, later, seconds, toHex } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import type { Authority } from './authority.ts'
import { openAuthority } from './open.ts'
import { keepPublished, publishLists } from './revocation-folder.ts'

const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer })
const URL_OF_LISTS = 'http://pki.example:8888/acme'

test('certificates fill one shard after the other, also at a time, and after opening again', async (t) => {
  const options = await newAuthority(t)
  const first = await openAuthority(options)
  await issue(first)
  await first.lists.distribute({ url: URL_OF_LISTS, shardSize: 3 })
  const many = await Promise.all(Array.from({ length: 7 }, () => issue(first)))
  assert.deepEqual(
    // Their requests are verified on several threads: they come in any order.
    many.map(({ named }) => named ?? 0).sort((left, right) => left - right),
    [1, 1, 1, 2, 2, 2, 3],
  )
  await first.close()
  const again = await openAuthority(options)
  t.after(() => again.close())
  const more = [await issue(again), await issue(again), await issue(again)]
  assert.deepEqual(
    more.map(({ named }) => named),
    [3, 3, 4],
  )
  assert.deepEqual(
    again.lists.shards.map(({ certificates }) => certificates),
    [3, 3, 3, 1],
  )
  assert.equal(again.lists.outsideShards, 1)
  // The same again changes nothing; another place begins a shard of its own.
  await again.lists.distribute({ url: URL_OF_LISTS, shardSize: 3 })
  assert.equal((await issue(again)).named, 4)
  await again.lists.distribute({ url: 'http://elsewhere.example', shardSize: 3 })
  const moved = await issue(again)
  assert.ok(moved.text.includes('http://elsewhere.example/crl/5.crl'))
  assert.ok(moved.text.includes('http://elsewhere.example/ocsp'))
  assert.equal(again.lists.shards[4]?.url, 'http://elsewhere.example/crl/5.crl')
})

test('a verification certificate names no list, and a refused request takes no place in a shard', async (t) => {
  const authority = await opened(t)
  await authority.lists.distribute({ url: URL_OF_LISTS, shardSize: 1 })
  const { certificate } = await authority.prove('0'.repeat(64))
  assert.ok(!Buffer.from(certificate).includes('http://'))
  const noName = await createCsr({ subject: [], signer })
  await assert.rejects(authority.issue({ kind: 'device', csr: noName, profile: 'idevid' }))
  assert.equal((await issue(authority)).named, 1)
  assert.equal((await issue(authority)).named, 2)
})

test('a list holds its own shard alone, and an addition what came after it', async (t) => {
  const authority = await opened(t)
  await authority.lists.distribute({ url: URL_OF_LISTS, shardSize: 2 })
  const [a, b, c] = [await issue(authority), await issue(authority), await issue(authority)]
  await authority.revoke(a.serial, 'superseded')
  await authority.revoke(c.serial, 'superseded')
  const holds = (list: Uint8Array) => [a, b, c].map(({ serial }) => toHex(list).includes(serial))
  assert.deepEqual(holds(await authority.lists.shard(1, days(7))), [true, false, false])
  assert.deepEqual(holds(await authority.lists.shard(2, days(7))), [false, false, true])
  assert.deepEqual(holds(await authority.lists.full(days(7))), [true, false, true])
  await authority.revoke(b.serial, 'superseded')
  assert.deepEqual(holds(await authority.lists.addition(1, seconds(60))), [false, true, false])
  assert.deepEqual(holds(await authority.lists.shard(1, days(7))), [true, true, false])
  assert.deepEqual(holds(await authority.lists.addition(1, seconds(60))), [false, false, false])
})

test('what cannot be listed, or written into certificates, is refused', async (t) => {
  const authority = await opened(t)
  for (const url of [
    'https://pki.example',
    'http://pki.example/',
    'http://pki.example?a',
    `http://${'a'.repeat(200)}`,
  ]) {
    await assert.rejects(authority.lists.distribute({ url, shardSize: 10 }), { code: 'DISTRIBUTION_INVALID' })
  }
  for (const shardSize of [0, 1.5, 1_000_001]) {
    await assert.rejects(authority.lists.distribute({ url: URL_OF_LISTS, shardSize }), { code: 'DISTRIBUTION_INVALID' })
  }
  await assert.rejects(authority.lists.shard(1, days(1)), { code: 'SHARD_UNKNOWN' })
  await authority.lists.distribute({ url: URL_OF_LISTS, shardSize: 10 })
  await issue(authority)
  await assert.rejects(authority.lists.addition(1, days(1)), { code: 'LIST_BASE_MISSING' })
})

test('publishing writes what certificates name; later only what is to be added', async (t) => {
  const authority = await opened(t)
  const folder = await scratchFolder(t)
  const lasts = days(7)
  assert.deepEqual(await publishLists(authority, { folder, lasts }), { full: 0, additions: 0, all: true })
  await authority.lists.distribute({ url: URL_OF_LISTS, shardSize: 1 })
  await issue(authority)
  assert.deepEqual(await publishLists(authority, { folder, lasts }), { full: 1, additions: 1, all: false })
  await issue(authority)
  const later = await publishLists(authority, { folder, lasts, additionsLast: seconds(60) })
  assert.deepEqual(later, { full: 1, additions: 2, all: false })
  assert.deepEqual(readdirSync(join(folder, 'crl')).sort(), ['1-delta.crl', '1.crl', '2-delta.crl', '2.crl', 'all.crl'])
  assert.ok(existsSync(join(folder, 'issuer.crt')))
})

test('lists that are kept are written at once, later added to, then made anew; a failure ends nothing', async (t) => {
  const authority = await opened(t)
  const folder = await scratchFolder(t)
  await authority.lists.distribute({ url: URL_OF_LISTS, shardSize: 10 })
  const { serial } = await issue(authority)
  let now = systemClock.now()
  let [due, failures] = [() => undefined as void, 0]
  const kept = await keepPublished(authority, {
    folder,
    lasts: days(2),
    every: seconds(600),
    clock: { now: () => now },
    timers: { after: (_delay, task) => ((due = task), () => undefined) },
    log: { write: () => (failures += 1) },
  })
  const [full, addition] = [join(folder, 'crl/1.crl'), join(folder, 'crl/1-delta.crl')]
  const first = readFileSync(full)
  const passes = async (): Promise<void> => {
    const [task, before] = [due, failures]
    task()
    while (due === task && failures === before) await new Promise(setImmediate)
  }
  await authority.revoke(serial, 'superseded')
  await passes()
  assert.deepEqual(readFileSync(full), first)
  assert.ok(readFileSync(addition).toString('hex').includes(serial))
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'in the way')
  await passes()
  while (failures === 0) await new Promise(setImmediate)
  rmSync(folder)
  await new Promise(setImmediate)
  now = later(now, days(1))
  await passes()
  assert.ok(readFileSync(full).toString('hex').includes(serial))
  await kept.stop()
})

async function opened(t: TestContext): Promise<Authority> {
  const authority = await openAuthority(await newAuthority(t))
  t.after(() => authority.close())
  return authority
}

interface Issued {
  readonly serial: string
  readonly text: string
  /** The number of the list that the certificate names. */
  readonly named: number | undefined
}

async function issue(authority: Authority): Promise<Issued> {
  const { certificate } = await authority.issue({ kind: 'device', csr })
  const text = Buffer.from(certificate).toString('latin1')
  const named = /\/crl\/(\d+)\.crl/.exec(text)?.[1]
  return {
    serial: parseCertificate(certificate).serialNumber,
    text,
    named: named === undefined ? undefined : Number(named),
  }
}
