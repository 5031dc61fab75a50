import { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import type { Arrivals } from './arrivals.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptLog, AttemptRecord } from './attempt-log.ts'
import { readClientHello } from './client-hello.ts'
import { peerOf } from './peer.ts'
import { causeOfTlsError } from './tls-causes.ts'
import { shownCertificateId } from './tls-facts.ts'
import type { TlsListener } from './tls-options.ts'

/** A TCP connection whose TLS handshake is not finished. */
interface Handshake {
  readonly attempt: AttemptRecord
  readonly socket: Socket
  /** The first bytes that came; kept only until the handshake is settled. */
  hello?: Uint8Array
}

/** What following the handshakes of a server needs. */
export interface HandshakeOptions {
  readonly listener: TlsListener
  readonly attempts: AttemptLog
  readonly arrivals: Arrivals
  /** Tells whether there is room for a connection; it is closed at once when there is not. */
  readonly admits: (socket: Socket) => boolean
  readonly onSecure: (socket: TLSSocket, attempt: AttemptRecord, remoteAddress: string) => void
}

/**
 * Opens an attempt for every connection to a TLS server and follows it until its handshake has succeeded or failed.
 *
 * @returns what gives up the handshakes that are not finished
 */
export function followHandshakes(server: Server, options: HandshakeOptions): (cause: AttemptCause) => void {
  /** By the client's address and port: Node shows the TCP socket first and a TLS socket of its own later. */
  const pending = new Map<string, Handshake>()

  const settle = (key: string): Handshake | undefined => {
    const handshake = pending.get(key)
    if (handshake === undefined) return undefined
    pending.delete(key)
    options.arrivals.settle(handshake)
    return handshake
  }
  const fail = (key: string, cause: AttemptCause): void => {
    const handshake = settle(key)
    if (handshake === undefined) return
    const { attempt, socket } = handshake
    attempt.blame(cause)
    attempt.end('refused', cause.code, { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten })
    socket.destroy()
  }

  // Node's own listener, which begins TLS. A ClientHello explains a failure only to those who have looked at it before.
  const begin = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    if (peer === undefined || !options.admits(socket)) return void socket.destroy()
    const attempt = options.attempts.open({ listener: options.listener, remoteAddress: peer.address })
    const handshake: Handshake = { attempt, socket }
    pending.set(peer.key, handshake)
    socket.on('close', () => {
      // The client's port may have come back in another connection already.
      if (pending.get(peer.key) === handshake) fail(peer.key, handshakeFailed(CLOSED))
    })
    options.arrivals.expect(handshake, 'tls', (cause) => fail(peer.key, cause))
    socket.on('error', () => undefined)
    socket.once('readable', () => {
      const hello: unknown = socket.read()
      if (!(hello instanceof Uint8Array)) return
      handshake.hello = hello
      socket.unshift(hello)
      for (const listener of begin) Reflect.apply(listener, server, [socket])
    })
  })
  server.on('tlsClientError', (error, socket) => {
    const peer = peerOf(socket) ?? peerBelow(socket)
    const handshake = peer && pending.get(peer.key)
    if (peer === undefined || handshake === undefined) return
    fail(peer.key, causeOfFailure(error, socket, handshake))
  })
  server.on('secureConnection', (socket) => {
    const peer = peerOf(socket)
    const handshake = peer && settle(peer.key)
    if (peer === undefined || handshake === undefined) return void socket.destroy()
    options.onSecure(socket, handshake.attempt, peer.address)
  })
  return (cause) => {
    for (const key of pending.keys()) fail(key, cause)
  }
}

function handshakeFailed(why: string): AttemptCause {
  return attemptCause('TLS_HANDSHAKE_FAILED', { why })
}

/** A client that sends its alert and hangs up at once is gone when the alert is read; its TCP socket still knows it. */
function peerBelow(socket: TLSSocket): ReturnType<typeof peerOf> {
  const below: unknown = Reflect.get(socket, '_parent')
  return below instanceof Socket ? peerOf(below) : undefined
}

/** Notes what the client had offered, and says why its handshake failed. */
function causeOfFailure(error: Error, socket: TLSSocket, { attempt, hello }: Handshake): AttemptCause {
  const offered = hello && readClientHello(hello)
  if (offered !== undefined) {
    const { sni, alpn, versions } = offered
    attempt.show({ sni })
    attempt.step(
      'tls',
      `offered ${versions.join(', ')}, server name ${sni ?? 'none'}, protocol ${alpn.join(', ') || 'none'}`,
    )
  }
  const certificateId = shownCertificateId(socket)
  if (certificateId !== undefined) attempt.show({ certificateId })
  return causeOfTlsError(error, offered, certificateId)
}

const CLOSED = 'the client closed the connection without an alert, as some do that do not trust this endpoint'
