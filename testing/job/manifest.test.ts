/** Manifests from the command, against a cloud of its own: check, convert, export, sign, import. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  DescribeCertificateCommand,
  ListCertificatesByCACommand,
  ListCertificatesCommand,
  RegisterCACertificateCommand,
} from '@aws-sdk/client-iot'
import { runBirthmark, startBirthmark } from '../testkit/run-birthmark.ts'
import { type RunningCloud, startRunningCloud } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { espressifCsv, microchipElement, newVendor, type VendorChip } from '../testkit/vendor-manifests.ts'

const vendor = await newVendor()
let cloud: RunningCloud
before(async () => {
  cloud = await startRunningCloud()
})
after(() => cloud.close())

test('check reports row by row and fails when one of them is wrong', async (t) => {
  const file = await filesOf(t)
  const [first, second] = [await vendor.chip('a0b1c2d3e4f5'), await vendor.chip('a0b1c2d3e4f6')]
  const elements = [microchipElement(vendor, first), microchipElement(vendor, second)]
  writeFileSync(file('good.json'), JSON.stringify(elements))
  writeFileSync(file('bad.json'), JSON.stringify([elements[0], { ...elements[1], header: { uniqueId: first.uid } }]))
  const trust = ['--format', 'microchip', '--signer', file('signer.pem'), '--ca', file('ca.pem')]
  const good = await events(['manifest', 'check', file('good.json'), ...trust])
  assert.deepEqual(good.at(-1), { event: 'summary', rows: 2, bad: 0, devices: 2, withoutCertificate: 0 })
  const bad = ['manifest', 'check', file('bad.json'), ...trust]
  const { stdout } = await runBirthmark([...bad, '--json'])
  const [, row] = parse(stdout)
  assert.deepEqual([row?.['row'], row?.['ok']], [2, false])
  await fails(bad, 'MANIFEST_ROWS_WRONG', /1 of 2 rows are wrong; the first is row 2: the unsigned id/)
  writeFileSync(file('scrapped'), `# returned\n${second.uid.match(/../g)?.join(':')}\n`)
  const scrapped = ['manifest', 'check', file('good.json'), ...trust, '--scrapped', file('scrapped')]
  await fails(scrapped, 'MANIFEST_ROWS_WRONG', /a0b1c2d3e4f6 was scrapped/)
})

test('what a vendor gave is converted, signed, and written for others', async (t) => {
  const file = await filesOf(t)
  const chips = await newChips(3)
  writeFileSync(file('modules.csv'), espressifCsv(chips))
  await run(['order', 'key', '--out', file('key'), '--public-out', file('key.pub'), '--passphrase-file', file('pass')])
  const key = ['--key', file('key'), '--passphrase-file', file('pass')]
  const csv = [file('modules.csv'), '--format', 'espressif', '--ca', file('ca.pem')]
  await run(['manifest', 'convert', ...csv, '--out', file('signed.jsonl'), ...key])
  await run(['manifest', 'convert', ...csv, '--out', file('plain.jsonl')])
  await run(['manifest', 'sign', file('plain.jsonl'), '--out', file('signed-later.jsonl'), ...key])
  for (const name of ['signed.jsonl', 'signed-later.jsonl']) {
    const trust = ['--signer', file('key.pub')]
    const out = ['--aws-bulk', file('bulk'), '--pem', file('pem'), '--uids', file('uids')]
    await run(['manifest', 'export', file(name), ...trust, ...out])
    assert.equal(readFileSync(file('uids'), 'utf8'), chips.map(({ uid }) => `${uid}\n`).join(''))
    assert.equal(readFileSync(file('pem'), 'utf8'), chips.map(({ certificate }) => certificate.toPem()).join(''))
    assert.deepEqual(
      parse(readFileSync(file('bulk'), 'utf8')),
      chips.map(({ uid, certificate }) => ({ ThingName: uid, CertificatePem: certificate.toPem() })),
    )
  }
  const own = ['manifest', 'export', file('plain.jsonl'), '--ca', file('ca.pem')]
  await run([...own, '--aws-bulk', file('bulk'), '--parameter', 'Serial=uid', '--parameter', 'Id=fingerprint'])
  assert.deepEqual(Object.keys(parse(readFileSync(file('bulk'), 'utf8'))[0] ?? {}), ['Serial', 'Id'])
  await fails(own, 'MANIFEST_OUTPUT_MISSING', /No output is named/)
  const half = ['manifest', 'convert', ...csv, '--out', file('x'), '--key', file('key')]
  await fails(half, 'MANIFEST_KEY_INCOMPLETE', /key without its passphrase/i)
  const wrong = await runBirthmark([...own, '--pem', file('pem'), '--parameter', 'Serial=colour'])
  assert.equal(wrong.status, 2)
})

test('import registers without a CA; the same file again changes nothing; a bad row imports nothing', async (t) => {
  const file = await filesOf(t)
  const chips = await newChips(12)
  writeFileSync(file('modules.csv'), espressifCsv(chips))
  writeFileSync(file('bad.csv'), `${espressifCsv(chips)}a0b1c2d3e4f5,none,x\r\n`)
  const trust = ['--format', 'espressif', '--ca', file('ca.pem'), '--status', 'ACTIVE']
  const before = await countOf()
  const bad = ['manifest', 'import', file('bad.csv'), ...trust, '--cloud', cloud.controlHttp]
  await fails(bad, 'MANIFEST_ROWS_WRONG', /the first is row 14: .*no certificate/)
  assert.equal(await countOf(), before)

  const words = ['manifest', 'import', file('modules.csv'), ...trust, '--cloud', cloud.controlHttp]
  const first = await events(words)
  assert.deepEqual(first.at(-1), { event: 'registration', registered: 12, already: 0, failed: 0 })
  const describe = async (): Promise<unknown> => {
    const certificateId = chips[0]!.certificate.fingerprint
    const { certificateDescription: found } = await cloud.iot.send(new DescribeCertificateCommand({ certificateId }))
    return [found?.status, found?.certificateMode, found?.generationId, found?.lastModifiedDate]
  }
  const found = await describe()
  assert.deepEqual((found as unknown[]).slice(0, 2), ['ACTIVE', 'SNI_ONLY'])
  const second = await events([...words, '--status', 'INACTIVE'])
  assert.deepEqual(second.at(-1), { event: 'registration', registered: 0, already: 12, failed: 0 })
  assert.deepEqual(await describe(), found)
  const skipping = await events([...bad, '--skip-bad-rows'])
  assert.deepEqual(skipping.at(-1), { event: 'registration', registered: 0, already: 12, failed: 0 })
  assert.equal(await countOf(), before + 12)
})

test('import in bulk does the same, a hundred at a time', async (t) => {
  const file = await filesOf(t)
  const chips = await newChips(120)
  writeFileSync(file('some.csv'), espressifCsv(chips.slice(0, 30)))
  writeFileSync(file('all.csv'), espressifCsv(chips))
  const how = ['--format', 'espressif', '--ca', file('ca.pem'), '--cloud', cloud.controlHttp]
  const some = await events(['manifest', 'import', file('some.csv'), ...how, '--bulk', '--status', 'ACTIVE'])
  assert.deepEqual(some.at(-1), { event: 'registration', registered: 30, already: 0, failed: 0 })
  const all = await events(['manifest', 'import', file('all.csv'), ...how, '--bulk'])
  assert.deepEqual(all.at(-1), { event: 'registration', registered: 90, already: 30, failed: 0 })
  const statuses = await Promise.all(
    [chips[0], chips.at(-1)].map(async (chip) => {
      const certificateId = chip?.certificate.fingerprint
      const { certificateDescription: found } = await cloud.iot.send(new DescribeCertificateCommand({ certificateId }))
      return `${found?.status} ${found?.certificateMode}`
    }),
  )
  assert.deepEqual(statuses, ['ACTIVE SNI_ONLY', 'INACTIVE SNI_ONLY'])
})

test('an import that is stopped goes on where it stopped, and its journal spares the cloud', async (t) => {
  const file = await filesOf(t)
  const chips = await newChips(150)
  writeFileSync(file('modules.csv'), espressifCsv(chips))
  const trust = ['--format', 'espressif', '--ca', file('ca.pem'), '--journal', file('journal')]
  const words = ['manifest', 'import', file('modules.csv'), ...trust, '--cloud', cloud.controlHttp]
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    // What a killed import leaves in the system's folder goes with the folder of this test.
    const env = { ...access(), TMPDIR: file('.') }
    const running = startBirthmark([...words, '--parallel', '1', '--json'], { env })
    await running.said(/"outcome":"registered"/)
    running.child.kill(signal)
    const { stdout } = await running.ended
    if (signal === 'SIGTERM') assert.match(stdout, /MANIFEST_IMPORT_STOPPED/)
  }
  const rest = (await events(words)).at(-1)
  assert.ok(Number(rest?.['already']) >= 2 && Number(rest?.['registered']) + Number(rest?.['already']) === 150)
  // With a wrong secret the first call would fail: there is none.
  const silent = await runBirthmark([...words, '--json'], { env: { ...access(), AWS_SECRET_ACCESS_KEY: 'wrong' } })
  assert.deepEqual(parse(silent.stdout).at(-1), { event: 'registration', registered: 0, already: 150, failed: 0 })
  const elsewhere = words.with(-1, 'http://127.0.0.1:9')
  await fails(elsewhere, 'MANIFEST_JOURNAL_UNFIT', /of another cloud or key/)
})

test('import under a registered CA, and what the cloud refuses is told row by row', async (t) => {
  const file = await filesOf(t)
  const chips = await newChips(3)
  const pem = chips.map(({ certificate }) => certificate.toPem()).join('')
  writeFileSync(file('chips.pem'), pem)
  const trust = ['--format', 'pem', '--ca', file('ca.pem'), '--with-ca']
  const words = ['manifest', 'import', file('chips.pem'), ...trust, '--cloud', cloud.controlHttp]
  await fails(words, 'MANIFEST_IMPORT_REFUSED', /The cloud refused 3 of 3/)
  const { certificateId: caCertificateId } = await cloud.iot.send(
    new RegisterCACertificateCommand({
      caCertificate: vendor.issuing.toPem(),
      certificateMode: 'SNI_ONLY',
      setAsActive: true,
    }),
  )
  assert.deepEqual((await events(words)).at(-1), { event: 'registration', registered: 3, already: 0, failed: 0 })
  const listed = await cloud.iot.send(new ListCertificatesByCACommand({ caCertificateId }))
  const ids = listed.certificates?.map(({ certificateId }) => certificateId).toSorted()
  assert.deepEqual(ids, chips.map(({ certificate }) => certificate.fingerprint).toSorted())
})

test('elements without certificates are for a list of who may claim, not for registration', async (t) => {
  const file = await filesOf(t)
  const chips = await newChips(2)
  writeFileSync(file('lite.json'), JSON.stringify(chips.map((chip) => microchipElement(vendor, chip, 2))))
  const input = [file('lite.json'), '--format', 'microchip', '--signer', file('signer.pem')]
  const words = ['manifest', 'import', ...input, '--cloud', cloud.controlHttp]
  await fails(words, 'MANIFEST_NOTHING_TO_REGISTER', /None of the 2 devices/)
  await run(['manifest', 'export', ...input, '--uids', file('uids')])
  assert.equal(readFileSync(file('uids'), 'utf8'), chips.map(({ uid }) => `${uid}\n`).join(''))
})

/** Makes chips with numbers that no other test has. */
async function newChips(count: number): Promise<VendorChip[]> {
  const chips = Array.from({ length: count }, () => vendor.chip((next += 1).toString(16).padStart(12, '0')))
  return Promise.all(chips)
}
let next = 0

