import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { days } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import type { Authority } from './authority.ts'
import { type AuthorityOptions, openAuthority } from './open.ts'

const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer })

test('what is revoked stays so after opening again, with its reason and its time', async (t) => {
  const { authority, options } = await opened(t)
  const serial = await issue(authority, 'a')
  await issue(authority, 'b')
  await authority.revoke(serial, 'keyCompromise')
  const [revoked, ...others] = authority.revoked
  assert.deepEqual([revoked?.serial, revoked?.reason, others], [serial, 'keyCompromise', []])
  await authority.close()
  const again = await openAuthority(options)
  t.after(() => again.close())
  assert.deepEqual(again.revoked, [revoked])
})

test('a certificate is revoked once, also when it is asked for twice at a time', async (t) => {
  const { authority } = await opened(t)
  const serial = await issue(authority, 'a')
  const both = await Promise.allSettled([1, 2].map(() => authority.revoke(serial, 'superseded')))
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  await assert.rejects(authority.revoke(serial, 'superseded'), { code: 'CERTIFICATE_REVOKED' })
})

test('a serial number that was never issued here is not revoked', async (t) => {
  const { authority } = await opened(t)
  for (const serial of ['40', '', 'ffffffffffffffff', authority.issuing.serialNumber]) {
    await assert.rejects(authority.revoke(serial, 'unspecified'), { code: 'CERTIFICATE_NOT_OURS' })
  }
  assert.deepEqual(authority.revoked, [])
})

test('a repeated request does not get a certificate that was revoked', async (t) => {
  const { authority } = await opened(t)
  await authority.revoke(await issue(authority, 'a'), 'cessationOfOperation')
  await assert.rejects(issue(authority, 'a'), { code: 'CERTIFICATE_REVOKED' })
  assert.ok(await issue(authority, 'b'))
})

test('lists made at a time have different numbers, and the journal opens again', async (t) => {
  const { authority, options } = await opened(t)
  const lists = await Promise.all([1, 2, 3].map(() => authority.revocationList(days(30))))
  assert.equal(new Set(lists.map((der) => Buffer.from(der).toString('hex'))).size, 3)
  await authority.close()
  await assert.rejects(authority.revocationList(days(30)), { code: 'AUTHORITY_CLOSED' })
  await (await openAuthority(options)).close()
})

async function opened(t: TestContext): Promise<{ readonly authority: Authority; readonly options: AuthorityOptions }> {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  return { authority, options }
}

async function issue(authority: Authority, idempotencyKey: string): Promise<string> {
  const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey })
  return parseCertificate(certificate).serialNumber
}
