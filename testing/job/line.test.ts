import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { keyIdOf } from '@birthmark/factory/ledger'
import { parseManifest } from '@birthmark/factory/manifest'
import { signWorkOrder } from '@birthmark/factory/order'
import { SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthority } from '../testkit/new-authority.ts'
import { failsPlainly, runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a signed order is run in two goes, with events, a manifest, and a ledger that verifies', async (t) => {
  const { run, file } = await place(t)
  const first = await lines(run('--virtual', '3'))
  assert.deepEqual(
    first.map(({ event, outcome, ended }) => [event, outcome ?? ended]),
    [...Array.from({ length: 3 }, () => ['device', 'made']), ['summary', 'no-more-elements']],
  )
  const [summary] = (await lines(run('--virtual', '9'))).slice(-1)
  assert.deepEqual([summary?.['finished'], summary?.['ended']], [5, 'order-complete'])
  const third = await lines(run('--virtual', '1'))
  assert.deepEqual(
    third.map(({ event, ended }) => [event, ended]),
    [['summary', 'order-complete']],
  )
  assert.equal(parseManifest(readFileSync(file('line/manifest.jsonl'), 'utf8')).devices.length, 5)

  const verify = ['ledger', 'verify', file('line/ledger.jsonl'), '--manifest', file('line/manifest.jsonl')]
  const [verdict] = await lines(verify)
  assert.equal(verdict?.['format'], 'birthmark-ledger/2')

  // The same order again, in a folder that knows nothing of the first runs.
  const replay = [...run('--virtual', '1'), '--data', file('copy')]
  const { status, stdout } = await runBirthmark([...replay, '--json'])
  const [device, , failure] = stdout.split('\n').map((line) => JSON.parse(line || '{}'))
  assert.deepEqual([status, device.reason.code, failure.error.code], [1, 'ORDER_USED_UP', 'LINE_DEVICES_FAILED'])

  const whole = readFileSync(file('line/ledger.jsonl'), 'utf8').split('\n')
  const at = whole.findIndex((line, n) => n > 5 && line.includes('"order":"PO-1"'))
  for (const [why, changed] of [
    ['an edit', whole.map((line, n) => (n === at ? line.replace('PO-1', 'PO-3') : line))],
    ['a removal', whole.toSpliced(at, 1)],
    ['an exchange', whole.with(at, whole[at + 1] ?? '').with(at + 1, whole[at] ?? '')],
  ] as const) {
    writeFileSync(file('changed.jsonl'), changed.join('\n'))
    const { stderr } = await runBirthmark(['ledger', 'verify', file('changed.jsonl')])
    assert.match(stderr, new RegExp(`is damaged at line ${at + 1}: `), why)
  }
  writeFileSync(file('line/ledger.jsonl'), `${whole.slice(0, -3).join('\n')}\n`)
  await failsPlainly(verify, { code: 'LEDGER_DAMAGED', says: /is damaged at line \d+: it is missing/ })
})

test('chips that are served on sockets are made, each once', async (t) => {
  const { run, file } = await place(t)
  const chips = ['a', 'b'].map((name) => {
    const words = ['chip', 'serve', '--chip', file(`${name}.chip`), '--socket', file(`${name}.sock`), '--json']
    return startBirthmark(words)
  })
  for (const chip of chips) await chip.said(/"ready":true/)
  const sockets = ['--sockets', file('a.sock'), file('b.sock')]
  for (const outcome of ['made', 'made-before']) {
    const events = await lines(run(...sockets))
    assert.deepEqual(
      events.flatMap((event) => event['outcome'] ?? []),
      [outcome, outcome],
    )
  }
  for (const chip of chips) await stopsInOrder(chip)
})

test('an order that may not be used here is refused before anything is made', async (t) => {
  const { run, file } = await place(t)
  const words = run('--virtual', '1')
  const without = (option: string): string[] => words.toSpliced(words.indexOf(option), 2)
  await failsPlainly(without('--station-key'), { code: 'ORDER_FOR_OTHER_STATION', says: /not for this station/ })
  await failsPlainly(without('--authority'), { code: 'LINE_AUTHORITY_NOT_NAMED', says: /No authority is named/ })
  await failsPlainly([...words, '--offline'], { code: 'LINE_DESK_KEY_NOT_NAMED', says: /needs the key/ })
  const noPassphrase = without('--station-passphrase-file')
  noPassphrase.splice(noPassphrase.indexOf('--passphrase-file'), 2)
  await failsPlainly(noPassphrase, { code: 'STATION_PASSPHRASE_NOT_NAMED', says: /passphrase of the station key/ })
  await failsPlainly(without('--maker-key'), { code: 'ORDER_MAKER_NOT_PINNED', says: /no maker key/ })
  await failsPlainly(without('--virtual'), { code: 'LINE_ELEMENTS_NOT_NAMED', says: /No elements/ })
  const signed = readFileSync(file('order.signed.json'), 'utf8')
  writeFileSync(file('order.signed.json'), signed.replace('"count":5', '"count":6'))
  await failsPlainly(words, { code: 'ORDER_SIGNATURE_INVALID', says: /changed after it was signed/ })
})

