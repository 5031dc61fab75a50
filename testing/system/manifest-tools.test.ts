/**
 * Manifests that other programs make, and ours that others read: archives of 7-Zip, bundles of OpenSSL, signatures of
 * the npm package jose. Needs the Debian packages 7zip and openssl.
 */
import assert from 'node:assert/strict'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type ManifestInput,
  type ManifestRow,
  readManifest,
  writeDeviceList,
  writePemBundle,
} from '@birthmark/factory/manifest'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { FlattenedSign, flattenedVerify } from 'jose'
import { runProgram } from '../testkit/run-program.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { microchipElement, newVendor, pkcs7Bundle } from '../testkit/vendor-manifests.ts'

const vendor = await newVendor()
const chips = await Promise.all(['aa', 'bb', 'cc'].map((byte) => vendor.chip(byte.repeat(9))))
const fingerprints = chips.map(({ certificate }) => certificate.fingerprint)
const authorities = vendor.issuing.toPem()

test('Infineon: the files of the chosen inner archive give their certificates, each under its name', async (t) => {
  const folder = await infineonFolder(t)
  const path = await bundle(folder, ['E0E0', 'E0E1'])
  const rows = await read({ path, format: 'infineon', slot: 'E0E0' })
  assert.deepEqual(
    rows.map((row) => row.ok && [row.row, row.name, row.devices[0]?.fingerprint]),
    [
      [1, 'chip-0.pem', fingerprints[0]],
      [2, 'chip-1.pem', fingerprints[1]],
      [3, 'chip-2.pem', fingerprints[2]],
    ],
  )
  await refuses({ path, format: 'infineon' }, /choose one of E0E0, E0E1/)
  await refuses({ path, format: 'infineon', slot: 'E0E3' }, /no archive for "E0E3"/)
})

test('Infineon: one inner archive need not be named, and the archive of files may come alone, DER too', async (t) => {
  const folder = await infineonFolder(t)
  writeFileSync(join(folder, 'certs', 'chip-1.pem'), chips[1]!.certificate.der)
  const alone = join(folder, 'Lot_E0E0_Certs.7z')
  await sevenZip(['a', alone, join(folder, 'certs', '*')])
  for (const path of [alone, await bundle(folder, ['E0E0'])]) {
    const rows = await read({ path, format: 'infineon' })
    assert.deepEqual(
      rows.map((row) => row.ok && row.devices[0]?.fingerprint),
      fingerprints,
    )
  }
})

test('Infineon: a wrong file costs its own row: oversized, empty of certificates, a link', async (t) => {
  const folder = await scratchFolder(t)
  const files = join(folder, 'files')
  mkdirSync(files)
  writeFileSync(join(files, 'a.pem'), chips[0]!.certificate.toPem())
  writeFileSync(join(files, 'b.pem'), 'hello')
  writeFileSync(join(files, 'c.pem'), Buffer.alloc(300_000))
  symlinkSync('/etc/hostname', join(files, 'd.pem'))
  writeFileSync(join(files, 'e.pem'), chips[1]!.certificate.toPem())
  const path = join(folder, 'files.7z')
  await sevenZip(['a', '-snl', path, join(files, '*')])
  const rows = await read({ path, format: 'infineon' })
  assert.deepEqual(
    rows.map(({ ok }) => ok),
    [true, false, false, false, true],
  )
  assert.deepEqual(
    rows.map((row) => !row.ok && row.problems[0]?.check),
    [false, 'certificate', 'limit', 'certificate', false],
  )
})

test('Infineon: a bomb, another kind of archive, a locked and a damaged one are refused; none is left', async (t) => {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  // Two gigabytes and a byte of zeros, in three megabytes.
  await zeros(file('bomb'), 2_147_483_649)
  await sevenZip(['a', '-mx1', '-m0=Deflate', file('bomb.7z'), file('bomb')])
  await zeros(file('zeros'), 1_000_000)
  await sevenZip(['a', '-tzip', file('zip.7z'), file('zeros')])
  await sevenZip(['a', '-psecret', '-mhe=on', file('locked.7z'), file('zeros')])
  await sevenZip(['a', '-psecret', file('half-locked.7z'), file('zeros')])
  await sevenZip(['a', file('whole.7z'), file('zeros')])
  writeFileSync(file('text.7z'), 'hello')
  writeFileSync(file('empty.7z'), '')
  const damaged = readFileSync(file('whole.7z'))
  damaged.fill(0xff, 40, 60)
  writeFileSync(file('damaged.7z'), damaged)
  const before = leftovers()
  await refuses({ path: file('bomb.7z'), format: 'infineon' }, /unpacks to more than 2147483648 bytes/)
  for (const name of ['zip.7z', 'locked.7z', 'half-locked.7z', 'text.7z', 'empty.7z', 'damaged.7z']) {
    await refuses(
      { path: file(name), format: 'infineon' },
      /7-Zip does not read it|password|too early|do not agree|not in order/,
    )
  }
  assert.deepEqual(leftovers(), before)
})

test('Infineon: an inner archive that is a bomb does not fill the disk', async (t) => {
  const folder = await scratchFolder(t)
  const inner = join(folder, 'Lot_E0E0_Certs.7z')
  await zeros(inner, 536_870_913)
  const path = join(folder, 'outer.7z')
  await sevenZip(['a', '-mx1', '-m0=Deflate', path, inner])
  const before = leftovers()
  await refuses({ path, format: 'infineon' }, /unpacks to more than 536870912 bytes/)
  assert.deepEqual(leftovers(), before)
})

