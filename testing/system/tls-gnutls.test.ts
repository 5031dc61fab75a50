import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
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

/** `gnutls-serv` that echoes and demands a certificate of this authority. */
async function startServer(
  context: TestContext,
  priority: string,
  ...more: readonly string[]
): Promise<ForeignServer & { port: number }> {
  const folder = await scratchFolder(context)
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  // gnutls-serv cannot be told a passphrase, nor to choose a port.
  const key = createPrivateKey({ key: serverIdentity.key, passphrase: serverIdentity.passphrase })
  const keyFile = file('key.pem', key.export({ format: 'pem', type: 'pkcs8' }).toString())
  const port = await freePort()
  const identity = ['--x509certfile', file('chain.pem', serverIdentity.cert), '--x509keyfile', keyFile]
  const trust = [
    '--x509cafile',
    file('root.pem', authority.root.toPem()),
    '--require-client-cert',
    '--verify-client-cert',
  ]
  const words = ['--echo', '--port', String(port), '--alpn', 'mqtt', '--priority', `NORMAL:${priority}`]
  const server = startForeignServer(context, 'gnutls-serv', [...words, ...identity, ...trust, ...more])
  await server.says(/listening on IPv4.*done/)
  return Object.assign(server, { port })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

interface Client {
  readonly port: number
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

interface Row {
  readonly version: TlsVersion
  readonly priority: string
  readonly offered: readonly GroupName[]
  readonly what: string
}

const TLS12 = '-VERS-ALL:+VERS-TLS1.2'
const TLS13 = '-VERS-ALL:+VERS-TLS1.3'
const P256 = '-GROUP-ALL:+GROUP-SECP256R1'
const X25519 = '-GROUP-ALL:+GROUP-X25519'

const ROWS: readonly Row[] = [
  { version: 'TLSv1.2', priority: `${TLS12}:${P256}`, offered: ['secp256r1'], what: 'P-256' },
  {
    version: 'TLSv1.2',
    priority: `${TLS12}:${X25519}:+GROUP-SECP256R1`,
    offered: ['x25519', 'secp256r1'],
    what: 'X25519',
  },
  { version: 'TLSv1.3', priority: `${TLS13}:${P256}`, offered: ['secp256r1', 'x25519'], what: 'P-256' },
  { version: 'TLSv1.3', priority: `${TLS13}:${X25519}`, offered: ['x25519', 'secp256r1'], what: 'X25519' },
  { version: 'TLSv1.3', priority: `${TLS13}:${P256}`, offered: ['x25519', 'secp256r1'], what: 'P-256 after a retry' },
  {
    version: 'TLSv1.3',
    priority: `${TLS13}:${X25519}`,
    offered: ['secp256r1', 'x25519'],
    what: 'X25519 after a retry',
  },
]

for (const { version, priority, offered, what } of ROWS) {
  test(`GnuTLS's server takes the client: ${version}, ${what}`, async (context) => {
    const server = await startServer(context, priority)
    const stream = await connectTo({ port: server.port, groups: offered })
    assert.deepEqual([stream.version, stream.alpn], [version, 'mqtt'])
    assert.equal(stream.serverCertificate.fingerprint, serverIdentity.certificates[0]?.fingerprint)
    const text = 'press-7 '.repeat(50).concat('\n')
    stream.write(text)
    let echo = ''
    while (echo.length < text.length) {
      const [chunk] = (await once(stream, 'data')) as [Buffer]
      echo += chunk.toString()
    }
    assert.equal(echo, text)
    await server.says(/Peer's certificate is trusted|The certificate is trusted/)
    stream.end()
    await once(stream, 'close')
  })
}

test('TLS 1.2 without extended master secret', async (context) => {
  const server = await startServer(context, `${TLS12}:%NO_SESSION_HASH`)
  const stream = await connectTo({ port: server.port })
  stream.write('press-7\n')
  const [echo] = (await once(stream, 'data')) as [Buffer]
  assert.equal(echo.toString(), 'press-7\n')
  assert.doesNotMatch(server.output, /extended master secret/)
  stream.destroy()
})

test('TLS 1.2 without secure renegotiation is refused', async (context) => {
  const server = await startServer(context, `${TLS12}:%DISABLE_SAFE_RENEGOTIATION`)
  await assert.rejects(connectTo({ port: server.port }), (error) => isFault(error, 'TLS_RENEGOTIATION_UNSAFE'))
})

for (const [version, priority] of [
  ['TLS 1.2', TLS12],
  ['TLS 1.3', TLS13],
] as const) {
  test(`${version}: records are as short as the server asks`, async (context) => {
    const server = await startServer(context, priority, '--recordsize', '512', '--debug', '5')
    const stream = await connectTo({ port: server.port })
    stream.resume().write('a line of twenty-one\n'.repeat(100))
    await server.says(/(?:Decrypted Packet.* Application Data[^]*){5}/)
    const sizes = [...server.output.matchAll(/Decrypted Packet\[\d+\] Application Data\(23\) with length: (\d+)/g)]
    assert.deepEqual(
      sizes.map(([, size]) => Number(size)),
      [512, 512, 512, 512, 52],
    )
    stream.destroy()
  })
}

test('a client without a certificate is refused by name', async (context) => {
  const server = await startServer(context, TLS13)
  const stream = await connectTo({ port: server.port, identity: 'none' })
  const [error] = await once(stream, 'error')
  assert.ok(isFault(error, 'TLS_CLIENT_CERTIFICATE_REFUSED'), String(error))
  assert.equal(error.context['alert'], 'certificate_required')
})
