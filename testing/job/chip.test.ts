import assert from 'node:assert/strict'
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Ended, failsPlainly, runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a new chip shows who made it, what it holds, and is not made twice', async (t) => {
  const { folder, chip, file } = await bench(t)
  const [issuing, root] = readFileSync(join(folder, 'vendor.pem'), 'utf8')
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map((pem) => new X509Certificate(pem))
  assert.match(issuing?.subject ?? '', /Birthmark Virtual Chip CA 001/)
  assert.match(root?.subject ?? '', /Birthmark Virtual Chip Root CA/)
  const { hex } = await chip('read', '0xE0E0')
  const certificate = new X509Certificate(Buffer.from(String(hex).slice(18), 'hex'))
  assert.ok(issuing && root && certificate.verify(issuing.publicKey) && issuing.verify(root.publicKey))
  const { uid } = await chip('info')
  assert.match(String(uid), /^cd1633[0-9a-f]{48}$/)
  const { objects } = (await chip('objects')) as { objects: { oid: string; sizeUsed?: number }[] }
  assert.equal(objects.length, 42)
  assert.ok((objects.find(({ oid }) => oid === '0xE0E0')?.sizeUsed ?? 0) > 400)
  const says = /^birthmark: There is something at \S+meter\.chip already\. Name a file that does not exist/
  await failsPlainly(['chip', 'new', '--chip', file], { code: 'CHIP_FILE_EXISTS', says })
})

test('what is written is read, and stays when the object is locked', async (t) => {
  const { folder, chip, file } = await bench(t)
  await chip('write', '0xF1D0', '--hex', 'c0ffee', '--erase')
  assert.deepEqual(await chip('read', 'F1D0'), { object: '0xF1D0', bytes: 3, hex: 'c0ffee' })
  assert.deepEqual(await chip('read', '0xF1D0', '--offset', '1'), { object: '0xF1D0', bytes: 2, hex: 'ffee' })
  assert.equal((await runBirthmark(['chip', 'read', '0xF1D0', '--chip', file])).stdout, 'c0ffee\n')
  const out = join(folder, 'content.bin')
  await chip('read', '0xF1D0', '--out', out)
  assert.equal(readFileSync(out, 'hex'), 'c0ffee')
  await chip('write', '0xF1E0', '--in', out, '--offset', '2')
  assert.equal((await chip('read', '0xF1E0'))['hex'], '0000c0ffee')
  assert.deepEqual(await chip('lock', '0xF1D0'), { object: '0xF1D0', locked: true })
  const says = /^birthmark: The access conditions of the object do not allow SetDataObject\. Read the object/
  const refused = ['chip', 'write', '0xF1D0', '--hex', '00', '--chip', file]
  await failsPlainly(refused, { code: 'TRUST_X_ACCESS_DENIED', says })
})

test('dump decodes the metadata of every object, for machines and for people', async (t) => {
  const { chip, file } = await bench(t)
  await chip('keygen', '0xE0F1')
  const { objects } = (await chip('dump')) as { objects: Record<string, unknown>[] }
  const rows = new Map(objects.map((row) => [row['oid'], row]))
  const { lifecycle, change, read, execute, key } = rows.get('0xE0F1') ?? {}
  assert.deepEqual([lifecycle, change, read, execute], ['creation', 'LcsO < operational', 'never', 'always'])
  assert.equal(key, 'ec-p256, authentication, sign, key agreement')
  assert.equal(rows.get('0xE0C6')?.['content'], '0615')
  const { stderr, stdout } = await runBirthmark(['chip', 'dump', '--chip', file])
  assert.equal(stdout, '')
  assert.match(stderr, /^object +name +used +lifecycle +change +read +execute +content$/m)
  assert.match(stderr, /^0xF1E1 +big data 2 +0\/1500 +creation +LcsO < operational +always +never$/m)
})

test('a key of the chip signs, and chip and OpenSSL agree on what it signed', async (t) => {
  const { folder, chip, file } = await bench(t)
  const [message, signature] = [join(folder, 'message'), join(folder, 'signature')]
  writeFileSync(message, 'a message')
  for (const curve of ['p256', 'p384']) {
    const key = join(folder, `${curve}.pem`)
    await chip('keygen', '0xE0F2', '--curve', curve, '--out', key)
    await chip('sign', '0xE0F2', '--in', message, '--out', signature)
    const publicKey = createPublicKey(readFileSync(key))
    assert.ok(verify('sha256', Buffer.from('a message'), publicKey, readFileSync(signature)))
    const words = ['verify', '--signature', signature, '--public-key', key]
    assert.deepEqual(await chip(...words, '--in', message), { valid: true })
    const wrong = await runBirthmark(['chip', ...words, '--in', key, '--chip', file, '--json'])
    assert.deepEqual([wrong.status, JSON.parse(wrong.stdout)], [1, { valid: false }])
  }
})

test('a certificate request needs the key’s own public half', async (t) => {
  const { folder, chip, file } = await bench(t)
  await chip('keygen', '0xE0F1', '--store', '0xF1D1')
  await chip('keygen', '0xE0F2', '--out', join(folder, 'other.pem'))
  const request = await chip('csr', '0xE0F1', '--common-name', 'meter-1', '--public-object', '0xF1D1')
  assert.match(String(request['csr']), /^-----BEGIN CERTIFICATE REQUEST-----\n/)
  const words = ['chip', 'csr', '0xE0F1', '--common-name', 'meter-1', '--chip', file]
  await failsPlainly([...words, '--public-key', join(folder, 'other.pem')], {
    code: 'CHIP_PUBLIC_KEY_WRONG',
    says: /^birthmark: The public key is not the one of the P-256 key in 0xE0F1\. Name what/,
  })
  await failsPlainly(words, { code: 'CHIP_INPUT_UNCLEAR', says: /^birthmark: Name one of --public-key FILE and --pub/ })
})

