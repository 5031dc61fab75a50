import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Fault, instant, isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { espressifCsv, newVendor, pkcs7Bundle } from '../../../testing/testkit/vendor-manifests.ts'
import { readPemList, readPkcs7 } from './bundles.ts'
import { readEspressif } from './espressif.ts'
import { type ManifestInput, type ManifestTrust, readManifest } from './read.ts'
import type { ManifestRow, RawRow, RowCheck } from './row.ts'

const vendor = await newVendor()
const other = await newVendor('Other')
const MACS = ['a0b1c2d3e4f5', 'a0b1c2d3e4f6']
const chips = await Promise.all(MACS.map((uid) => vendor.chip(uid)))
const stranger = await other.chip('a0b1c2d3e4f7')
const [first, second] = [chips[0]!, chips[1]!]
const TRUST: ManifestTrust = { authorities: vendor.issuing.toPem(), now: systemClock.now() }
const PEM = chips.map(({ certificate }) => certificate.toPem()).join('')
const CSV = espressifCsv(chips)

test('Espressif: every record gives its MAC and its certificate', async (t) => {
  const rows = await read(t, 'espressif', CSV)
  assert.deepEqual(
    rows.map(
      (row) => row.ok && row.devices.map(({ uid, fingerprint, chain }) => ({ row: row.row, uid, fingerprint, chain })),
    ),
    chips.map(({ uid, certificate: { fingerprint } }, index) => [{ row: index + 2, uid, fingerprint, chain: [] }]),
  )
})

test('Espressif: a byte order mark, other columns, node ids and a chain are taken', async (t) => {
  const field = `"${first.certificate.toPem()}${vendor.issuing.toPem()}"`
  const [row] = await read(t, 'espressif', `\xef\xbb\xbf"say ""x""",node_id,certs\n,node-1,${field}`, {
    authorities: vendor.root.toPem(),
  })
  assert.ok(row?.ok && row.devices[0]?.uid === 'node-1')
  assert.deepEqual(row.devices[0].chain, [vendor.issuing.der])
})

const one = (field: string, id = MACS[0]): string => `MAC,cert\n${id},${field}\n`
const quoted = (text: string): string => `"${text}"`
type CsvRow = readonly [why: string, csv: string, check: RowCheck, says: RegExp]
const CSV_ROWS: readonly CsvRow[] = [
  ['a MAC that is none', one(quoted(PEM), 'a0:b1'), 'id', /MAC must be/],
  ['no certificate', one(''), 'certificate', /holds no certificate/],
  ['a PEM block without end', one('-----BEGIN CERTIFICATE-----'), 'certificate', /block has no end/],
  [
    'a private key beside it',
    one(quoted(`${PEM}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n`)),
    'key',
    /private key/,
  ],
  ['a field too many', `${one(quoted(PEM)).trimEnd()},x`, 'form', /3 fields and the header 2/],
  ['a quote in a field', one('x"y"'), 'limit', /quote stands in the midst/],
  ['an oversized record', one(quoted('x'.repeat(262_145))), 'limit', /longer than 262144/],
  ['a record that is not UTF-8', one('\xff'), 'limit', /not UTF-8/],
  ['a CA in place of a device', one(quoted(vendor.issuing.toPem())), 'certificate', /certificate of a CA/],
  ['a device of another CA', one(quoted(stranger.certificate.toPem())), 'chain', /Other Issuing CA/],
]
for (const [why, csv, check, says] of CSV_ROWS) {
  test(`Espressif: refuses the row: ${why}`, async (t) => {
    const [row] = await read(t, 'espressif', csv)
    assert.ok(row?.ok === false && row.row === 2)
    assert.ok(
      row.problems.some((problem) => problem.check === check && says.test(problem.why)),
      JSON.stringify(row.problems),
    )
  })
}

const FILES: readonly (readonly [format: ManifestInput['format'], why: string, text: string, says: RegExp])[] = [
  ['espressif', 'nothing', '', /is empty/],
  ['espressif', 'no MAC', 'a,cert\n', /no column MAC/],
  ['espressif', 'no certificate', 'MAC,x\n', /no column cert/],
  ['espressif', 'a column twice', 'MAC,cert,mac\n', /one name/],
  ['espressif', 'too many columns', `MAC,cert${',x'.repeat(70)}\n`, /too many columns/],
  ['espressif', 'a quote without end', `MAC,cert\n1,"${'x'.repeat(1000)}`, /quotes has no end/],
  ['pem', 'nothing', 'hello\n', /no PEM block/],
  ['pem', 'a block without end', PEM.slice(0, -10), /block has no end/],
  ['pem', 'a block in a block', `-----BEGIN CERTIFICATE-----\n${PEM}`, /block has no end/],
  ['pem', 'too many CAs', vendor.issuing.toPem().repeat(33), /more than 32 CA/],
  ['pkcs7', 'text', 'hello', /cannot be read/],
  ['pkcs7', 'PEM of another kind', PEM, /cannot be read/],
  ['pkcs7', 'an empty bundle', Buffer.from(pkcs7Bundle([])).toString('latin1'), /holds no certificate/],
]
for (const [format, why, text, says] of FILES) {
  test(`${format}: refuses the file as a whole: ${why}`, async (t) => {
    await assert.rejects(
      read(t, format, text),
      (error) => isFault(error, 'MANIFEST_UNREADABLE') && says.test(error.message),
    )
  })
}

test('PEM: certificates with text between them, the CA anywhere, each block a row', async (t) => {
  const text = `subject=x\n${PEM}${vendor.issuing.toPem().replaceAll('\n', '\r\n')}`
  const rows = await read(t, 'pem', text, { authorities: vendor.root.toPem() })
  assert.deepEqual(
    rows.map((row) => row.ok && row.devices.map(({ fingerprint }) => fingerprint)),
    [[first.certificate.fingerprint], [second.certificate.fingerprint], []],
  )
  assert.deepEqual(rows[0]?.ok && rows[0].devices[0]?.chain, [vendor.issuing.der])
})