test('PKCS#7: a bundle of OpenSSL is read, DER and PEM, and OpenSSL reads what our tests build', async (t) => {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  await writePemBundle(file('all.pem'), stream(chips.map(({ certificate }) => ({ certificate: certificate.der }))))
  for (const form of ['DER', 'PEM']) {
    await openssl(['crl2pkcs7', '-nocrl', '-certfile', file('all.pem'), '-outform', form, '-out', file('bundle')])
    const rows = await read({ path: file('bundle'), format: 'pkcs7' })
    const found = rows.flatMap((row) => (row.ok ? row.devices.map(({ fingerprint }) => fingerprint) : []))
    assert.deepEqual(new Set(found), new Set(fingerprints))
  }
  writeFileSync(file('ours.p7b'), pkcs7Bundle(chips.map(({ certificate }) => certificate.der)))
  const printed = await openssl(['pkcs7', '-inform', 'DER', '-in', file('ours.p7b'), '-print_certs'])
  writeFileSync(file('printed.pem'), printed)
  const rows = await read({ path: file('printed.pem'), format: 'pem' })
  assert.deepEqual(
    rows.map((row) => row.ok && row.devices[0]?.fingerprint),
    fingerprints,
  )
})

test('PKCS#7: a bundle that somebody signed is refused: that signature is not checked here', async (t) => {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  const self = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    file('key'),
    '-out',
    file('cert'),
  ]
  await openssl(['req', '-x509', ...self, '-subj', '/CN=x'])
  writeFileSync(file('text'), 'x')
  await openssl([
    'cms',
    '-sign',
    '-in',
    file('text'),
    '-signer',
    file('cert'),
    '-inkey',
    file('key'),
    '-outform',
    'DER',
    '-out',
    file('signed'),
  ])
  await refuses({ path: file('signed'), format: 'pkcs7' }, /it is signed/)
})

test('Microchip: jose verifies what our tests sign, and ours verifies what jose signs', async (t) => {
  const { certificate, key } = vendor.manifestSigner
  const publicKey = createPublicKey({ key: Buffer.from(certificate.publicKey), format: 'der', type: 'spki' })
  const ours = microchipElement(vendor, chips[0]!)
  const { payload } = await flattenedVerify(ours as Parameters<typeof flattenedVerify>[0], publicKey)
  const theirs = await new FlattenedSign(payload)
    .setProtectedHeader({ alg: 'ES256', 'x5t#S256': createHash('sha256').update(certificate.der).digest('base64url') })
    .setUnprotectedHeader({ uniqueId: chips[0]!.uid })
    .sign(key)
  const path = join(await scratchFolder(t), 'manifest.json')
  writeFileSync(path, JSON.stringify([theirs]))
  const trust = { signers: certificate.toPem(), authorities, now: systemClock.now() }
  const [row] = await collect(readManifest({ path, format: 'microchip' }, trust))
  assert.ok(row?.ok, JSON.stringify(row))
})

test('our own: sha256sum and openssl check the hash and the signature by hand', async (t) => {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  await writeDeviceList(file('list'), 'pem', stream([{ row: 1, uid: 'a', chain: [] }]), signer)
  writeFileSync(file('key.pem'), toPem('PUBLIC KEY', signer.publicKey))
  const lines = readFileSync(file('list'), 'utf8').trimEnd().split('\n')
  const [closing = '', signature = ''] = lines.slice(-2)
  writeFileSync(
    file('before'),
    lines
      .slice(0, -2)
      .map((line) => `${line}\n`)
      .join(''),
  )
  writeFileSync(file('closing'), `${closing}\n`)
  writeFileSync(file('signature'), Buffer.from(JSON.parse(signature).signature.value, 'base64'))
  const sum = await runProgram('sha256sum', [file('before')])
  assert.ok(sum.output.startsWith(JSON.parse(closing).sha256))
  const said = await openssl([
    'dgst',
    '-sha256',
    '-verify',
    file('key.pem'),
    '-signature',
    file('signature'),
    file('closing'),
  ])
  assert.match(said, /Verified OK/)
})

async function infineonFolder(t: TestContext): Promise<string> {
  const folder = await scratchFolder(t)
  mkdirSync(join(folder, 'certs'))
  for (const [index, { certificate }] of chips.entries()) {
    writeFileSync(join(folder, 'certs', `chip-${index}.pem`), certificate.toPem())
  }
  return folder
}

/** Packs the archive within the archive, one for each slot. */
async function bundle(folder: string, slots: readonly string[]): Promise<string> {
  const path = join(folder, `bundle-${slots.length}.7z`)
  for (const slot of slots) {
    const inner = join(folder, `Order1_Lot2_${slot}_Certs.7z`)
    await sevenZip(['a', inner, join(folder, 'certs', '*')])
    await sevenZip(['a', path, inner])
  }
  return path
}

async function read(input: ManifestInput): Promise<ManifestRow[]> {
  return collect(readManifest(input, { authorities, now: systemClock.now() }))
}

async function refuses(input: ManifestInput, says: RegExp): Promise<void> {
  await assert.rejects(read(input), (error) => isFault(error, 'MANIFEST_UNREADABLE') && says.test(error.message))
}

/** Makes a file of zeros that takes no room on the disk. */
async function zeros(path: string, bytes: number): Promise<void> {
  const { status, output } = await runProgram('truncate', ['-s', String(bytes), path])
  assert.equal(status, 0, output)
}

/** The folders that readers make in the system's folder for such. */
function leftovers(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('birthmark-manifest-'))
}

async function sevenZip(words: readonly string[]): Promise<void> {
  const { status, output } = await runProgram('7zz', ['-bd', '-bso0', ...words])
  assert.equal(status, 0, output)
}

async function openssl(words: readonly string[]): Promise<string> {
  const { status, output } = await runProgram('openssl', words)
  assert.equal(status, 0, output)
  return output
}

async function* stream<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}
