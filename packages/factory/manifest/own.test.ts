import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { newVendor } from '../../../testing/testkit/vendor-manifests.ts'
import { signManifest, writeAwsBulk, writeDeviceList, writeUids } from './export.ts'
import { FirstSeen } from './first-seen.ts'
import { parseManifest } from './parse.ts'
import { type ManifestTrust, readManifest } from './read.ts'
import type { ListedDevice, ManifestRow } from './row.ts'
import { withDevices } from './with-devices.ts'
import { writeManifest } from './write.ts'

const vendor = await newVendor()
const UIDS = ['00000000000000aa', '00000000000000bb']
const chips = await Promise.all(UIDS.map((uid) => vendor.chip(uid)))
const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const stranger = await SoftwareSigner.generate('ecdsa-p256-sha256')
const signers = toPem('PUBLIC KEY', signer.publicKey)
const authorities = vendor.root.toPem()
const SOURCE = {
  heading: { order: 'PO-1', product: 'press', count: 2, issuer: vendor.issuing.der },
  ledger: { entries: 3, hash: 'ab'.repeat(32) },
}
const LISTED: readonly ListedDevice[] = [
  ...chips.map(({ uid, certificate }, index) => ({
    row: index + 5,
    uid,
    slot: '0',
    certificate: certificate.der,
    fingerprint: certificate.fingerprint,
    subject: `CN=${uid}`,
    key: certificate.publicKey,
    chain: [vendor.issuing.der],
  })),
  { row: 7, uid: 'node-7', chain: [] },
  { row: 8, uid: 'node-8', key: signer.publicKey, chain: [] },
]

test('a signed manifest of a line is read by who pinned its signer, and still by who only parses it', async (t) => {
  const path = await manifest(t, signer)
  const rows = await read(path, { signers })
  assert.deepEqual(
    rows.map((row) => row.ok && row.devices.map(({ uid }) => uid)),
    UIDS.map((uid) => [uid]),
  )
  assert.equal(parseManifest(readFileSync(path, 'utf8')).devices.length, 2)
})

test('a list of devices reads as it was written, and signing it later changes nothing else', async (t) => {
  const folder = await scratchFolder(t)
  const [plain, signed] = [join(folder, 'a'), join(folder, 'b')]
  await writeDeviceList(plain, 'microchip', stream(LISTED))
  await signManifest(plain, signed, signer)
  assert.ok(readFileSync(signed, 'utf8').startsWith(readFileSync(plain, 'utf8')))
  const rows = await read(signed, { signers, authorities })
  assert.deepEqual(
    rows.map((row) => row.ok && row.devices),
    LISTED.map((device, index) => [{ ...device, row: index + 2 }]),
  )
  await assert.rejects(signManifest(signed, plain, signer), { code: 'MANIFEST_INVALID' })
})

type Edit = (lines: string[]) => string[]
const REFUSED: readonly (readonly [why: string, edit: Edit, trust: Partial<ManifestTrust>, code: string])[] = [
  ['no signature where a signer is pinned', (lines) => lines.slice(0, -1), { signers }, 'MANIFEST_INVALID'],
  ['another signer', (lines) => lines, { signers: toPem('PUBLIC KEY', stranger.publicKey) }, 'MANIFEST_INVALID'],
  ['no pinned signer where it is signed', (lines) => lines, { authorities }, 'MANIFEST_SIGNER_MISSING'],
  ['nobody pinned', (lines) => lines, {}, 'MANIFEST_CA_MISSING'],
  ['two signatures', (lines) => [...lines, lines.at(-1)!], { signers }, 'MANIFEST_INVALID'],
  ['an unknown algorithm', swap(4, 'ecdsa-p256-sha256', 'none'), { signers }, 'MANIFEST_INVALID'],
  ['another algorithm', swap(4, 'ecdsa-p256-sha256', 'rsa-pkcs1-sha256'), { signers }, 'MANIFEST_INVALID'],
  ['a line changed and the hash mended', forged, { signers }, 'MANIFEST_INVALID'],
  ['an empty file', () => [], { signers }, 'MANIFEST_INVALID'],
  ['a line cut short', (lines) => [...lines.slice(0, 2), 'cut'], { signers }, 'MANIFEST_INVALID'],
  ['a line that is not UTF-8', (lines) => lines.with(1, '\xff'), { signers }, 'MANIFEST_INVALID'],
  ['an oversized line', (lines) => lines.with(1, 'x'.repeat(300_000)), { signers }, 'MANIFEST_INVALID'],
]
for (const [why, edit, trust, code] of REFUSED) {
  test(`refuses one of our own: ${why}`, async (t) => {
    const path = await manifest(t, signer)
    const lines = edit(readFileSync(path, 'utf8').trimEnd().split('\n'))
    const text = lines.map((line) => (line === 'cut' ? line : `${line}\n`)).join('')
    writeFileSync(path, Buffer.from(text, 'latin1'))
    await assert.rejects(read(path, trust), (error) => isFault(error, code))
  })
}

