import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectTls, type GroupName, type TlsStream, type TlsVersion } from '@birthmark/device/tls'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { type ForeignServer, startForeignServer } from '../testkit/foreign-server.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { newTlsAuthority, type TlsIdentity } from '../testkit/tls-identities.ts'

const authority = await newTlsAuthority()
const serverIdentity = await authority.server()
const device = await authority.device()

/** `openssl s_server` that demands a certificate of this authority. */
async function startServer(
  context: TestContext,
  ...words: readonly string[]
): Promise<ForeignServer & { port: number }> {
  const folder = await scratchFolder(context)
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const chain = file('chain.pem', serverIdentity.cert)
  const identity = ['-cert', chain, '-cert_chain', chain, '-key', file('key.pem', serverIdentity.key)]
  const trust = ['-CAfile', file('root.pem', authority.root.toPem()), '-Verify', '3', '-verify_return_error']
  const listen = ['s_server', '-accept', '127.0.0.1:0', '-pass', `pass:${serverIdentity.passphrase}`]
  const server = startForeignServer(context, 'openssl', [...listen, ...identity, ...trust, '-msg', ...words])
  const [, port] = await server.says(/ACCEPT 127\.0\.0\.1:(\d+)/)
  return Object.assign(server, { port: Number(port) })
}

interface Client {
  readonly port: number
  readonly versions?: readonly TlsVersion[]
  readonly groups?: readonly GroupName[]
  /** The device when absent. */
  readonly identity?: TlsIdentity | 'none'
}

async function connectTo({ port, identity = device, ...options }: Client): Promise<TlsStream> {
  return connectTls({
    transport: connect(port, '127.0.0.1'),
    host: 'localhost',
    alpn: ['x-amzn-mqtt-ca', 'mqtt'],
    anchors: [authority.root],
    clock: systemClock,
    entropy: systemEntropy,
    timers: systemTimers,
    ...(identity === 'none' ? {} : { identity }),
    ...options,
  })
}

async function nextLine(stream: TlsStream): Promise<string> {
  let line = ''
  while (!line.endsWith('\n')) {
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    line += chunk.toString()
  }
  return line
}

interface Row {
  readonly version: TlsVersion
  /** The server's groups. */
  readonly groups: string
  /** The client's. */
  readonly offered: readonly GroupName[]
  readonly helloRetryRequest: boolean
}

const ROWS: readonly Row[] = [
  { version: 'TLSv1.2', groups: 'P-256', offered: ['secp256r1'], helloRetryRequest: false },
  { version: 'TLSv1.2', groups: 'X25519:P-256', offered: ['x25519', 'secp256r1'], helloRetryRequest: false },
  { version: 'TLSv1.3', groups: 'P-256', offered: ['secp256r1', 'x25519'], helloRetryRequest: false },
  { version: 'TLSv1.3', groups: 'X25519', offered: ['x25519', 'secp256r1'], helloRetryRequest: false },
  { version: 'TLSv1.3', groups: 'P-256', offered: ['x25519', 'secp256r1'], helloRetryRequest: true },
  { version: 'TLSv1.3', groups: 'X25519', offered: ['secp256r1', 'x25519'], helloRetryRequest: true },
]

for (const { version, groups, offered, helloRetryRequest } of ROWS) {
  const retry = helloRetryRequest ? ' after HelloRetryRequest' : ''
  test(`OpenSSL's server takes the client: ${version}, ${groups}${retry}`, async (context) => {
    const option = version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3'
    const server = await startServer(context, option, '-groups', groups, '-alpn', 'mqtt', '-rev', '-naccept', '1')
    const stream = await connectTo({ port: server.port, groups: offered })
    assert.deepEqual([stream.version, stream.alpn], [version, 'mqtt'])
    assert.equal(stream.serverCertificate.fingerprint, serverIdentity.certificates[0]?.fingerprint)
    stream.write('press-7\n')
    assert.equal(await nextLine(stream), '7-sserp\n')
    stream.write(`${'a'.repeat(10_000)}b\n`)
    assert.equal(await nextLine(stream), `b${'a'.repeat(10_000)}\n`)
    // -msg shows every message once.
    assert.equal(server.output.match(/, ClientHello$/gm)?.length, helloRetryRequest ? 2 : 1)
    assert.match(server.output, /, CertificateVerify$/m)
    stream.end()
    await once(stream, 'close')
    await server.says(/<<< .*Alert.*close_notify/)
  })
}

