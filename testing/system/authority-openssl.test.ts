/** Our authority against the openssl command: what it issues must be good in the eyes of a stranger. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Authority, addProfile, CheckedProfile, openAuthority } from '@birthmark/factory/authority'
import { deviceSubject, type IssuedCertificate, type WorkOrder } from '@birthmark/factory/order'
import { days } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthority } from '../testkit/new-authority.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const UID = '0a1b2c3d4e5f6071'
const ORDER: WorkOrder = {
  id: 'PO-1',
  product: 'press',
  count: 10,
  profile: 'device',
  subject: { commonName: '{product}-{uid}', serialNumber: '{uid}' },
  locks: [],
}

test('openssl verifies root, issuing CA and device, and reads the names that the work order gives', async (t) => {
  const { authority, folder } = await opened(t)
  await authority.admit(ORDER)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  for (const profile of ['device', 'vendor-device'] as const) {
    const order = { ...ORDER, id: profile, profile }
    await authority.admit(order)
    const csr = await createCsr({ subject: deviceSubject(order.subject, order.product, UID), signer })
    const files = await save(folder, await authority.station(order.id).issue({ uid: UID, csr }))
    const purpose = profile === 'device' ? ['-purpose', 'sslclient'] : []
    assert.match(openssl('verify', '-x509_strict', ...purpose, ...files.chain), /: OK/)
    const subject = openssl('x509', '-in', files.leaf, '-noout', '-subject', '-nameopt', 'RFC2253')
    assert.equal(subject.trim(), `subject=serialNumber=${UID},CN=press-${UID}`)
  }
})

test('openssl finds the name of the hardware where IEEE 802.1AR has it, and verifies the certificate', async (t) => {
  const options = await newAuthority(t)
  const profile = { format: 'birthmark-profile/1', name: 'born', base: 'idevid', hardwareType: '1.3.6.1.4.1.99999.4' }
  addProfile(options.folder, JSON.stringify(profile), CheckedProfile.parse(JSON.stringify(profile)))
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  await authority.admit({ ...ORDER, profile: 'born' })
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: deviceSubject(ORDER.subject, ORDER.product, UID), signer })
  const files = await save(await scratchFolder(t), await authority.station(ORDER.id).issue({ uid: UID, csr }))
  assert.match(openssl('verify', '-x509_strict', ...files.chain), /: OK/)
  const names = openssl('x509', '-in', files.leaf, '-noout', '-ext', 'subjectAltName')
  assert.match(names, /othername: 1\.3\.6\.1\.5\.5\.7\.8\.4/)
  const whole = openssl('asn1parse', '-in', files.leaf)
  const [, value = ''] = /X509v3 Subject Alternative Name\n[^\n]*\[HEX DUMP\]:([0-9A-F]+)/.exec(whole) ?? []
  assert.match(
    value.toLowerCase(),
    new RegExp(`06092b06010401868d1f0404${(UID.length / 2).toString(16).padStart(2, '0')}${UID}$`),
  )
})

test('openssl verifies an endpoint certificate for its host names', async (t) => {
  const { authority, folder } = await opened(t)
  const csr = await createCsr({
    subject: [],
    subjectAlternativeNames: [
      { type: 'dns', value: 'iot.example' },
      { type: 'ip', value: '127.0.0.1' },
    ],
    signer: await SoftwareSigner.generate('ecdsa-p256-sha256'),
  })
  const files = await save(folder, await authority.issue({ kind: 'endpoint', csr }))
  for (const host of [
    ['-verify_hostname', 'iot.example'],
    ['-verify_ip', '127.0.0.1'],
  ]) {
    assert.match(openssl('verify', '-x509_strict', '-purpose', 'sslserver', ...host, ...files.chain), /: OK/)
  }
})

test('openssl verifies a verification certificate, and reads the registration code as its common name', async (t) => {
  const { authority, folder } = await opened(t)
  const code = '0123456789abcdef'.repeat(4)
  const files = await save(folder, await authority.prove(code))
  assert.match(openssl('verify', '-x509_strict', ...files.chain), /: OK/)
  assert.equal(
    openssl('x509', '-in', files.leaf, '-noout', '-subject', '-nameopt', 'RFC2253').trim(),
    `subject=CN=${code}`,
  )
})

test('openssl opens the keys of an authority with its passphrase, and with no other', async (t) => {
  const { folder, passphrase } = await newAuthority(t)
  for (const file of ['root.key.pem', 'issuing.key.pem']) {
    const pkey = (password: string): string =>
      openssl('pkey', '-in', join(folder, file), '-passin', `pass:${password}`, '-noout', '-check')
    assert.match(pkey(passphrase), /valid/)
    assert.throws(() => pkey('another'), /openssl pkey failed/)
  }
})

test('openssl reads a revocation list, and refuses the certificate on it and no other', async (t) => {
  const { authority, folder } = await opened(t)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer })
  const [bad, good] = [await authority.issue({ kind: 'device', csr }), await authority.issue({ kind: 'device', csr })]
  const { serialNumber } = parseCertificate(bad.certificate)
  await authority.revoke(serialNumber, 'keyCompromise')
  const list = join(folder, 'list.pem')
  await writeFile(list, toPem('X509 CRL', await authority.revocationList(days(30))))

  const refused = await save(folder, bad)
  const text = openssl('crl', '-in', list, '-noout', '-text', '-verify', '-CAfile', join(folder, 'intermediates.pem'))
  assert.match(text, /verify OK/)
  assert.ok(text.includes(`Serial Number: ${serialNumber.toUpperCase()}`))
  assert.match(text, /CRL Number:\s+1\s/)
  assert.match(text, /Key Compromise/)
  assert.throws(() => openssl('verify', '-crl_check', '-CRLfile', list, ...refused.chain), /certificate revoked/)
  const { chain } = await save(folder, good)
  assert.match(openssl('verify', '-crl_check', '-CRLfile', list, ...chain), /: OK/)
})

async function opened(t: TestContext): Promise<{ readonly authority: Authority; readonly folder: string }> {
  const options = await newAuthority(t)
  const authority = await openAuthority({ ...options, endpointNames: ['iot.example', '127.0.0.1'] })
  t.after(() => authority.close())
  return { authority, folder: await scratchFolder(t) }
}

/** Saves a chain. @returns The leaf's file, and the arguments that verify it. */
async function save(
  folder: string,
  issued: IssuedCertificate,
): Promise<{ readonly leaf: string; readonly chain: readonly string[] }> {
  const [root, intermediates, leaf] = ['root.pem', 'intermediates.pem', 'leaf.pem'].map((name) => join(folder, name))
  assert.ok(root && intermediates && leaf)
  await writeFile(root, toPem('CERTIFICATE', issued.root))
  await writeFile(intermediates, issued.intermediates.map((der) => toPem('CERTIFICATE', der)).join(''))
  await writeFile(leaf, toPem('CERTIFICATE', issued.certificate))
  return { leaf, chain: ['-CAfile', root, '-untrusted', intermediates, leaf] }
}

/** Runs openssl; a machine without it fails the test, as does an exit status other than 0. */
function openssl(...args: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (error !== undefined) throw new Error('this test needs the Debian package openssl', { cause: error })
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`)
  return stdout + stderr
}
