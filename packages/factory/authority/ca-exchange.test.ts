import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { days, instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type Certificate, createCsr, parseCertificate, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import type { Authority } from './authority.ts'
import { acceptCertificate, importAuthority, requestCertificate } from './ca-exchange.ts'
import { createAuthority } from './create.ts'
import { pathOf } from './folder.ts'
import { keptKeyUri } from './key-uri.ts'
import { KNOWN_SERIALS_COUNT_MAX, parseKnownSerials } from './known-serials.ts'
import { type AuthorityOptions, openAuthority } from './open.ts'
import { CheckedProfile } from './profile-file.ts'

const PORTS = { clock: systemClock, entropy: systemEntropy, log: silentLog }
const passphrase = 'a passphrase for tests'
const name = (text: string): { type: string; value: string }[] => [{ type: 'CN', value: text }]

test('a root signs an intermediate, which signs an issuing CA of another company, which signs a device', async (t) => {
  const root = await openRoot(t)
  const intermediate = await requested(t, 'cas')
  const middle = await sign(root, intermediate.csr, 'intermediate-ca')
  await acceptCertificate({ ...intermediate, certificates: middle, ...PORTS })
  const between = await opened(t, intermediate)

  const issuing = await requested(t, 'devices')
  await assert.rejects(openAuthority(issuing), { code: 'CA_CERTIFICATE_AWAITED' })
  await acceptCertificate({
    ...issuing,
    certificates: (await sign(between, issuing.csr, 'issuing-ca')).toReversed(),
    ...PORTS,
  })
  const authority = await opened(t, issuing)
  const issued = await authority.issue({ kind: 'device', csr: await csrOf('meter-1') })
  const path = [issued.certificate, ...issued.intermediates, issued.root].map((der) => parseCertificate(der))
  assert.equal(path.length, 4)
  for (const [index, certificate] of path.entries()) {
    assert.ok(certificate.isSignedBy(path[index + 1] ?? certificate), String(index))
  }
  assert.deepEqual([root.issuedCount, between.issuedCount], [1, 1])
  assert.ok(!existsSync(pathOf(issuing.folder, 'request')))
  await assert.rejects(acceptCertificate({ ...issuing, certificates: middle, ...PORTS }), {
    code: 'CA_REQUEST_MISSING',
  })
})

test('a root and an intermediate sign CAs and nothing else, and no CA above their path length', async (t) => {
  const root = await openRoot(t)
  const csr = await csrOf('x')
  await assert.rejects(root.issue({ kind: 'device', csr }), { code: 'AUTHORITY_PURPOSE_OTHER' })
  await assert.rejects(root.issue({ kind: 'endpoint', csr }), { code: 'AUTHORITY_PURPOSE_OTHER' })
  await assert.rejects(root.issue({ kind: 'ca', csr, profile: 'device' }), { code: 'AUTHORITY_PURPOSE_OTHER' })
  const intermediate = await requested(t, 'cas')
  const certificates = await sign(root, intermediate.csr, 'intermediate-ca')
  await acceptCertificate({ ...intermediate, certificates, ...PORTS })
  const between = await opened(t, intermediate)
  const short = { format: 'birthmark-profile/1', name: 'short', base: 'intermediate-ca', validity: { days: 10 } }
  await assert.rejects(between.issue({ kind: 'ca', csr, profile: CheckedProfile.parse(JSON.stringify(short)) }), {
    code: 'CERTIFICATE_LINT_FAILED',
    message: /issuer-path-length/,
  })
})

test('what comes back is refused when it is for another key, without its root, expired, or cannot sign', async (t) => {
  const root = await openRoot(t)
  const asked = await requested(t, 'devices')
  const good = await sign(root, asked.csr, 'issuing-ca')
  const accept = (certificates: readonly Certificate[], now = systemClock.now()): Promise<unknown> =>
    acceptCertificate({ ...asked, certificates, clock: { now: () => now }, log: silentLog })
  const refused = (message: RegExp): object => ({ code: 'CA_CERTIFICATE_REFUSED', message })
  const other = await sign(root, await csrOf('other'), 'issuing-ca')
  await assert.rejects(accept(other), refused(/none of the certificates is for the key/))
  await assert.rejects(accept(good.slice(0, 1)), refused(/issuers up to a self-signed root are not all there/))
  await assert.rejects(accept(good, instant(systemClock.now() + days(31 * 365))), refused(/valid only from/))

  // A CA that may sign no CA, and one whose path length leaves no room for it.
  const leaf = await openAuthority(await newAuthority(t))
  t.after(() => leaf.close())
  const device = await leaf.issue({ kind: 'device', csr: asked.csr })
  const chain = [device.certificate, ...device.intermediates, device.root].map((der) => parseCertificate(der))
  await assert.rejects(accept(chain), refused(/is no CA/))
  const tight = await requested(t, 'cas')
  const certificates = await sign(root, tight.csr, 'issuing-ca')
  await assert.rejects(acceptCertificate({ ...tight, certificates, ...PORTS }), refused(/path length of 0/))

  await assert.rejects(acceptCertificate({ ...asked, passphrase: 'another', certificates: good, ...PORTS }), {
    code: 'AUTHORITY_PASSPHRASE_WRONG',
  })
  await accept(good)
  await (await openAuthority(asked)).close()
})

test('an acceptance that a crash cut short is done again', async (t) => {
  const root = await openRoot(t)
  const asked = await requested(t, 'devices')
  const certificates = await sign(root, asked.csr, 'issuing-ca')
  const request = pathOf(asked.folder, 'request')
  const before = readdirSync(asked.folder)
  await acceptCertificate({ ...asked, certificates, ...PORTS })
  rmSync(pathOf(asked.folder, 'issuingCertificate'))
  writeFileSync(request, toPem('CERTIFICATE REQUEST', asked.csr))
  await acceptCertificate({ ...asked, certificates, ...PORTS })
  await (await openAuthority(asked)).close()
  assert.ok(before.includes('issuing.csr.pem'))
})

test('an imported CA issues on, never under a serial number that exists, and can revoke those', async (t) => {
  const old = await newAuthority(t)
  const before = await openAuthority(old)
  const first = parseCertificate((await before.issue({ kind: 'device', csr: await csrOf('first') })).certificate)
  await before.close()
  const signer = SoftwareSigner.fromEncryptedPem(readFileSync(pathOf(old.folder, 'issuingKey'), 'utf8'), passphrase)
  const folder = join(await scratchFolder(t), 'imported')
  const { issuing, root } = before
  const known = parseKnownSerials(`${first.serialNumber}\n${'41'.repeat(16)}\n`)
  const imported = { folder, passphrase, key: { kind: 'import', signer }, known, ...PORTS } as const
  await importAuthority({ ...imported, certificates: [root, issuing] })
  // The random generator would give the number of a certificate that exists, and then another one.
  const bytes = [new Uint8Array(16).fill(0x41), new Uint8Array(16).fill(0x42)]
  const entropy = { bytes: (count: number) => bytes.shift() ?? systemEntropy.bytes(count) }
  const authority = await openAuthority({ folder, passphrase, ...PORTS, entropy })
  t.after(() => authority.close())
  const second = parseCertificate((await authority.issue({ kind: 'device', csr: await csrOf('second') })).certificate)
  assert.equal(second.serialNumber, '42'.repeat(16))
  assert.ok(second.isSignedBy(issuing))
  await authority.revoke(first.serialNumber, 'superseded')
  await assert.rejects(authority.revoke('0102', 'superseded'), { code: 'CERTIFICATE_NOT_OURS' })

  const elsewhere = join(await scratchFolder(t), 'imported')
  await assert.rejects(importAuthority({ ...imported, folder: elsewhere, certificates: [root] }), {
    code: 'CA_CERTIFICATE_REFUSED',
  })
  assert.ok(!existsSync(elsewhere))
})

test('a self-signed CA is imported as what it is: no intermediates above its devices', async (t) => {
  const folder = join(await scratchFolder(t), 'old')
  const made = await createAuthority({ folder, passphrase, rootName: name('Old'), ...PORTS })
  const pem = readFileSync(pathOf(folder, 'rootKey'), 'utf8')
  const signer = SoftwareSigner.import(pem, passphrase)
  const options = { folder: `${folder}-imported`, passphrase }
  await importAuthority({ ...options, key: { kind: 'import', signer }, certificates: [made.root], ...PORTS })
  const authority = await opened(t, { ...options, ...PORTS })
  const issued = await authority.issue({ kind: 'device', csr: await csrOf('meter') })
  assert.deepEqual(issued.intermediates, [])
  assert.ok(parseCertificate(issued.certificate).isSignedBy(made.root))
})

test('a CA signs as many certificates as its settings allow; repetitions are not counted', async (t) => {
  const options = await newAuthority(t, { settings: { certificatesMax: 2 } })
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const csr = await csrOf('a')
  const asked = [1, 2, 3, 4].map((n) => authority.issue({ kind: 'device', csr, idempotencyKey: `k${n}` }))
  const done = await Promise.allSettled(asked)
  assert.deepEqual(done.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected', 'rejected'])
  const again = await authority.issue({ kind: 'device', csr, idempotencyKey: 'k1' })
  assert.ok(again.certificate.length > 0)
  await assert.rejects(authority.issue({ kind: 'device', csr }), { code: 'AUTHORITY_USED_UP', message: /2 cert/ })
  await assert.rejects(authority.prove('0'.repeat(64)), { code: 'AUTHORITY_USED_UP' })
})

test('ML-DSA-65 needs the word of whoever makes the authority, for its keys and for its devices', async (t) => {
  const folder = join(await scratchFolder(t), 'pq')
  const make = {
    folder,
    passphrase,
    rootName: name('R'),
    issuingName: name('I'),
    algorithm: 'ml-dsa-65',
    ...PORTS,
  } as const
  await assert.rejects(createAuthority(make), { code: 'KEY_ALGORITHM_NOT_ALLOWED' })
  await createAuthority({ ...make, settings: { mlDsa: true } })
  const authority = await opened(t, { folder, passphrase, ...PORTS })
  const csr = await createCsr({ subject: name('m'), signer: await SoftwareSigner.generate('ml-dsa-65') })
  const issued = parseCertificate((await authority.issue({ kind: 'device', csr })).certificate)
  assert.ok(issued.isSignedBy(authority.issuing))
  assert.deepEqual([issued.keyAlgorithm, authority.issuing.keyAlgorithm], ['ml-dsa-65', 'ml-dsa-65'])
  const plain = await openAuthority(await newAuthority(t))
  t.after(() => plain.close())
  await assert.rejects(plain.issue({ kind: 'device', csr }), { code: 'CSR_KEY_UNSUPPORTED' })
})

test('lists of serial numbers are read in three forms', () => {
  assert.deepEqual(parseKnownSerials('# old\n0x01\n01\nAB:CD\n\n00ff\r\n'), [
    { serial: '01' },
    { serial: 'abcd' },
    { serial: 'ff' },
  ])
  const index = [
    'V\t330101000000Z\t\t1000\tunknown\t/CN=a',
    'R\t330101000000Z\t250102030405Z,keyCompromise\t1001\tunknown\t/CN=b',
    'R\t20510101000000Z\t20500102030405Z\t01F\tunknown\t/CN=c',
    'E\t200101000000Z\t\t1003\tunknown\t/CN=d',
  ].join('\n')
  assert.deepEqual(parseKnownSerials(index), [
    { serial: '1000' },
    { serial: '1001', revoked: { at: Date.UTC(2025, 0, 2, 3, 4, 5), reason: 'keyCompromise' } },
    { serial: '1f', revoked: { at: Date.UTC(2050, 0, 2, 3, 4, 5), reason: 'unspecified' } },
    { serial: '1003' },
  ])
  for (const text of ['xyz', 'V\t1\t2', '12'.repeat(22), 'R\tx\tnever\t01\tunknown\t/CN=a', `${'ff'.repeat(21)}`]) {
    assert.throws(() => parseKnownSerials(`01\n${text}`), { code: 'KNOWN_SERIALS_UNREADABLE', message: /line 2/ })
  }
  const many = Array.from({ length: KNOWN_SERIALS_COUNT_MAX + 1 }, (_, n) => n.toString(16)).join('\n')
  assert.throws(() => parseKnownSerials(many), { code: 'KNOWN_SERIALS_UNREADABLE', message: /at most/ })
})

test('a key’s URI is kept with the whole path of its PIN, and never with the PIN', async () => {
  const uri = 'pkcs11:token=a;object=b?module-path=/m.so'
  const here = encodeURI(process.cwd())
  for (const [given, kept] of [
    ['', ''],
    ['&pin-source=/pin', '&pin-source=/pin'],
    ['&pin-source=file:/p%26q', '&pin-source=/p%26q'],
    ['&pin-source=a%20b&x=1', `&pin-source=${here}/a%20b&x=1`],
  ]) {
    assert.equal(await keptKeyUri(`${uri}${given}`), `${uri}${kept}`)
  }
  assert.equal(await keptKeyUri('pkcs11:pin-source=p;object=b'), `pkcs11:pin-source=${here}/p;object=b`)
  for (const wrong of [
    'file:x',
    `${uri}&pin-value=1`,
    `${uri}&pin-source=%`,
    `${uri}&pin-source=|rm`,
    `${uri}&object=c`,
  ]) {
    await assert.rejects(keptKeyUri(wrong), { code: 'KEY_URI_INVALID' })
  }
})

test('settings that are damaged keep the authority closed', async (t) => {
  const options = await newAuthority(t, { settings: { mlDsa: true } })
  writeFileSync(pathOf(options.folder, 'settings'), '{"format":"birthmark-authority/1","signs":"all"}')
  await assert.rejects(openAuthority(options), { code: 'SETTINGS_INVALID', message: /signs must be/ })
})

test('a key in the folder needs its passphrase', async (t) => {
  const { folder } = await newAuthority(t)
  await assert.rejects(openAuthority({ folder, ...PORTS }), { code: 'AUTHORITY_PASSPHRASE_MISSING' })
  const place = { folder: `${folder}2`, rootName: name('R'), ...PORTS }
  // The draft of the folder has a name of its own, which is gone when somebody reads this.
  await assert.rejects(createAuthority(place), {
    code: 'AUTHORITY_PASSPHRASE_MISSING',
    message: `a key in ${folder}2 is encrypted, and no passphrase was given`,
    context: { folder: `${folder}2` },
  })
  await assert.rejects(openAuthority({ folder: `${folder}2`, ...PORTS }), {
    code: 'AUTHORITY_MISSING',
    message: `there is no authority in ${folder}2: the folder is missing`,
  })
})

async function openRoot(t: TestContext): Promise<Authority> {
  const folder = join(await scratchFolder(t), 'root')
  await createAuthority({ folder, passphrase, rootName: name('Root'), algorithm: 'ecdsa-p384-sha384', ...PORTS })
  return opened(t, { folder, passphrase, ...PORTS })
}

async function opened(t: TestContext, options: AuthorityOptions): Promise<Authority> {
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  return authority
}

async function requested(t: TestContext, signs: 'devices' | 'cas'): Promise<AuthorityOptions & { csr: Uint8Array }> {
  const folder = join(await scratchFolder(t), 'ca')
  const csr = await requestCertificate({ folder, passphrase, name: name(`CA for ${signs}`), settings: { signs } })
  return { folder, passphrase, csr, ...PORTS }
}

async function sign(authority: Authority, csr: Uint8Array, profile: string): Promise<readonly Certificate[]> {
  const issued = await authority.issue({ kind: 'ca', csr, profile })
  return [issued.certificate, ...issued.intermediates, issued.root].map((der) => parseCertificate(der))
}

async function csrOf(commonName: string): Promise<Uint8Array> {
  return createCsr({ subject: name(commonName), signer: await SoftwareSigner.generate('ecdsa-p256-sha256') })
}