test('an I2C bus that is not there fails its element, and is named', async (t) => {
  const { run } = await place(t)
  const { status, stdout } = await runBirthmark([...run('--i2c', '/dev/i2c-250'), '--json'])
  const [device] = stdout.split('\n').map((line) => JSON.parse(line || '{}'))
  assert.deepEqual([status, device.outcome, device.step], [1, 'failed', 'open'])
  assert.match(device.reason.code, /^I2C_(?:PACKAGE_MISSING|DEVICE_UNUSABLE)$/)
  await failsPlainly(run('--i2c', '/dev/i2c-250', '--virtual', '1'), {
    code: 'LINE_ELEMENTS_NOT_NAMED',
    says: /or two/,
  })
})

test('elements that do not open are told by where they are, and the command ends', async (t) => {
  const { run, file } = await place(t)
  const faulty = ['--chip', file('a.chip'), '--socket', file('a.sock'), '--fault', 'lost=1', '--seed', '1']
  const chip = startBirthmark(['chip', 'serve', ...faulty, '--json'])
  await chip.said(/"ready":true/)
  const nobody = file('nobody.sock')
  const { status, stdout } = await runBirthmark([
    ...run('--sockets', file('a.sock'), nobody, '--parallel', '1'),
    '--json',
  ])
  const devices = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'device')
  assert.equal(status, 1)
  assert.deepEqual(
    devices.map(({ place: at, step, reason }) => [at, step, reason.code]),
    [
      [file('a.sock'), 'open', 'TRUST_X_COMMAND_LOST'],
      [nobody, 'open', 'I2C_BUS_UNREACHABLE'],
    ],
  )
  const { stderr } = await runBirthmark(run('--sockets', nobody))
  assert.match(stderr, /an element without a number at \S+nobody\.sock: failed in open: no chip bus/)
  await stopsInOrder(chip)
})

test('the manifest is signed when a key is given, and only its pinned signer is believed', async (t) => {
  const { run, file } = await place(t)
  const signer = await SoftwareSigner.generate('ecdsa-p384-sha384')
  writeFileSync(file('signer.key.pem'), signer.toEncryptedPem('a passphrase for manifests'))
  writeFileSync(file('signer.pass'), 'a passphrase for manifests\n')
  writeFileSync(file('signer.pem'), toPem('PUBLIC KEY', signer.publicKey))
  const key = ['--manifest-key', file('signer.key.pem')]
  await failsPlainly(run('--virtual', '1', ...key), { code: 'KEY_PASSPHRASE_WRONG', says: /passphrase/ })
  await lines(run('--virtual', '1', ...key, '--manifest-passphrase-file', file('signer.pass')))
  const check = ['manifest', 'check', file('line/manifest.jsonl'), '--format', 'birthmark', '--signer']
  await lines([...check, file('signer.pem')])
  const { status, stderr } = await runBirthmark([...check, file('maker.pem')])
  assert.equal(status, 1)
  assert.match(stderr, /not made by a pinned signer/)
})

interface Place {
  readonly file: (name: string) => string
  /** Words that run the signed order here, and more. */
  readonly run: (...more: readonly string[]) => string[]
}

async function place(t: TestContext): Promise<Place> {
  const maker = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const makerKey = toPem('PUBLIC KEY', maker.publicKey)
  const { folder: authority, passphrase } = await newAuthority(t, { makerKey })
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('pass'), `${passphrase}\n`)
  writeFileSync(file('maker.pem'), makerKey)
  const station = await SoftwareSigner.generate('ecdsa-p256-sha256')
  writeFileSync(file('station.key.pem'), station.toEncryptedPem('a passphrase for stations'))
  writeFileSync(file('station.pass'), 'a passphrase for stations\n')
  const order = { ...ORDER, stations: [keyIdOf(station.publicKey)] }
  writeFileSync(file('order.signed.json'), await signWorkOrder(JSON.stringify(order), maker))
  const where = ['--authority', authority, '--passphrase-file', file('pass'), '--data', file('line')]
  const key = ['--station-key', file('station.key.pem'), '--station-passphrase-file', file('station.pass')]
  const rules = ['--maker-key', file('maker.pem'), ...key]
  const run = (...more: readonly string[]): string[] => {
    return ['line', 'run', '--work-order', file('order.signed.json'), ...where, ...rules, ...more]
  }
  return { file, run }
}

const ORDER = {
  format: 'birthmark-work-order/2',
  id: 'PO-1',
  product: 'press',
  count: 5,
  until: '9999-12-31T23:59:59.000Z',
  locks: ['key', 'certificate'],
}

async function lines(words: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
  assert.equal(status, 0, stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}