test('both versions are offered by default and the newer one is chosen', async (context) => {
  const server = await startServer(context, '-rev')
  const stream = await connectTo({ port: server.port })
  assert.equal(stream.version, 'TLSv1.3')
  stream.destroy()
})

test('keys change when the server asks for it', async (context) => {
  const server = await startServer(context, '-tls1_3')
  const stream = await connectTo({ port: server.port })
  server.type('K')
  await server.says(/<<< .*KeyUpdate/)
  server.type('from the server')
  assert.equal(await nextLine(stream), 'from the server\n')
  stream.write('from the client\n')
  await server.says(/^from the client$/m)
  stream.destroy()
})

test('renegotiation is refused with no_renegotiation', async (context) => {
  const server = await startServer(context, '-tls1_2')
  const stream = await connectTo({ port: server.port })
  stream.on('error', () => undefined)
  server.type('r')
  await server.says(/<<< .*Alert.*\n.*01 64/)
})

interface Refusal {
  readonly why: string
  readonly words: readonly string[]
  readonly client: Omit<Client, 'port'>
  readonly code: string
  readonly alert: RegExp
}

const REFUSALS: readonly Refusal[] = [
  {
    why: 'a server of TLS 1.1',
    words: ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'],
    client: {},
    code: 'TLS_PEER_ALERT',
    alert: />>> .*Alert.*protocol_version/,
  },
  {
    why: 'a server that has only TLS 1.2 for a client that wants TLS 1.3',
    words: ['-tls1_2'],
    client: { versions: ['TLSv1.3'] },
    code: 'TLS_PEER_ALERT',
    alert: />>> .*Alert.*protocol_version/,
  },
  {
    why: 'a client without a certificate, TLS 1.2',
    words: ['-tls1_2'],
    client: { identity: 'none' },
    code: 'TLS_PEER_ALERT',
    alert: />>> .*Alert.*handshake_failure/,
  },
]

for (const { why, words, client, code, alert } of REFUSALS) {
  test(`refused: ${why}`, async (context) => {
    const server = await startServer(context, ...words)
    await assert.rejects(connectTo({ port: server.port, ...client }), (error) => isFault(error, code))
    await server.says(alert)
  })
}

test('a client without a certificate is refused after the handshake of TLS 1.3, by name', async (context) => {
  const server = await startServer(context, '-tls1_3')
  const stream = await connectTo({ port: server.port, identity: 'none' })
  const [error] = await once(stream, 'error')
  assert.ok(isFault(error, 'TLS_CLIENT_CERTIFICATE_REFUSED'), String(error))
  assert.equal(error.context['alert'], 'certificate_required')
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a device of another authority is refused by name, ${version}`, async (context) => {
    const stranger = await newTlsAuthority()
    const server = await startServer(context, version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3')
    const connecting = connectTo({ port: server.port, identity: await stranger.device() })
    const error: unknown = await connecting.then(
      async (stream) => (await once(stream, 'error'))[0],
      (thrown: unknown) => thrown,
    )
    assert.ok(isFault(error, 'TLS_CLIENT_CERTIFICATE_REFUSED'), String(error))
    assert.equal(error.context['alert'], 'unknown_ca')
  })
}

test('a server that dies in the middle is reported as truncation', async (context) => {
  const server = await startServer(context, '-rev')
  const stream = await connectTo({ port: server.port })
  stream.write('press-7\n')
  await nextLine(stream)
  server.kill()
  const [error] = await once(stream, 'error')
  assert.ok(isFault(error, 'TLS_TRUNCATED'), String(error))
})
