import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Script } from 'node:vm'
import { PROOF_BYTES_MAX } from '@birthmark/factory/ledger'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthority } from '../testkit/new-authority.ts'
import { failsPlainly, type Running, runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a ledger is listed, shown, added to, witnessed, and proves a device to a third party', async (t) => {
  const { file, run, key } = await place(t, { count: 4 })
  await json([...run('--virtual', '3')])
  const ledger = file('line/ledger.jsonl')
  const listed = await json(['ledger', 'list', ledger, '--stage', 'locked'])
  assert.equal(listed.length, 3)
  const uid = String(listed[0]?.['uid'])
  const write = ['--key', file('station.key.pem'), '--passphrase-file', file('pass')]
  await json(['ledger', 'add', 'shipped', ledger, uid, '--to', 'Hydraulics Ltd', ...write])
  await json(['ledger', 'add', 'owner-changed', ledger, uid, '--to', 'Press & Sons', ...write])
  const refused = ['ledger', 'add', 'shipped', ledger, uid, '--to', 'nobody', ...write]
  await failsPlainly(refused, { code: 'LEDGER_STEP_REFUSED', says: /cannot become shipped/ })
  const shown = await json(['ledger', 'show', ledger, uid])
  assert.deepEqual(
    shown.map(({ kind }) => kind),
    ['begun', 'made', 'locked', 'shipped', 'owner-changed'],
  )
  await failsPlainly(['ledger', 'show', ledger, 'ffffffff'], { code: 'LEDGER_DEVICE_UNKNOWN', says: /not in this/ })
  const noStage = ['ledger', 'list', ledger, '--stage', 'sold']
  await failsPlainly(noStage, { code: 'LEDGER_STAGE_UNKNOWN', says: /no stage or event sold/ })
  const noReceiver = ['ledger', 'add', 'shipped', ledger, uid, ...write]
  await failsPlainly(noReceiver, { code: 'LEDGER_RECEIVER_MISSING', says: /needs to say to whom/ })

  writeFileSync(file('notary.pem'), toPem('PUBLIC KEY', key.publicKey))
  writeFileSync(file('notary.key.pem'), key.toEncryptedPem('notary'))
  writeFileSync(file('notary.pass'), 'notary\n')
  const notary = ['--key', file('notary.key.pem'), '--passphrase-file', file('notary.pass'), '--name', 'notary']
  const sign = (note: string, ...more: string[]): string[] => {
    const out = ['--out', `${file(note)}.signed`]
    return ['ledger', 'witness', file(note), '--writer-key', file('station.pem'), ...notary, ...out, ...more]
  }
  await json(['ledger', 'checkpoint', ledger, '--out', file('a.note')])
  await json(sign('a.note'))
  await json([...run('--virtual', '1')])
  const since = ['--since', file('a.note.signed'), '--consistency-out', file('grown.json')]
  await json(['ledger', 'checkpoint', ledger, '--out', file('b.note'), ...since])
  const unshown = sign('b.note', '--previous', file('a.note.signed'))
  await failsPlainly(unshown, { code: 'LEDGER_CONSISTENCY_MISSING', says: /nothing that shows that this one has/ })
  await json(sign('b.note', '--previous', file('a.note.signed'), '--consistency', file('grown.json')))
  const keys = ['--writer-key', file('station.pem'), '--witness-key', file('notary.pem')]
  await json(['ledger', 'verify', ledger, '--checkpoint', file('b.note.signed'), ...keys])
  await failsPlainly(['ledger', 'verify', ledger, '--writer-key', file('notary.pem')], {
    code: 'LEDGER_FOUNDER_OTHER',
    says: /ledger\.jsonl was begun by the key [0-9a-f]{64}, and the key that was given is [0-9a-f]{64}\./,
  })
  await json(['ledger', 'prove', ledger, uid, '--checkpoint', file('b.note.signed'), '--out', file('proof.json')])
  assert.ok(readFileSync(file('proof.json')).length < PROOF_BYTES_MAX)
  const [proved] = await json(['ledger', 'check-proof', file('proof.json'), ...keys])
  assert.equal(proved?.['uid'], uid)
  const wrong = ['ledger', 'check-proof', file('proof.json'), '--writer-key', file('notary.pem')]
  writeFileSync(file('proof.json'), readFileSync(file('proof.json'), 'utf8').replace('"begun', '"began'))
  await failsPlainly(wrong, { code: 'PROOF_INVALID', says: /does not hold/ })

  const admit = ['ledger', 'admit', ledger, '--writer-key', file('notary.pem'), '--writer-name', 'notary', ...write]
  const asNotary = ['--key', file('notary.key.pem'), '--passphrase-file', file('notary.pass')]
  const revoke = ['ledger', 'add', 'revoked', ledger, uid, '--reason', 'keyCompromise', ...asNotary]
  await failsPlainly(revoke, { code: 'LEDGER_WRITER_UNKNOWN', says: /may not write/ })
  await json(admit)
  await json(revoke)
  await json(['ledger', 'verify', ledger])
})

