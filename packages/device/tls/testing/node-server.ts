import { once } from 'node:events'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { newTlsAuthority, type TlsAuthority, type TlsIdentity } from '../../../../testing/testkit/tls-identities.ts'
import { connectTls } from '../connect-tls.ts'
import type { TlsStream, TlsStreamOptions } from '../tls-stream.ts'

/** Node's own TLS server on loopback, for one test. */
export interface NodeServer {
  readonly port: number
  /** The next connection whose handshake is over on the server's side. */
  accept(): Promise<TLSSocket>
  /** The next failure of a handshake, as OpenSSL names it. */
  failure(): Promise<string>
}

/** The certificates of one test file. */
export interface Issued {
  readonly authority: TlsAuthority
  readonly server: TlsIdentity
  readonly device: TlsIdentity
}

/** Issues a server `localhost` and a device. */
export async function issue(): Promise<Issued> {
  const authority = await newTlsAuthority()
  return { authority, server: await authority.server(), device: await authority.device() }
}

/** Starts a server that demands a client certificate of the authority unless told otherwise. */
export async function startNodeServer(
  context: TestContext,
  issued: Issued,
  change: TlsOptions = {},
): Promise<NodeServer> {
  const { cert, key, passphrase } = issued.server
  const trust = { ca: issued.authority.root.toPem(), requestCert: true, rejectUnauthorized: true }
  const server = createServer({ cert, key, passphrase, ...trust, ...change })
  server.on('secureConnection', (socket) => socket.on('error', () => undefined))
  const port = await listen(context, server)
  return {
    port,
    async accept() {
      const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
      return socket
    },
    async failure() {
      const [error] = (await once(server, 'tlsClientError')) as [NodeJS.ErrnoException]
      return error.code ?? error.message
    },
  }
}

/** Starts a plain TCP server that does what it likes with each connection. */
export async function startTcpServer(context: TestContext, serve: (socket: Socket) => void): Promise<number> {
  return listen(
    context,
    createTcpServer((socket) => {
      socket.on('error', () => undefined)
      serve(socket)
    }),
  )
}

/** Gives a port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

/** Connects the device to a port on loopback. */
export async function connectDevice(
  issued: Issued,
  port: number,
  change: Partial<TlsStreamOptions> = {},
): Promise<TlsStream> {
  return connectTls({
    transport: change.transport ?? connect(port, '127.0.0.1'),
    host: 'localhost',
    anchors: [issued.authority.root],
    identity: issued.device,
    clock: systemClock,
    entropy: systemEntropy,
    timers: systemTimers,
    ...change,
  })
}

async function listen(context: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => open.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return portOf(server)
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