test('random bytes come from the chip, as many as were asked for', async (t) => {
  const { chip } = await bench(t)
  const [one, other] = [await chip('random', '--count', '16'), await chip('random', '--generator', 'deterministic')]
  assert.deepEqual([String(one['hex']).length, String(other['hex']).length], [32, 64])
})

test('a tray is served, one socket for each chip, and every chip works over its own', async (t) => {
  const folder = await scratchFolder(t)
  const made = await runBirthmark(['chip', 'new', '--tray', folder, '--count', '3', '--json'])
  const uids = lines(made).map((line) => line['uid'])
  const tray = startBirthmark(['chip', 'serve', '--tray', folder, '--json'])
  t.after(() => tray.child.kill())
  await tray.said(/^\{"ready":true,"chips":3\}$/m)
  const sockets = readdirSync(folder).filter((name) => name.endsWith('.sock'))
  assert.deepEqual(sockets, ['00001.sock', '00002.sock', '00003.sock'])
  const found = await Promise.all(
    sockets.map((name) => runBirthmark(['chip', 'info', '--socket', join(folder, name), '--json'])),
  )
  assert.deepEqual(
    found.map((ended) => lines(ended)[0]?.['uid']),
    uids,
  )
  const says = /^birthmark: \S+00001\.chip is in use by process \d+\. A chip has one owner at a time/
  await failsPlainly(['chip', 'info', '--chip', join(folder, '00001.chip')], { code: 'CHIP_FILE_IN_USE', says })
  await stopsInOrder(tray)
})

test('a chip that is not there, or not named, is said to be so', async (t) => {
  const folder = await scratchFolder(t)
  const absent = join(folder, 'none.chip')
  const saysAbsent = /^birthmark: There is no chip at \S+none\.chip\. Name the file of a chip, or make one/
  await failsPlainly(['chip', 'dump', '--chip', absent], { code: 'CHIP_FILE_ABSENT', says: saysAbsent })
  const saysUnnamed = /^birthmark: No chip is named, or more than one\. Name one: --chip FILE/
  await failsPlainly(['chip', 'info'], { code: 'CHIP_NOT_NAMED', says: saysUnnamed })
  const both = ['chip', 'info', '--chip', absent, '--i2c', '/dev/i2c-1']
  await failsPlainly(both, { code: 'CHIP_NOT_NAMED', says: saysUnnamed })
  const saysPackage = /^birthmark: A real I2C bus needs the npm package i2c-bus, .*npm install i2c-bus\.$/
  await failsPlainly(['chip', 'info', '--i2c', '/dev/i2c-1'], { code: 'I2C_PACKAGE_MISSING', says: saysPackage })
  const saysEmpty = /^birthmark: There is no chip in \S+\. Make some: birthmark chip new --tray/
  await failsPlainly(['chip', 'serve', '--tray', folder], { code: 'CHIP_TRAY_EMPTY', says: saysEmpty })
  const saysUnclear = /^birthmark: It is not clear what to serve, and where\. Name --chip FILE/
  await failsPlainly(['chip', 'serve', '--tray', folder, '--socket', 'x'], {
    code: 'CHIP_SERVE_UNCLEAR',
    says: saysUnclear,
  })
})

test('a wrong call ends with status 2, and every command has examples', async () => {
  const wrong = [
    ['read', 'E0'],
    ['read', '0xE0FF'],
    ['random', '--count', 'x'],
    ['write', '0xF1D0', '--hex', '1'],
    ['csr', '0xE0F1'],
  ]
  const ended = await Promise.all(wrong.map((words) => runBirthmark(['chip', ...words, '--chip', 'x', '--json'])))
  for (const { status, stdout } of ended) {
    assert.deepEqual([status, JSON.parse(stdout).error.code], [2, 'USAGE_WRONG'])
  }
  const commands = 'new serve info objects read write random keygen csr sign verify lock dump'.split(' ')
  const helps = await Promise.all(commands.map((command) => runBirthmark(['chip', command, '--help'])))
  for (const { status, stdout } of helps)
    assert.deepEqual([status, /Examples?:\n {2}birthmark chip /.test(stdout)], [0, true])
})

type Document = Readonly<Record<string, unknown>>

/** A chip of its own in a file, and the command on it with `--json`. */
async function bench(t: TestContext) {
  const folder = await scratchFolder(t)
  const file = join(folder, 'meter.chip')
  const vendor = join(folder, 'vendor.pem')
  const made = await runBirthmark(['chip', 'new', '--chip', file, '--vendor-certificate', vendor])
  assert.equal(made.status, 0, made.stderr)
  const chip = async (...words: string[]): Promise<Document> => {
    const ended = await runBirthmark(['chip', ...words, '--chip', file, '--json'])
    assert.equal(ended.status, 0, ended.stdout + ended.stderr)
    const [document = {}] = lines(ended)
    return document
  }
  return { folder, file, chip }
}

function lines({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