test('offline, elements wait under an allotment that is synchronised and settled to the last chip', async (t) => {
  const { file, run, where } = await place(t, { count: 5 })
  const desk = startDesk(file)
  await desk.said(/"ready":true/)
  const chips = ['a', 'b', 'c'].map((name) =>
    startBirthmark(['chip', 'serve', '--chip', file(`${name}.chip`), '--socket', file(`${name}.sock`), '--json']),
  )
  for (const chip of chips) await chip.said(/"ready":true/)
  const sockets = ['--sockets', file('a.sock'), file('b.sock'), file('c.sock')]
  const asked = [...where('desk.sock'), '--work-order', file('order.json')]
  await json(['line', 'allot', ...asked, '--count', '3', '--hours', '1'])
  await stopsInOrder(desk)
  await failsPlainly(run(...sockets, '--authority-socket', file('desk.sock')), {
    code: 'LINE_AUTHORITY_NOT_NAMED',
    says: /or two/,
  })
  await json([
    'line',
    'desk-key',
    '--authority',
    file('ca/authority'),
    '--passphrase-file',
    file('pass'),
    '--out',
    file('desk.pem'),
  ])
  const offline = ['line', 'run', '--offline', '--desk-key', file('desk.pem'), ...asked, ...sockets]
  const first = (await json(offline)).at(-1)
  assert.deepEqual([Object(first?.['outcomes']).waiting, first?.['finished']], [3, 0])

  const issuers = readFileSync(file('line/allotment.json.issuers'))
  const [lost = {}] = await json(['ledger', 'list', file('line/ledger.jsonl'), '--limit', '1'])
  await json([
    'line',
    'scrap',
    String(lost['uid']),
    '--reason',
    'fell on the floor',
    '--data',
    file('line'),
    ...where('').slice(2),
  ])
  const sync = ['line', 'sync', '--desk-key', file('desk.pem'), '--settle', '--work-order', file('order.json')]
  const [settled] = await json([
    ...sync,
    ...where('').slice(2),
    '--data',
    file('line'),
    '--authority',
    file('ca/authority'),
  ])
  // Nothing is asked for the one that is scrapped: its place is given back.
  assert.deepEqual([settled?.['issued'], settled?.['account']], [2, { issued: 2, scrapped: 1, returned: 1 }])

  writeFileSync(`${file('line')}/allotment.json.issuers`, '{}')
  await failsPlainly(offline, { code: 'LINE_ISSUERS_UNREADABLE', says: /cannot be read from/ })
  writeFileSync(`${file('line')}/allotment.json.issuers`, issuers)
  const { status, stdout } = await runBirthmark([...offline, '--json'])
  assert.equal(status, 1, 'the scrapped one is refused')
  assert.match(stdout, /"finished":2,"count":5,"ended":"no-more-elements"/)
  for (const chip of chips) await stopsInOrder(chip)

  const finished = [...stdout.matchAll(/"fingerprint":"([0-9a-f]{64})"/g)].map(([, id]) => String(id))
  await assertReported(file, [String(lost['fingerprint']), ...finished])
})

test('a CSR that the authority refuses at the sync is named, and the allotment stays open', async (t) => {
  const { file, run, where } = await place(t, { count: 5 })
  const chip = startBirthmark(['chip', 'serve', '--chip', file('a.chip'), '--socket', file('a.sock'), '--json'])
  await chip.said(/"ready":true/)
  const asked = [...where(''), '--work-order', file('order.json')]
  await json(['line', 'allot', ...asked, '--count', '3', '--hours', '1'])
  const atCa = ['--authority', file('ca/authority'), '--passphrase-file', file('pass')]
  await json(['line', 'desk-key', ...atCa, '--out', file('desk.pem')])
  const here = [...where('').slice(2), '--work-order', file('order.json'), '--desk-key', file('desk.pem')]
  await json(['line', 'run', '--offline', ...here, '--sockets', file('a.sock')])
  // The same element at a line that knows nothing of it: it makes another key, and gets its one certificate there.
  await json([...run('--sockets', file('a.sock')), '--data', file('other')])
  const { status, stdout } = await runBirthmark(['line', 'sync', ...here, ...atCa, '--settle', '--json'])
  const [result, failure] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual([status, failure.error.code], [1, 'LINE_SYNC_REFUSED'])
  assert.deepEqual([result.issued, result.refused[0].code, result.account], [0, 'ISSUE_KEY_REUSED', undefined])
  await stopsInOrder(chip)
})

