import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import {
  type ElementChange,
  microchipElement,
  newVendor,
  strangeKey,
} from '../../../testing/testkit/vendor-manifests.ts'
import { readMicrochip } from './microchip.ts'
import { type ManifestTrust, readManifest } from './read.ts'
import type { ManifestRow, RowCheck } from './row.ts'
import { PinnedSigners } from './signers.ts'

const vendor = await newVendor()
const other = await newVendor('Other')
const UIDS = ['0123f1822c38dd7a01', '0123f1822c38dd7a02', '0123f1822c38dd7a03']
const chips = await Promise.all(UIDS.map((uid) => vendor.chip(uid)))
const [first, second, third] = [chips[0]!, chips[1]!, chips[2]!]
const signers = vendor.manifestSigner.certificate.toPem()
const TRUST: ManifestTrust = { signers, authorities: vendor.root.toPem(), now: systemClock.now() }

for (const version of [1, 3] as const) {
  test(`version ${version}: every element gives its certificate, key and chain`, async (t) => {
    const rows = await read(
      t,
      chips.map((chip) => microchipElement(vendor, chip, version)),
    )
    assert.deepEqual(
      rows,
      chips.map(({ uid, certificate }, index) => ({
        ok: true,
        row: index + 1,
        devices: [
          {
            row: index + 1,
            uid,
            slot: '0',
            certificate: certificate.der,
            fingerprint: certificate.fingerprint,
            subject: `CN=${uid}`,
            key: certificate.publicKey,
            chain: [vendor.issuing.der],
          },
        ],
      })),
    )
  })
}

test('version 2 gives the ids alone', async (t) => {
  const rows = await read(
    t,
    chips.map((chip) => microchipElement(vendor, chip, 2)),
  )
  assert.deepEqual(
    rows.map((row) => row.ok && row.devices),
    UIDS.map((uid, index) => [{ row: index + 1, uid, chain: [] }]),
  )
})

