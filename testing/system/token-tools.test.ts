import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { newTlsAuthority } from '../testkit/tls-identities.ts'
import { type TokenBench, tokenBench } from '../testkit/token-bench.ts'

const run = promisify(execFile)

/** Where Debian has shared libraries of its multi-architecture packages. */
const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`
const CLIENT = installed(`${LIBRARIES}/pkcs11/p11-kit-client.so`, 'p11-kit-modules')

function installed(path: string, debianPackage: string): string {
  assert.ok(existsSync(path), `${path} is missing: install the Debian package ${debianPackage}`)
  return path
}

/** Runs an unmodified program on the token and gives what it printed. */
async function use(bench: TokenBench, program: string, words: readonly string[]): Promise<string> {
  const options = { env: { ...process.env, ...bench.environment }, timeout: 30_000 }
  const { stdout, stderr } = await run(program, words, options)
  return stdout + stderr
}

function pkcs11Tool(bench: TokenBench, ...words: readonly string[]): Promise<string> {
  return use(bench, 'pkcs11-tool', ['--module', CLIENT, ...words])
}

const KEYGEN = ['--keypairgen', '--key-type', 'EC:prime256v1', '--id', '01']

test('pkcs11-tool lists the token, makes a key, signs with it and runs its own test', async (context) => {
  const bench = await tokenBench(context, { pin: '4711' })
  assert.match(await pkcs11Tool(bench, '-L'), new RegExp(`token label +: ${bench.token.label}[^]*login required`))
  assert.match(await pkcs11Tool(bench, '-M'), /ECDSA-KEY-PAIR-GEN[^]*ECDSA, keySize=\{256,384\}, hw, sign, verify/)
  assert.match(await pkcs11Tool(bench, '--login', '--pin', '4711', ...KEYGEN), /never extractable, local/)
  assert.match(await pkcs11Tool(bench, '--login', '--pin', '4711', '--test'), /No errors/)
  const listed = await pkcs11Tool(bench, '--login', '--pin', '4711', '-O')
  assert.match(listed, /Private Key Object; EC\n +label: +0xE0F1\n +ID: +01/)
})

test('openssl verifies what pkcs11-tool signed with the key of the token', async (context) => {
  const bench = await tokenBench(context)
  const folder = await scratchFolder(context)
  await pkcs11Tool(bench, ...KEYGEN)
  const file = (name: string): string => join(folder, name)
  const message = randomBytes(100)
  writeFileSync(file('message'), message)
  writeFileSync(file('digest'), createHash('sha256').update(message).digest())
  const form = ['--signature-format', 'openssl']
  const sign = ['--sign', '-m', 'ECDSA', '--id', '01', ...form, '-i', file('digest'), '-o', file('signature')]
  await pkcs11Tool(bench, ...sign)
  await pkcs11Tool(bench, '--read-object', '--type', 'pubkey', '--id', '01', '-o', file('key.der'))
  const key = createPublicKey({ key: readFileSync(file('key.der')), format: 'der', type: 'spki' })
  assert.ok(verify('sha256', message, key, readFileSync(file('signature'))))
  writeFileSync(file('key.pem'), key.export({ format: 'pem', type: 'spki' }))
  const check = ['dgst', '-sha256', '-verify', file('key.pem'), '-signature', file('signature'), file('message')]
  assert.match(await use(bench, 'openssl', check), /Verified OK/)
})

test('a wrong PIN is a wrong PIN, and the third locks', async (context) => {
  const bench = await tokenBench(context, { pin: '4711' })
  const attempt = (pin: string): Promise<string> => pkcs11Tool(bench, '--login', '--pin', pin, '-O')
  await assert.rejects(attempt('0000'), /CKR_PIN_INCORRECT/)
  await assert.rejects(attempt('0000'), /CKR_PIN_INCORRECT/)
  await assert.rejects(attempt('0000'), /CKR_PIN_LOCKED/)
  await assert.rejects(attempt('4711'), /CKR_PIN_LOCKED/)
})

test('pkcs11-tool writes a certificate that p11tool then finds beside its key', async (context) => {
  const bench = await tokenBench(context)
  const folder = await scratchFolder(context)
  await pkcs11Tool(bench, ...KEYGEN)
  const [certificate] = await (await newTlsAuthority()).certify(await keptKey(bench))
  writeFileSync(join(folder, 'device.der'), certificate!.der)
  await pkcs11Tool(bench, '--write-object', join(folder, 'device.der'), '--type', 'cert', '--id', '01')
  const listed = await use(bench, 'p11tool', ['--provider', CLIENT, '--list-all', `pkcs11:token=${bench.token.label}`])
  assert.match(listed, /id=%01;object=0xE0E1;type=cert/)
  assert.match(listed, /id=%01;object=0xE0F1;type=private/)
})

for (const version of ['1.2', '1.3'] as const) {
  test(`openssl does mutual TLS ${version} with the key in the chip`, async (context) => {
    const bench = await tokenBench(context)
    const folder = await scratchFolder(context)
    await pkcs11Tool(bench, ...KEYGEN)
    const authority = await newTlsAuthority()
    const chain = await authority.certify(await keptKey(bench))
    const chainFile = join(folder, 'chain.pem')
    const rootFile = join(folder, 'root.pem')
    writeFileSync(chainFile, chain.map((each) => each.toPem()).join(''))
    writeFileSync(rootFile, authority.root.toPem())
    const { port, peer } = await tlsServer(context, authority, version)
    const client = startForeignServer(
      context,
      'openssl',
      [
        's_client',
        '-connect',
        `127.0.0.1:${port}`,
        '-servername',
        'localhost',
        '-CAfile',
        rootFile,
        '-cert',
        chainFile,
        '-cert_chain',
        chainFile,
        '-engine',
        'pkcs11',
        '-keyform',
        'engine',
        '-key',
        `pkcs11:token=${bench.token.label};object=0xE0F1;type=private`,
        '-verify_return_error',
        '-quiet',
      ],
      { ...bench.environment, PKCS11_MODULE_PATH: CLIENT, OPENSSL_ENGINES: ENGINES },
    )
    await client.says(/the server says hello/)
    const socket = await peer
    assert.equal(socket.getProtocol(), `TLSv${version}`)
    assert.equal(socket.authorized, true)
    assert.deepEqual(new Uint8Array(socket.getPeerCertificate().raw), chain[0]!.der)
  })
}

const ENGINES = `${LIBRARIES}/engines-3`
installed(`${ENGINES}/pkcs11.so`, 'libengine-pkcs11-openssl')

/** A server that demands a certificate of this authority and greets whoever has one. */
async function tlsServer(
  context: TestContext,
  authority: Awaited<ReturnType<typeof newTlsAuthority>>,
  version: '1.2' | '1.3',
): Promise<{ port: number; peer: Promise<TLSSocket> }> {
  const { cert, key, passphrase } = await authority.server()
  const { promise: peer, resolve } = Promise.withResolvers<TLSSocket>()
  const only = { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` } as const
  const demand = { requestCert: true, rejectUnauthorized: true, ca: authority.root.toPem() }
  const server = createServer({ cert, key, passphrase, ...only, ...demand }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.write('the server says hello\n')
    resolve(socket)
    context.after(() => socket.destroy())
  })
  context.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, peer }
}

/** The public half of the first key, where the chip keeps it. */
function keptKey({ chip }: TokenBench): Promise<Uint8Array> {
  return chip.getDataObject(0xf1d1)
}