function startDesk(file: Place['file']): Running {
  const authority = ['--authority', file('ca/authority'), '--passphrase-file', file('pass')]
  return startBirthmark(['line', 'desk', ...authority, '--socket', file('desk.sock'), '--json'])
}

/** Two built, one scrapped, two never built of five; of those that connected, two are of this line. */
async function assertReported(file: Place['file'], connected: readonly string[]): Promise<void> {
  writeFileSync(file('seen.txt'), connected.join('\n'))
  const pages = ['--html', file('report.html'), '--csv', file('report.csv'), '--connected', file('seen.txt')]
  const [report] = await json(['line', 'report', '--data', file('line'), ...pages])
  const [lot] = Object(report?.['lots'])
  const { built, scrapped, lost: gone, neverBuilt, ordered } = lot
  assert.deepEqual([built, scrapped, gone, neverBuilt, lot.connected], [2, 1, 0, 2, 2])
  assert.equal(built + scrapped + gone + neverBuilt, ordered)
  assert.match(readFileSync(file('report.csv'), 'utf8'), /^PO-1,press,5,2,1,0,2,0,0,2\r$/m)
  const page = readFileSync(file('report.html'), 'utf8')
  const scripts = [...page.matchAll(/<script[^>]*>([^]*?)<\/script>/g)].map(([, script = '']) => script)
  assert.deepEqual(JSON.parse(scripts[0] ?? ''), report)
  // The two others are programs: what does not parse would be an empty page.
  for (const script of scripts.slice(1)) assert.doesNotThrow(() => new Script(script))
  assert.doesNotMatch(page.replace(scripts[1] ?? '', ''), /https?:/)
}

test('keys that were made elsewhere are certified and packed, and never exchanged', async (t) => {
  const { file, where } = await place(t, { count: 3, locks: [] })
  const numbers = ['0a1b2c3d01', '0a1b2c3d02']
  const order = [...where(''), '--work-order', file('order.json')]
  const out = ['--as', 'pem', '--out', file('img'), '--devices', file('numbers.txt'), '--keys', file('keys')]
  const pack = ['line', 'pack', ...order, ...out]
  const key = (): string => generateKeyPairSync('ec', PEM_P256).privateKey
  mkdirSync(file('keys'))
  for (const uid of numbers) writeFileSync(file(`keys/${uid}.key.pem`), key())
  writeFileSync(file('numbers.txt'), `${numbers.join('\n')}\n`)
  const made = await json(pack)
  assert.deepEqual(
    made.map(({ outcome }) => outcome),
    ['made', 'made'],
  )
  const packed = createPublicKey(readFileSync(file(`img/${numbers[0]}.pem`)))
  assert.ok(packed.equals(createPublicKey(readFileSync(file(`keys/${numbers[0]}.key.pem`)))))

  writeFileSync(file('numbers.txt'), '0a1b2c3d03\n')
  await failsPlainly(pack, { code: 'LINE_DEVICE_KEY_UNUSABLE', says: /there is no file \S+0a1b2c3d03\.key\.pem/ })
  writeFileSync(file('keys/0a1b2c3d03.key.pem'), 'no key')
  await failsPlainly(pack, { code: 'LINE_DEVICE_KEY_UNUSABLE', says: /holds no private key that opens/ })
  writeFileSync(file('keys/0a1b2c3d03.key.pem'), generateKeyPairSync('ed25519', PEM).privateKey)
  await failsPlainly(pack, { code: 'LINE_DEVICE_KEY_UNUSABLE', says: /none of P-256/ })
  // Begun, and interrupted before anything was packed.
  mkdirSync(file('line/drafts'), { recursive: true })
  const draft = generateKeyPairSync('ec', PEM_P256).privateKey
  const sealed = {
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: readFileSync(file('pass'), 'utf8').trim(),
  } as const
  writeFileSync(file('line/drafts/0a1b2c3d03.key.pem'), createPrivateKey(draft).export(sealed))
  writeFileSync(file('keys/0a1b2c3d03.key.pem'), key())
  await failsPlainly(pack, { code: 'LINE_DEVICE_KEY_UNUSABLE', says: /begun with another key/ })
})