async function filesOf(t: Parameters<typeof scratchFolder>[0]): Promise<(name: string) => string> {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('pass'), 'a passphrase for tests\n')
  writeFileSync(file('ca.pem'), vendor.issuing.toPem())
  writeFileSync(file('signer.pem'), vendor.manifestSigner.certificate.toPem())
  return file
}

async function countOf(): Promise<number> {
  const { certificates } = await cloud.iot.send(new ListCertificatesCommand({ pageSize: 250 }))
  return certificates?.length ?? 0
}

function access(): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey, region } = cloud.access
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region }
}

async function events(words: readonly string[]): Promise<Record<string, unknown>[]> {
  return parse(await run(words))
}

async function run(words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env: access() })
  assert.equal(status, 0, stdout + stderr)
  return stdout
}

/** Asserts that the command fails: what it says to people last, and the last line of what it says to machines. */
async function fails(words: readonly string[], code: string, says: RegExp): Promise<void> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env: access() })
  assert.equal(status, 1, stderr)
  assert.match(stderr.trimEnd().split('\n').at(-1) ?? '', says)
  const last = parse(stdout).at(-1)?.['error'] as Record<string, string> | undefined
  assert.equal(last?.['code'], code)
  assert.equal(`${last['message']}${last['remedy']}`.includes('{'), false, 'a placeholder was not filled')
}

function parse(lines: string): Record<string, unknown>[] {
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