test('the certificates of a signed manifest are checked against a pinned CA all the same', async (t) => {
  const rows = await read(await manifest(t, signer), { signers, authorities: (await newVendor('Other')).root.toPem() })
  assert.deepEqual(
    rows.map((row) => row.ok || row.problems.map(({ check }) => check)),
    [['chain'], ['chain']],
  )
})

test('with a wrong row nothing is handed on, unless it may be left out', async () => {
  const rows: readonly ManifestRow[] = [
    { ok: true, row: 1, devices: [LISTED[0]!] },
    { ok: false, row: 2, problems: [{ check: 'id', why: 'its id is wrong' }] },
    { ok: true, row: 3, devices: [LISTED[2]!] },
  ]
  const heard: number[] = []
  const onRow = ({ row }: ManifestRow): unknown => heard.push(row)
  await assert.rejects(
    withDevices(stream(rows), { skipBadRows: false, onRow }, async () => assert.fail('it was used')),
    (error) =>
      isFault(error, 'MANIFEST_ROWS_WRONG') && /1 of 3 rows are wrong; the first is row 2: its id/.test(error.message),
  )
  assert.deepEqual(heard, [1, 2, 3])
  const twice = await withDevices(stream(rows), { skipBadRows: true }, async (devices) => {
    assert.deepEqual(devices.summary, { rows: 3, bad: 1, devices: 2, withoutCertificate: 1 })
    return [await collect(devices), await collect(devices)]
  })
  assert.deepEqual(twice, [
    [LISTED[0], LISTED[2]],
    [LISTED[0], LISTED[2]],
  ])
})

test('what ends the reading late means that nothing was used', async () => {
  async function* broken(): AsyncGenerator<ManifestRow> {
    yield { ok: true, row: 1, devices: [LISTED[0]!] }
    throw new RangeError('planned')
  }
  const used = withDevices(broken(), { skipBadRows: true }, async () => assert.fail('it was used'))
  await assert.rejects(used, RangeError)
})

test('bulk registration: one line of JSON a device, every value a string, as the template names it', async (t) => {
  const path = join(await scratchFolder(t), 'bulk.jsonl')
  const parameters = new Map([
    ['ThingName', 'uid'],
    ['Name', 'common-name'],
    ['Serial', 'serial'],
    ['Id', 'fingerprint'],
    ['CertificatePem', 'certificate'],
    ['CACertificatePem', 'ca-certificate'],
  ] as const)
  await writeAwsBulk(path, stream(LISTED.slice(0, 2)), parameters)
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    chips.map(({ uid, certificate }) => ({
      ThingName: uid,
      Name: uid,
      Serial: certificate.serialNumber,
      Id: certificate.fingerprint,
      CertificatePem: certificate.toPem(),
      CACertificatePem: vendor.issuing.toPem(),
    })),
  )
})

