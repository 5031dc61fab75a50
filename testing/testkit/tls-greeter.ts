import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import type { TlsAuthority } from './tls-identities.ts'

/** A version of TLS, as tests name it. */
export type TlsVersion = '1.2' | '1.3'

/** A server that demands a certificate of one authority, speaks one version of TLS, and greets whoever has one. */
export interface TlsGreeter {
  readonly port: number
  /** The first client that was let in: its version, and its certificate in DER. */
  readonly guest: Promise<{ readonly protocol: string | null; readonly certificate: Uint8Array }>
}

/** Starts a greeter for one test. It speaks as much HTTP as curl needs, and plain enough text for others. */
export async function startTlsGreeter(
  context: TestContext,
  authority: TlsAuthority,
  version: TlsVersion,
): Promise<TlsGreeter> {
  const { cert, key, passphrase } = await authority.server()
  const { promise: guest, resolve } = Promise.withResolvers<Awaited<TlsGreeter['guest']>>()
  const only = { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` } as const
  const demand = { requestCert: true, rejectUnauthorized: true, ca: authority.root.toPem() }
  const sockets = new Set<TLSSocket>()
  const server = createServer({ cert, key, passphrase, ...only, ...demand }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.end(`HTTP/1.0 200 OK\r\n\r\n${GREETING}\n`)
    resolve({ protocol: socket.getProtocol(), certificate: new Uint8Array(socket.getPeerCertificate().raw) })
  })
  context.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, guest }
}

/** What a client that was let in reads. */
export const GREETING = 'the server says hello'