const PEM = {
  publicKeyEncoding: { format: 'pem', type: 'spki' },
  privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
} as const
const PEM_P256 = { ...PEM, namedCurve: 'P-256' } as const

test('credentials are packed for parts, sealed for a recipient, and a batch has one claim', async (t) => {
  const { file, where, key } = await place(t, { count: 2, locks: [] })
  writeFileSync(file('numbers.txt'), '0a1b2c3d01\n0a1b2c3d02\n')
  writeFileSync(file('my.pem'), toPem('PUBLIC KEY', key.publicKey))
  writeFileSync(file('my.key.pem'), key.toEncryptedPem('mine'))
  writeFileSync(file('my.pass'), 'mine\n')
  const order = [...where(''), '--work-order', file('order.json')]
  const made = await json([
    'line',
    'pack',
    ...order,
    '--devices',
    file('numbers.txt'),
    '--as',
    'esp-secure-cert',
    '--out',
    file('img'),
  ])
  assert.deepEqual(
    made.map(({ outcome }) => outcome),
    ['made', 'made'],
  )
  assert.equal(readFileSync(file('img/0a1b2c3d01.esp_secure_cert.bin')).length, 8192)
  assert.ok(!existsSync(file('line/drafts/0a1b2c3d01.key.pem')))
  writeFileSync(file('bad.txt'), 'PRESS-1\n')
  const bad = ['line', 'pack', ...order, '--devices', file('bad.txt'), '--out', file('img')]
  await failsPlainly(bad, { code: 'LINE_DEVICE_NUMBERS_INVALID', says: /Line 1 of/ })

  writeFileSync(file('order.json'), JSON.stringify({ ...ORDER, id: 'CLAIM-1', count: 1, locks: [] }))
  const claim = [
    'line',
    'claim',
    ...order,
    '--as',
    'c-header',
    '--out',
    file('claim'),
    '--recipient-key',
    file('my.pem'),
  ]
  const [claimed] = await json([...claim, '--batch', '2026-47'])
  const [sealed = ''] = Object(claimed?.['files'])
  await json([
    'line',
    'unpack',
    sealed,
    '--key',
    file('my.key.pem'),
    '--passphrase-file',
    file('my.pass'),
    '--out',
    file('open'),
  ])
  assert.match(readFileSync(file(`open/${String(claimed?.['uid'])}.h`), 'utf8'), /#define BIRTHMARK_PRIVATE_KEY/)
  const again = await json([...claim, '--batch', '2026-47'])
  assert.equal(again[0]?.['outcome'], 'made-before')
  await failsPlainly([...claim, '--batch', '2026-48'], { code: 'ORDER_USED_UP', says: /allows 1 devices/ })
})

interface Place {
  readonly file: (name: string) => string
  readonly run: (...more: readonly string[]) => string[]
  /** The authority, at its folder or at a socket, and the station. */
  readonly where: (socket: string) => string[]
  readonly key: SoftwareSigner
}

async function place(t: TestContext, order: object): Promise<Place> {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  const { folder: authority, passphrase } = await newAuthority(t)
  mkdirSync(file('ca'))
  symlinkSync(authority, file('ca/authority'))
  writeFileSync(file('pass'), `${passphrase}\n`)
  writeFileSync(file('order.json'), JSON.stringify({ ...ORDER, ...order }))
  const station = await SoftwareSigner.generate('ecdsa-p256-sha256')
  writeFileSync(file('station.key.pem'), station.toEncryptedPem(passphrase))
  writeFileSync(file('station.pem'), toPem('PUBLIC KEY', station.publicKey))
  const own = ['--station-key', file('station.key.pem'), '--passphrase-file', file('pass')]
  const where = (socket: string): string[] => {
    const at = socket === '' ? ['--authority', file('ca/authority')] : ['--authority-socket', file(socket)]
    return [...at, ...own, '--data', file('line')]
  }
  const run = (...more: readonly string[]): string[] => {
    return ['line', 'run', '--work-order', file('order.json'), ...where(''), ...more]
  }
  return { file, run, where, key: await SoftwareSigner.generate('ecdsa-p256-sha256') }
}

const ORDER = {
  format: 'birthmark-work-order/2',
  id: 'PO-1',
  product: 'press',
  locks: ['key', 'certificate'],
}

async function json(words: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
  assert.equal(status, 0, stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}