test('bulk registration: what a device lacks, or no thing may be named, is refused; the old file stays', async (t) => {
  const path = join(await scratchFolder(t), 'bulk.jsonl')
  writeFileSync(path, 'old')
  const [device] = LISTED
  assert.ok(device)
  const bare = { row: 9, chain: [] }
  const wrong = [
    [bare, 'ThingName', 'uid'],
    [bare, 'P', 'certificate'],
    [bare, 'P', 'ca-certificate'],
    [device, 'P', 'subject-serial-number'],
    [{ ...device, uid: 'a b' }, 'ThingName', 'uid'],
    [{ ...device, uid: 'x'.repeat(256_001) }, 'P', 'uid'],
  ] as const
  for (const [one, name, field] of wrong) {
    await assert.rejects(writeAwsBulk(path, stream([one]), new Map([[name, field]])), { code: 'MANIFEST_UNFIT' })
  }
  await assert.rejects(writeUids(path, stream([bare])), { code: 'MANIFEST_UNFIT' })
  assert.equal(readFileSync(path, 'utf8'), 'old')
  await writeUids(path, stream(LISTED))
  assert.equal(readFileSync(path, 'utf8'), `${UIDS.join('\n')}\nnode-7\nnode-8\n`)
})

test('a draft that somebody left or laid there is not written into', async (t) => {
  const folder = await scratchFolder(t)
  const [path, elsewhere] = [join(folder, 'uids'), join(folder, 'elsewhere')]
  writeFileSync(elsewhere, 'precious')
  symlinkSync(elsewhere, `${path}.new`)
  await writeUids(path, stream(LISTED))
  assert.equal(readFileSync(elsewhere, 'utf8'), 'precious')
  assert.equal(lstatSync(path).mode & 0o777, 0o600)
  assert.ok(lstatSync(path).isFile() && !existsSync(`${path}.new`))
})

test('the table of rows seen gives the first row of every value, however many there are', () => {
  const seen = new FirstSeen()
  const values = Array.from({ length: 5000 }, (_, index) => `value ${index}`)
  for (const [index, value] of values.entries()) {
    assert.equal(seen.row(value), undefined)
    seen.remember(value, index + 1)
    seen.remember(value, 9999)
  }
  assert.ok(values.every((value, index) => seen.row(value) === index + 1))
})

test('a changed manifest or list never gives a device that was not signed', async (t) => {
  const folder = await scratchFolder(t)
  const [path, changed] = [join(folder, 'good'), join(folder, 'changed')]
  await writeDeviceList(path, 'microchip', stream(LISTED), signer)
  for (const good of [readFileSync(path), readFileSync(await manifest(t, signer))]) {
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(edits, async (list) => {
        const bytes = Uint8Array.from(good)
        for (const [at, octet] of list) bytes[at] = octet
        if (Buffer.compare(bytes, good) === 0) return
        writeFileSync(changed, bytes)
        await assert.rejects(read(changed, { signers }), (error) => isFault(error, 'MANIFEST_INVALID'))
      }),
      { numRuns: 60 },
    )
  }
})

async function manifest(t: TestContext, by?: SoftwareSigner): Promise<string> {
  const path = join(await scratchFolder(t), 'manifest.jsonl')
  const devices = stream(chips.map(({ uid, certificate }) => ({ uid, certificate: certificate.der })))
  await writeManifest(path, { ...SOURCE, devices, ...(by !== undefined && { signer: by }) })
  return path
}

function read(path: string, trust: Partial<ManifestTrust>): Promise<ManifestRow[]> {
  return collect(readManifest({ path, format: 'birthmark' }, { ...trust, now: systemClock.now() }))
}

function swap(index: number, from: string, to: string): Edit {
  return (lines) => lines.with(index, lines[index]!.replace(from, to))
}

/** Exchanges the ids of two devices and mends the hash, as only the signature then shows. */
function forged(lines: string[]): string[] {
  const [heading = '', a = '', b = '', , signature = ''] = lines
  const exchanged = [heading, a.replace(UIDS[0]!, UIDS[1]!), b.replace(UIDS[1]!, UIDS[0]!)]
  const sha256 = createHash('sha256')
    .update(exchanged.map((line) => `${line}\n`).join(''))
    .digest('hex')
  return [...exchanged, JSON.stringify({ devices: 2, ledger: SOURCE.ledger, sha256 }), signature]
}

async function* stream<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}
