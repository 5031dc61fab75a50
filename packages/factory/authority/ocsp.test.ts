import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { days, type Instant, instant, later, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { type CertificateStatus, createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { ocspRequestFor } from '../../../testing/testkit/ocsp-request.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { makeResponder, openResponder } from './ocsp-folder.ts'
import { StatusIndex } from './ocsp-index.ts'
import { StatusResponder } from './ocsp-responder.ts'
import { serveStatus } from './ocsp-server.ts'
import { openAuthority } from './open.ts'

const PASSPHRASE = 'a passphrase of its own'

test('an answer is kept as long as nothing changes, and made anew when it does', async (t) => {
  const { responder, issuing, world } = await prepared(t)
  const request = ocspRequestFor(issuing, '40aa')
  const first = await responder.answer(request)
  assert.ok(first.kept)
  assert.equal(await responder.answer(request), first)
  world.status = { kind: 'revoked', at: world.now, reason: 'keyCompromise' }
  const revoked = await responder.answer(request)
  assert.notDeepEqual(revoked.der, first.der)
  world.now = later(world.now, days(0.6))
  assert.notEqual(await responder.answer(request), revoked)
  const alone = await responder.answer(ocspRequestFor(issuing, '40aa', Uint8Array.of(1)))
  assert.equal(alone.kept, undefined)
})

test('nobody answers for another CA, after the end of its certificate, or without knowing', async (t) => {
  const { responder, issuing, root, world } = await prepared(t)
  assert.equal(refusalIn(await responder.answer(ocspRequestFor(root, '40aa'))), 6)
  world.fails = true
  assert.equal(refusalIn(await responder.answer(ocspRequestFor(issuing, '40aa'))), 3)
  world.fails = false
  world.now = later(world.now, days(91))
  assert.equal(refusalIn(await responder.answer(ocspRequestFor(issuing, '40aa'))), 3)
})

test('arbitrary bytes are answered; nothing is thrown', async (t) => {
  const { responder } = await prepared(t)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      assert.equal(refusalIn(await responder.answer(bytes)), 1)
    }),
  )
})

test('a responder is opened with its own passphrase, while it is valid, and with its own key', async (t) => {
  const { folder, now } = await prepared(t)
  const file = join(folder, 'responder.pem')
  const text = readFileSync(file, 'utf8')
  const refused = (why: RegExp, at = now, passphrase = PASSPHRASE, place = folder): void => {
    assert.throws(() => openResponder(place, passphrase, at), { code: 'RESPONDER_UNFIT', message: why })
  }
  refused(/not there/, now, PASSPHRASE, join(folder, 'elsewhere'))
  refused(/passphrase/, now, 'another')
  refused(/not valid now/, later(now, days(91)))
  const other = await SoftwareSigner.generate('ecdsa-p256-sha256')
  writeFileSync(file, text.replace(/-----BEGIN ENCRYPTED[\s\S]*/, other.toEncryptedPem(PASSPHRASE)))
  refused(/not that of its certificate/)
  const [own = '', issuing = '', key = ''] = text.split(/(?<=-----END [A-Z ]+-----\n)/)
  writeFileSync(file, `${issuing}${own}${key}`)
  refused(/does not allow/)
  writeFileSync(file, 'nothing')
  refused(/responder/)
})

test('an index that is not there is named, and so is a port that is taken', async (t) => {
  const { responder } = await prepared(t)
  const folder = await scratchFolder(t)
  assert.throws(() => StatusIndex.open(folder), { code: 'STATUS_INDEX_MISSING' })
  const options = { responder, host: '127.0.0.1', clock: systemClock, log: silentLog }
  const server = await serveStatus({ ...options, port: 0 })
  t.after(() => server.close())
  await assert.rejects(serveStatus({ ...options, port: server.port }), { code: 'STATUS_PORT_UNUSABLE' })
})

test('an index tells good, revoked and unknown, also after it was made anew', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer })
  const issue = async (): Promise<string> =>
    parseCertificate((await authority.issue({ kind: 'device', csr })).certificate).serialNumber
  const [good, bad] = [await issue(), await issue()]
  await authority.revoke(bad, 'privilegeWithdrawn')
  const index = StatusIndex.open(options.folder)
  t.after(() => index.close())
  const kinds = (): string[] => [good, bad, '40', ''].map((serial) => index.status(serial).kind)
  assert.deepEqual(kinds(), ['good', 'revoked', 'unknown', 'unknown'])
  await authority.close()
  const path = join(options.folder, 'journal.jsonl.index')
  writeFileSync(path, 'nothing')
  await (await openAuthority(options)).close()
  assert.deepEqual(kinds(), ['good', 'revoked', 'unknown', 'unknown'])
})

interface World {
  now: Instant
  status: CertificateStatus
  fails: boolean
}

async function prepared(t: TestContext) {
  const authority = await openAuthority(await newAuthority(t))
  const folder = await scratchFolder(t)
  const certificate = await makeResponder(authority, folder, PASSPHRASE)
  const { issuing, root } = authority
  await authority.close()
  assert.deepEqual(certificate.extendedKeyUsage, ['OCSPSigning'])
  const now = instant(Math.max(systemClock.now(), certificate.notBefore))
  const world: World = { now, status: { kind: 'good' }, fails: false }
  const { responder: signer } = openResponder(folder, PASSPHRASE, now)
  const status = (): CertificateStatus => {
    if (world.fails) throw new Error('the disk is gone')
    return world.status
  }
  const clock = { now: (): Instant => world.now }
  const responder = new StatusResponder({ issuing, signer, status, lasts: days(1), clock, log: silentLog })
  return { responder, issuing, root, folder, now, world }
}

/** The number of a refusal; `undefined` when it is an answer. */
function refusalIn({ der }: { readonly der: Uint8Array }): number | undefined {
  return der.length === 5 ? der[4] : undefined
}