test('PEM: a wrong block costs its own row, and is named', async (t) => {
  const key = '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n'
  const none = '-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n'
  const huge = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(300_000)}\n-----END CERTIFICATE-----\n`
  const rows = await read(t, 'pem', `${key}${none}${huge}${PEM}${PEM}`)
  assert.deepEqual(
    rows.map(({ ok }) => ok),
    [false, false, false, true, true, false, false],
  )
  const reasons = rows.map((row) => (row.ok ? '' : row.problems[0]!.why))
  assert.match(reasons[0]!, /"EC PRIVATE KEY" has no place/)
  assert.match(reasons[2]!, /base64|longer|read/)
  assert.match(reasons[5]!, /came before, in row 4/)
})

test('PKCS#7: DER and PEM give every certificate', async (t) => {
  const der = pkcs7Bundle([first.certificate.der, vendor.issuing.der, second.certificate.der])
  const pem = `-----BEGIN PKCS7-----\n${Buffer.from(der).toString('base64')}\n-----END PKCS7-----\n`
  for (const text of [Buffer.from(der).toString('latin1'), pem]) {
    const rows = await read(t, 'pkcs7', text, { authorities: vendor.root.toPem() })
    assert.deepEqual(
      rows.map((row) => row.ok && row.devices.map(({ fingerprint, row: number }) => [number, fingerprint])),
      [[[1, first.certificate.fingerprint]], [], [[3, second.certificate.fingerprint]]],
    )
  }
  const broken = Buffer.from(pkcs7Bundle([Uint8Array.of(0x30, 0), first.certificate.der])).toString('latin1')
  assert.deepEqual(
    (await read(t, 'pkcs7', broken)).map(({ ok }) => ok),
    [false, true],
  )
})

test('a certificate that is not valid yet, or no more, is refused, also where every issuer will do', async (t) => {
  for (const [year, says] of [
    [2000, /is valid only from/],
    [9999, /expired/],
  ] as const) {
    const now = instant(Date.UTC(year, 11, 31, 23, 59, 59, 999))
    for (const trust of [{ now }, { now, anyIssuer: true, authorities: vendor.root.toPem() }]) {
      const [row] = await read(t, 'pem', PEM, trust)
      assert.ok(row?.ok === false && row.problems[0]?.check === 'chain')
      assert.match(row.problems[0].why, says)
    }
  }
})

test('an issuer of the same name with another key does not count', async (t) => {
  const [row] = await read(t, 'pem', PEM, { authorities: (await newVendor()).issuing.toPem() })
  assert.ok(row?.ok === false && row.problems[0]?.check === 'chain')
})

test('who vouches for a file without a signature has to be said', async (t) => {
  const { authorities: _, ...bare } = TRUST
  await assert.rejects(readWith(t, 'pem', PEM, bare), { code: 'MANIFEST_CA_MISSING' })
  assert.ok((await readWith(t, 'pem', PEM, { ...bare, anyIssuer: true })).every(({ ok }) => ok))
  await assert.rejects(read(t, 'pem', PEM, { signers: vendor.root.toPem() }), { code: 'MANIFEST_SIGNER_UNFIT' })
  await assert.rejects(readWith(t, 'pem', PEM, { ...TRUST, anyIssuer: true }, '/nowhere/file'), {
    code: 'FILE_UNUSABLE',
  })
})

type Reader = (
  bytes: () => AsyncIterable<Uint8Array>,
) => AsyncIterable<RawRow> | Promise<{ rows: AsyncIterable<RawRow> }>
const READERS: readonly (readonly [name: string, good: Uint8Array, read: Reader])[] = [
  ['Espressif', Buffer.from(CSV), readEspressif],
  ['PEM', Buffer.from(PEM), readPemList],
  ['PKCS#7', pkcs7Bundle(chips.map(({ certificate }) => certificate.der)), readPkcs7],
]
for (const [name, good, reader] of READERS) {
  test(`${name}: arbitrary bytes and changed files give rows or the declared fault`, async () => {
    const changed = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
      .map((edits) => {
        const bytes = Uint8Array.from(good)
        for (const [at, octet] of edits) bytes[at] = octet
        return bytes
      })
    const inputs = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string().map((text) => Buffer.from(text)),
      changed,
    )
    await fc.assert(
      fc.asyncProperty(inputs, fc.integer({ min: 1, max: 300 }), async (bytes, size) => {
        try {
          const opened = await reader(() => inPieces(bytes, size))
          let last = 0
          for await (const { row, problems } of 'rows' in opened ? opened.rows : opened) {
            assert.ok(row > last && problems.every(({ why }) => why.length < 500))
            last = row
          }
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === 'MANIFEST_UNREADABLE', String(error))
        }
      }),
      { numRuns: 150 },
    )
  })
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function read(
  t: TestContext,
  format: ManifestInput['format'],
  text: string,
  trust: Partial<ManifestTrust> = {},
): Promise<ManifestRow[]> {
  return readWith(t, format, text, { ...TRUST, ...trust })
}

async function readWith(
  t: TestContext,
  format: ManifestInput['format'],
  text: string,
  trust: ManifestTrust,
  path = '',
): Promise<ManifestRow[]> {
  const file = path === '' ? join(await scratchFolder(t), 'manifest') : path
  if (path === '') writeFileSync(file, Buffer.from(text, 'latin1'))
  const rows: ManifestRow[] = []
  for await (const row of readManifest({ path: file, format }, trust)) rows.push(row)
  return rows
}
