import assert from 'node:assert/strict'
import { copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { days } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import type { Authority } from './authority.ts'
import { type AuthorityOptions, openAuthority } from './open.ts'

const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer })

test('a folder without an index, as earlier versions left it, gets one that says the same', async (t) => {
  const { options, index } = await filled(t)
  const before = await seen(options)
  await rm(index)
  assert.deepEqual(await seen(options), before)
  await writeFile(index, 'no database at all'.repeat(500))
  assert.deepEqual(await seen(options), before)
})

test('an index that a crash left behind its journal catches up', async (t) => {
  const { options, index } = await filled(t)
  await copyFile(index, `${index}.old`)
  await work(options, async (authority) => {
    const serial = await issue(authority, 'later')
    await authority.revoke(serial, 'keyCompromise')
    await authority.lists.full(days(1))
  })
  const before = await seen(options)
  await copyFile(`${index}.old`, index)
  assert.deepEqual(await seen(options), before)
})

test('an old copy of the journal, or a line changed in it, is refused: the index knows what is missing', async (t) => {
  const { options, journal } = await filled(t)
  const old = await readFile(journal)
  await work(options, (authority) => issue(authority, 'later'))
  const whole = await readFile(journal)
  await writeFile(journal, old)
  await assert.rejects(openAuthority(options), { code: 'LEDGER_DAMAGED', message: /not there any more/ })
  await writeFile(journal, whole.toString().replace('"reason":"keyCompromise"', '"reason":"unspecified"'))
  await assert.rejects(openAuthority(options), { code: 'LEDGER_DAMAGED' })
  await writeFile(journal, whole)
  await work(options, async (authority) => assert.equal(authority.issuedCount, 4))
})

test('a certificate is looked up by its number, with its state; a number that is none is not found', async (t) => {
  const { options, serials } = await filled(t)
  await work(options, async (authority) => {
    const [good = '', revoked = ''] = serials
    const known = await authority.lookUp(good)
    assert.equal(known?.state, 'issued')
    assert.equal(known.ended, undefined)
    assert.equal(parseCertificate(known.certificate ?? new Uint8Array()).serialNumber, good)
    assert.equal((await authority.lookUp(revoked))?.ended?.reason, 'keyCompromise')
    for (const serial of ['', 'zz', '00', `${good}00`]) assert.equal(await authority.lookUp(serial), undefined)
    assert.equal(authority.revokedCount, 1)
  })
})

test('many revocations at a time are all on record', async (t) => {
  const options = await newAuthority(t)
  await work(options, async (authority) => {
    const serials = await Promise.all(Array.from({ length: 40 }, (_, n) => issue(authority, `meter-${n}`)))
    const done = await Promise.allSettled(
      [...serials, ...serials].map((serial) => authority.revoke(serial, 'superseded')),
    )
    assert.equal(done.filter(({ status }) => status === 'fulfilled').length, 40)
  })
  await work(options, async (authority) => assert.equal(authority.revoked.length, 40))
})

test('a random generator that repeats itself signs nothing', async (t) => {
  const options = await newAuthority(t)
  const entropy = { bytes: (count: number) => new Uint8Array(count).fill(7) }
  await work({ ...options, entropy }, async (authority) => {
    await issue(authority, 'a')
    await assert.rejects(issue(authority, 'b'), { code: 'ENTROPY_BROKEN' })
    assert.equal(authority.issuedCount, 1)
    assert.deepEqual(authority.unresolved, [])
  })
})

test('the index is for this user alone, and leaves nothing beside it when it is closed', async (t) => {
  const { options, index } = await filled(t)
  assert.equal((await stat(index)).mode & 0o777, 0o600)
  await assert.rejects(stat(`${index}-wal`), { code: 'ENOENT' })
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  await issue(authority, 'more')
  assert.equal((await stat(`${index}-wal`)).mode & 0o777, 0o600)
})

interface Filled {
  readonly options: AuthorityOptions
  readonly journal: string
  readonly index: string
  readonly serials: readonly string[]
}

/** An authority with three certificates, the second of which is revoked, and an order. */
async function filled(t: TestContext): Promise<Filled> {
  const options = await newAuthority(t)
  const serials: string[] = []
  await work(options, async (authority) => {
    for (const name of ['a', 'b', 'c']) serials.push(await issue(authority, name))
    await authority.revoke(serials[1] ?? '', 'keyCompromise')
    const subject = { commonName: '{uid}' }
    await authority.admit({ id: 'PO-1', product: 'press', count: 3, profile: 'device', subject, locks: [] })
  })
  const journal = join(options.folder, 'journal.jsonl')
  return { options, journal, index: `${journal}.index`, serials }
}

async function seen(options: AuthorityOptions): Promise<object> {
  return work(options, async (authority) => {
    const { issuedCount, revokedCount, revoked, voided, unresolved } = authority
    return { issuedCount, revokedCount, revoked, voided, unresolved, repeated: await issue(authority, 'a') }
  })
}

async function work<Value>(options: AuthorityOptions, job: (authority: Authority) => Promise<Value>): Promise<Value> {
  const authority = await openAuthority(options)
  try {
    return await job(authority)
  } finally {
    await authority.close()
  }
}

async function issue(authority: Authority, idempotencyKey: string): Promise<string> {
  const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey })
  return parseCertificate(certificate).serialNumber
}
