/** `birthmark token serve` as programs meet it. Needs the Debian packages opensc, gnutls-bin and p11-kit-modules. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openVirtualChip } from '@birthmark/chip/trust-x/adapters'
import { failsPlainly, startBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const BIRTHMARK = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))
const CLIENT = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/pkcs11/p11-kit-client.so`
assert.ok(existsSync(CLIENT), `${CLIENT} is missing: install the Debian package p11-kit-modules`)

interface Served {
  readonly label: string
  readonly address: string
  readonly slots: readonly { readonly label: string; readonly serial: string }[]
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `birthmark token serve` and waits for its ready line. */
async function serve(context: TestContext, words: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, [BIRTHMARK, 'token', 'serve', '--json', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const ready = JSON.parse(line) as { ready: boolean; label: string; socket: string; slots: Served['slots'] }
  assert.equal(ready.ready, true)
  return {
    ...ready,
    address: `unix:path=${ready.socket}`,
    stop: async (signal = 'SIGTERM') => {
      const ended = once(child, 'exit')
      child.kill(signal)
      const [status] = (await ended) as [number | null]
      return status
    },
  }
}

/** What pkcs11-tool prints, through the stock client library; the address says where the token is. */
function pkcs11Tool(address: string, ...words: readonly string[]): string {
  const env = { ...process.env, P11_KIT_SERVER_ADDRESS: address }
  const done = spawnSync('pkcs11-tool', ['--module', CLIENT, ...words], { env, encoding: 'utf8', timeout: 30_000 })
  if (done.error !== undefined) throw new Error('cannot start pkcs11-tool: install the Debian package opensc')
  return done.stdout + done.stderr
}

/** Signs a message with the key of an id and checks the signature with what the token shows of it. */
function signsWith(folder: string, address: string, id: string, ...words: readonly string[]): void {
  const message = randomBytes(200)
  const [digest, signature] = ['digest', 'signature'].map((name) => join(folder, name)) as [string, string]
  writeFileSync(digest, createHash('sha256').update(message).digest())
  const common = ['--id', id, '-m', 'ECDSA', '-i', digest, '--signature-format', 'openssl', ...words]
  pkcs11Tool(address, '--sign', '-o', signature, ...common)
  const publicKey = join(folder, 'key.der')
  pkcs11Tool(address, '--read-object', '--type', 'pubkey', '--id', id, '-o', publicKey, ...words)
  const key = createPublicKey({ key: readFileSync(publicKey), format: 'der', type: 'spki' })
  assert.ok(verify('sha256', message, key, readFileSync(signature)))
  assert.match(pkcs11Tool(address, '--verify', '--signature-file', signature, ...common), /Signature is valid/)
}

const KEYGEN = ['--keypairgen', '--key-type', 'EC:prime256v1', '--id', '01']

function writePins(folder: string): { readonly pin: string; readonly soPin: string } {
  const [pin, soPin] = ['pin', 'so-pin'].map((name) => join(folder, name)) as [string, string]
  writeFileSync(pin, '4711\n', { mode: 0o600 })
  writeFileSync(soPin, '87654321\n', { mode: 0o600 })
  return { pin, soPin }
}

test('a served chip keeps its key and its PIN from one start to the next, and stops on SIGTERM', async (context) => {
  const folder = await scratchFolder(context)
  const [chip, socket] = [join(folder, 'meter.chip'), join(folder, 'meter.p11')]
  const { pin } = writePins(folder)
  const first = await serve(context, ['--chip', chip, '--socket', socket, '--pin-file', pin])
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  assert.match(pkcs11Tool(first.address, '--login', '--pin', '4710', '-O'), /CKR_PIN_INCORRECT/)
  const made = pkcs11Tool(first.address, '--login', '--pin', '4711', ...KEYGEN)
  const point = /EC_POINT: +([0-9a-f]+)/.exec(made)?.[1]
  assert.ok(point !== undefined, made)
  const changed = pkcs11Tool(first.address, '--login', '--pin', '4711', '--change-pin', '--new-pin', '0815')
  assert.match(changed, /PIN successfully changed/)
  assert.equal(await first.stop(), 0)
  const second = await serve(context, ['--chip', chip, '--socket', socket, '--label', 'meter'])
  assert.equal(second.label, 'meter')
  assert.match(pkcs11Tool(second.address, '-O', '--type', 'pubkey'), new RegExp(point))
  signsWith(folder, second.address, '01', '--login', '--pin', '0815')
  assert.equal(await second.stop(), 0)
})

test('wrong PINs are counted over kills of the server, and only the security officer unlocks', async (context) => {
  const folder = await scratchFolder(context)
  const [chip, socket] = [join(folder, 'meter.chip'), join(folder, 'meter.p11')]
  const { pin, soPin } = writePins(folder)
  const words = ['--chip', chip, '--socket', socket, '--pin-file', pin, '--so-pin-file', soPin]
  for (const says of [/CKR_PIN_INCORRECT/, /CKR_PIN_INCORRECT/, /CKR_PIN_LOCKED/]) {
    const server = await serve(context, words)
    assert.match(pkcs11Tool(server.address, '--login', '--pin', '0000', '-O'), says)
    await server.stop('SIGKILL')
  }
  const server = await serve(context, words)
  assert.match(pkcs11Tool(server.address, '-L'), /user PIN locked/)
  assert.match(pkcs11Tool(server.address, '--login', '--pin', '4711', '-O'), /CKR_PIN_LOCKED/)
  const unlock = ['--login', '--login-type', 'so', '--so-pin', '87654321', '--init-pin', '--new-pin', '1234']
  assert.match(pkcs11Tool(server.address, ...unlock), /User PIN successfully initialized/)
  assert.match(pkcs11Tool(server.address, '--login', '--pin', '1234', '-O'), /Private Key Object/)
})

test('pkcs11-tool initialises a token, and keeps data in it', async (context) => {
  const folder = await scratchFolder(context)
  const socket = join(folder, 'meter.p11')
  const { address } = await serve(context, ['--chip', join(folder, 'meter.chip'), '--socket', socket])
  const note = join(folder, 'note')
  writeFileSync(note, 'calibrated in May')
  pkcs11Tool(address, '--write-object', note, '--type', 'data', '--label', '0xF1D4')
  assert.match(pkcs11Tool(address, '--init-token', '--label', 'meter 7', '--so-pin', '87654321'), /successfully init/)
  const pins = ['--login', '--login-type', 'so', '--so-pin', '87654321', '--init-pin', '--new-pin', '1234']
  assert.match(pkcs11Tool(address, ...pins), /successfully init/)
  assert.match(pkcs11Tool(address, '-L'), /token label +: meter 7\n[^]*PIN initialized/)
  const login = ['--login', '--pin', '1234']
  assert.match(pkcs11Tool(address, '--read-object', '--type', 'data', '--label', '0xF1D4'), /not found/)
  pkcs11Tool(address, ...login, '--write-object', note, '--type', 'data', '--label', 'large data 2')
  assert.match(pkcs11Tool(address, '--read-object', '--type', 'data', '--label', '0xF1E1'), /calibrated in May/)
  pkcs11Tool(address, ...login, '--delete-object', '--type', 'data', '--label', '0xF1E1')
  assert.doesNotMatch(pkcs11Tool(address, '-O', '--type', 'data'), /0xF1E1/)
  pkcs11Tool(address, ...login, '--keypairgen', '--key-type', 'EC:secp384r1', '--id', '03')
  assert.match(pkcs11Tool(address, '-O', '--type', 'pubkey', '--id', '03'), /EC_POINT 384 bits/)
  pkcs11Tool(address, ...login, '--delete-object', '--type', 'privkey', '--id', '03')
  assert.doesNotMatch(pkcs11Tool(address, '-O', '--type', 'pubkey'), /384 bits/)
})

test('a tray of chips, a served chip and a software token are a slot each', async (context) => {
  const folder = await scratchFolder(context)
  const tray = join(folder, 'tray')
  mkdirSync(tray)
  for (const name of ['b', 'a']) await (await openVirtualChip({ file: join(tray, `${name}.chip`) })).close()
  const bus = join(folder, 'bus.sock')
  const busWords = ['chip', 'serve', '--chip', join(folder, 'served.chip'), '--socket', bus, '--json']
  const chipServer = startBirthmark(busWords)
  context.after(() => chipServer.child.kill('SIGKILL'))
  const [, uid = ''] = await chipServer.said(/"uid":"([0-9a-f]+)"/)
  const { pin, soPin } = writePins(folder)
  const software = join(folder, 'soft.token')
  const words = ['token', 'new', '--software', software, '--pin-file', pin, '--so-pin-file', soPin, '--label', 'soft']
  const made = spawnSync(process.execPath, [BIRTHMARK, ...words, '--json'], { encoding: 'utf8' })
  assert.equal(made.status, 0, made.stderr)
  const socket = join(folder, 'all.p11')
  const server = await serve(context, ['--chip', tray, '--chip', bus, '--software', software, '--socket', socket])
  assert.equal(server.slots.length, 4)
  assert.equal(server.slots[2]?.serial, uid.slice(26, 42))
  assert.equal(server.slots[3]?.serial, (JSON.parse(made.stdout) as { serial: string }).serial)
  for (const [index, { label }] of server.slots.entries()) {
    assert.match(pkcs11Tool(server.address, '-L'), new RegExp(`Slot ${index} .*: ${label}\n`))
    const slot = ['--slot-index', String(index), '--login', '--pin', '4711']
    pkcs11Tool(server.address, ...slot, ...KEYGEN, '--label', label === 'soft' ? 'any name' : '0xE0F1')
    signsWith(folder, server.address, '01', ...slot)
  }
  const listed = pkcs11Tool(server.address, '--slot-index', '3', '--login', '--pin', '4711', '-O', '--type', 'privkey')
  assert.match(listed, /any name[^]*sensitive, always sensitive, never extractable, local/)
})

test('without a daemon: p11-kit starts the command, and it ends with the program', async (context) => {
  const folder = await scratchFolder(context)
  const chip = join(folder, 'meter.chip')
  const address = `|${process.execPath} ${BIRTHMARK} token serve --stdio --chip ${chip}`
  assert.match(pkcs11Tool(address, ...KEYGEN), /never extractable, local/)
  signsWith(folder, address, '01')
  assert.equal(existsSync(`${chip}.lock`), false, 'nobody has the chip any more')
})

test('a line in p11-kit’s configuration is all that p11tool needs', async (context) => {
  // For root, p11-kit reads no configuration of a user's own: then another user plays the part.
  const uid = process.getuid?.() === 0 ? NOBODY : undefined
  const folder = await scratchFolder(context)
  const modules = join(folder, '.config', 'pkcs11', 'modules')
  mkdirSync(modules, { recursive: true })
  const command = `${process.execPath} ${BIRTHMARK} token serve --stdio --chip ${join(folder, 'meter.chip')}`
  writeFileSync(join(modules, 'birthmark.module'), `module: p11-kit-client.so\nremote: |${command} --label meter-9\n`)
  chmodSync(folder, 0o755)
  if (uid !== undefined) for (const path of [folder, modules]) chownSync(path, uid, uid)
  const env = { ...process.env, HOME: folder }
  const options = { env, encoding: 'utf8', timeout: 30_000, ...(uid === undefined ? {} : { uid }) } as const
  const done = spawnSync('p11tool', ['--list-tokens'], options)
  assert.match(done.stdout, /token=meter-9\n[^]*Manufacturer: Infineon Technologies AG/, done.stderr)
})

/** The user that owns nothing. */
const NOBODY = 65_534

/** Rows: words after `token serve`, the code of the failure, what it says. */
const REFUSALS: readonly (readonly [words: readonly string[], code: string, says: RegExp])[] = [
  [['--socket', 'x'], 'TOKEN_CHIP_NOT_NAMED', /nothing is named/i],
  [['--chip', 'a'], 'TOKEN_PLACE_UNCLEAR', /--socket PATH/],
  [['--chip', 'a', '--socket', 'x', '--stdio'], 'TOKEN_PLACE_UNCLEAR', /not clear where/],
  [['--chip', 'a', '--socket', 'x', '--label', ''], 'TOKEN_LABEL_UNUSABLE', /1 to 32/],
  [['--chip', '/dev/i2c-99', '--socket', 'x', '--pin-file', 'a'], 'TOKEN_STATE_NOT_NAMED', /--state FOLDER/],
  [['--software', 'absent', '--socket', 'x'], 'CRYPTOKI_FILE_ABSENT', /no software token/],
]

for (const [words, code, says] of REFUSALS) {
  test(`token serve ${words.join(' ')} fails with ${code}`, () =>
    failsPlainly(['token', 'serve', ...words], { code, says }))
}

test('what a folder or a file does not hold is said plainly', async (context) => {
  const folder = await scratchFolder(context)
  const place = ['--socket', join(folder, 'x')]
  const chip = ['--chip', join(folder, 'a.chip')]
  await failsPlainly(['token', 'serve', ...place, '--chip', folder], { code: 'TOKEN_TRAY_EMPTY', says: /no chip in/ })
  const noPin = ['--pin-file', join(folder, 'absent')]
  await failsPlainly(['token', 'serve', ...place, ...chip, ...noPin], { code: 'TOKEN_PIN_UNUSABLE', says: /4 to 64/ })
  const pin = join(folder, 'pin')
  writeFileSync(pin, '123')
  const words = ['token', 'new', '--software', join(folder, 's'), '--pin-file', pin, '--so-pin-file', pin]
  await failsPlainly(words, { code: 'TOKEN_PIN_UNUSABLE', says: /4 to 64/ })
})