test('a bare public key may be pinned as well', async (t) => {
  const { publicKey } = vendor.manifestSigner.certificate
  const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(publicKey).toString('base64')}\n-----END PUBLIC KEY-----\n`
  const [row] = await read(t, [microchipElement(vendor, first)], { signers: pem })
  assert.ok(row?.ok)
})

type Row = readonly [why: string, change: ElementChange, check: RowCheck, says: RegExp]
const jwk = { kid: '0', ...second.jwk }
const x5c = [Buffer.from(first.certificate.der).toString('base64')]
const REFUSED: readonly Row[] = [
  ['another key signed', { key: strangeKey() }, 'signature', /not made by a pinned signer/],
  ['the id outside exchanged', { header: { uniqueId: UIDS[1] } }, 'id', /unsigned id .*02 is not the signed id .*01/],
  ['the id outside missing', { jws: { header: {} } }, 'id', /unsigned header must be/],
  ['no header at all', { jws: { header: null } }, 'id', /unsigned header must be/],
  ['the id inside in capitals', { payload: { uniqueId: 'AB' } }, 'id', /signed payload must be/],
  ['an oversized id', { payload: { uniqueId: 'ab'.repeat(33) } }, 'id', /signed payload must be/],
  ['the payload exchanged', { jws: { payload: Buffer.from('{}').toString('base64url') } }, 'signature', /not made by/],
  ['no signature', { jws: { signature: '' } }, 'form', /signature must be base64url/],
  ['a signature with padding', { jws: { signature: 'AQ==' } }, 'form', /signature must be base64url/],
  ['a short signature', { jws: { signature: 'AQ' } }, 'signature', /not made by a pinned signer/],
  ['alg none', { protected: { alg: 'none' } }, 'signature', /algorithm is not that/],
  ['an HMAC with the public key', { protected: { alg: 'HS256' } }, 'signature', /algorithm is not that/],
  ['a key in the header', { protected: { jwk: first.jwk } }, 'signature', /"jwk" of its protected header/],
  ['a certificate in the header', { protected: { x5c } }, 'signature', /"x5c" of its protected header/],
  ['an address of a key', { protected: { jku: 'https://x' } }, 'signature', /"jku" of its protected header/],
  ['a critical extension', { protected: { crit: ['b64'] } }, 'signature', /"crit" of its protected header/],
  ['another certificate named', { protected: { 'x5t#S256': 'AAAA' } }, 'signature', /names another signer/],
  ['another key named', { protected: { kid: 'AAAA' } }, 'signature', /names another signer/],
  ['version 4', { payload: { version: 4 } }, 'form', /version is not 1, 2 or 3/],
  ['version as text', { payload: { version: '3' } }, 'form', /version is not 1, 2 or 3/],
  ['the key of another chip', { payload: { publicKeySet: { keys: [{ ...jwk, x5c }] } } }, 'key', /not the key in its/],
  [
    'a point off the curve',
    { payload: { publicKeySet: { keys: [{ ...jwk, y: jwk['x' as never], x5c }] } } },
    'key',
    /not sound/,
  ],
  ['no list of keys', { payload: { publicKeySet: {} } }, 'form', /at most 32 keys/],
  ['too many keys', { payload: { publicKeySet: { keys: Array(33).fill(jwk) } } }, 'form', /at most 32 keys/],
  ['a chain of nothing', { payload: { publicKeySet: { keys: [{ ...jwk, x5c: [] }] } } }, 'certificate', /x5c of key 0/],
  ['a chain in base64url', { payload: { publicKeySet: { keys: [{ ...jwk, x5c: ['-_-_'] }] } } }, 'certificate', /x5c/],
  [
    'a certificate that is none',
    { payload: { publicKeySet: { keys: [{ ...jwk, x5c: ['AQID'] }] } } },
    'certificate',
    /cannot be read/,
  ],
  [
    'a chain without its CA',
    { payload: { publicKeySet: { keys: [{ kid: '0', ...first.jwk, x5c }] } } },
    'chain',
    /Vendor Issuing CA/,
  ],
  [
    'nine certificates',
    { payload: { publicKeySet: { keys: [{ ...jwk, x5c: Array(9).fill(x5c[0]) }] } } },
    'limit',
    /more than 8/,
  ],
  ['a member beside', { jws: { payloads: [] } }, 'form', /"payloads" is not part/],
]
for (const [why, change, check, says] of REFUSED) {
  test(`refuses an element and names its row: ${why}`, async (t) => {
    const rows = await read(t, [microchipElement(vendor, third), microchipElement(vendor, first, 3, change)])
    assert.ok(rows[0]?.ok)
    const bad = rows[1]
    assert.ok(bad?.ok === false && bad.row === 2)
    assert.ok(
      bad.problems.some((problem) => problem.check === check && says.test(problem.why)),
      JSON.stringify(bad.problems),
    )
  })
}

test('one id, certificate or key in two rows is refused in the second, which names the first', async (t) => {
  const twice = [microchipElement(vendor, first), microchipElement(vendor, second), microchipElement(vendor, first)]
  const rows = await read(t, twice)
  const [bad] = rows.filter((row) => !row.ok)
  assert.deepEqual(bad?.problems, [
    { check: 'duplicate', why: 'its element came before, in row 1' },
    { check: 'duplicate', why: 'its certificate came before, in row 1' },
    { check: 'duplicate', why: 'its key came before, in row 1' },
  ])
})

test('a forged row does not make the true one a duplicate', async (t) => {
  const forged = microchipElement(vendor, first, 3, { key: strangeKey() })
  const rows = await read(t, [forged, microchipElement(vendor, first)])
  assert.deepEqual(
    rows.map(({ ok }) => ok),
    [false, true],
  )
})

test('a scrapped chip is refused, by its number or by its certificate', async (t) => {
  const scrapped = new Set([first.uid, second.certificate.fingerprint])
  const rows = await read(
    t,
    chips.map((chip) => microchipElement(vendor, chip)),
    { scrapped },
  )
  assert.deepEqual(
    rows.map((row) => row.ok || row.problems.map(({ check }) => check)),
    [['scrapped'], ['scrapped'], true],
  )
})

test('the signer of another company is not believed, whoever the file names', async (t) => {
  const [row] = await read(t, [microchipElement(other, first)])
  assert.ok(row?.ok === false && row.problems.some(({ check }) => check === 'signature'))
})

const BROKEN: readonly (readonly [why: string, text: string, row: number])[] = [
  ['nothing', '', 1],
  ['an object', '{}', 1],
  ['no end', '[', 1],
  ['a list of texts', '["x"]', 1],
  ['two elements without a comma', '[{}{}]', 2],
  ['a comma at the end', '[{},]', 2],
  ['something after the end', '[]x', 1],
  ['an element without end', '[{},{"a":"]', 2],
  ['UTF-16', Buffer.from('[{}]', 'utf16le').toString('latin1'), 1],
]
for (const [why, text, row] of BROKEN) {
  test(`a file that is no list is refused as a whole: ${why}`, async (t) => {
    await assert.rejects(
      readText(t, text),
      (error) => isFault(error, 'MANIFEST_UNREADABLE') && error.context['row'] === row,
    )
  })
}

const HOSTILE: readonly (readonly [why: string, element: string, says: RegExp])[] = [
  ['deep nesting', `{"a":${'['.repeat(200_000)}`, /longer than|not JSON/],
  ['deep nesting that ends', `{"a":${'['.repeat(50)}${']'.repeat(50)}}`, /nested deeper than 16/],
  ['an oversized member', `{"a":"${'x'.repeat(300_000)}"}`, /longer than 262144 bytes/],
  ['a member twice', '{"payload":"","payload":""}', /comes twice/],
  ['a member twice, spelled differently', '{"payload":"","p\\u0061yload":""}', /comes twice/],
  ['ill-formed UTF-8', '{"a":"\xff"}', /not UTF-8/],
  ['brackets that do not match', '{"a":[}]', /not JSON/],
]
for (const [why, element, says] of HOSTILE) {
  test(`a hostile element costs its own row only: ${why}`, async (t) => {
    const closers = element.includes('['.repeat(200_000)) ? `${']'.repeat(200_000)}}` : ''
    const good = JSON.stringify(microchipElement(vendor, first))
    const rows = await readText(t, `[${element}${closers},${good}]`)
    const [bad, fine] = rows
    assert.ok(bad?.ok === false && fine?.ok)
    assert.match(bad.problems[0]!.why, says)
  })
}

test('without a pinned signer nothing is read', async (t) => {
  const { signers: _, ...unsigned } = TRUST
  await assert.rejects(collect(readManifest({ path: await file(t, '[]'), format: 'microchip' }, unsigned)), {
    code: 'MANIFEST_SIGNER_MISSING',
  })
  await assert.rejects(readText(t, '[]', { signers: 'x' }), { code: 'MANIFEST_SIGNER_UNFIT' })
  await assert.rejects(readText(t, '[]', { authorities: 'x' }), { code: 'MANIFEST_SIGNER_UNFIT' })
})

const GOOD = Buffer.from(JSON.stringify([microchipElement(vendor, first), microchipElement(vendor, second)]))
const pinned = PinnedSigners.fromPem(signers)

test('arbitrary bytes give rows or the declared fault, and a changed file nothing that was not signed', async () => {
  const changed = fc
    .array(fc.tuple(fc.nat(GOOD.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
    .map((edits) => {
      const bytes = Uint8Array.from(GOOD)
      for (const [at, octet] of edits) bytes[at] = octet
      return bytes
    })
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 200 }), changed),
      fc.integer({ min: 1, max: 300 }),
      async (bytes, size) => {
        try {
          for await (const row of readMicrochip(() => inPieces(bytes, size), pinned)) {
            if (row.problems.length > 0) continue
            const chip = chips.find(({ uid }) => uid === row.uid)
            assert.deepEqual(row.identities[0]?.certificates[0], chip?.certificate.der)
          }
        } catch (error) {
          assert.ok(isFault(error, 'MANIFEST_UNREADABLE'), String(error))
        }
      },
    ),
    { numRuns: 150 },
  )
})

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(
  t: TestContext,
  elements: readonly object[],
  trust: Partial<ManifestTrust> = {},
): Promise<ManifestRow[]> {
  return readText(t, JSON.stringify(elements), trust)
}

async function readText(t: TestContext, text: string, trust: Partial<ManifestTrust> = {}): Promise<ManifestRow[]> {
  return collect(readManifest({ path: await file(t, text), format: 'microchip' }, { ...TRUST, ...trust }))
}

async function file(t: TestContext, text: string): Promise<string> {
  const path = join(await scratchFolder(t), 'manifest.json')
  writeFileSync(path, Buffer.from(text, 'latin1'))
  return path
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}
