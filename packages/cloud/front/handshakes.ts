import { type Server, Socket } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import type { Clock } from '@birthmark/foundation/kernel'
import type { Arrivals } from './arrivals.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptLog, AttemptRecord } from './attempt-log.ts'
import { isWholeHello, readClientHello } from './client-hello.ts'
import { HelloWatch } from './hello-watch.ts'
import { peerOf } from './peer.ts'
import { TlsAcceptors } from './tls-acceptors.ts'
import { causeOfTlsError } from './tls-causes.ts'
import { shownCertificateId } from './tls-facts.ts'
import type { Endpoints, TlsListener } from './tls-options.ts'

/** A TCP connection whose TLS handshake is not finished. */
interface Handshake {
  readonly attempt: AttemptRecord
  readonly socket: Socket
  readonly address: string
  /** The first bytes that came; kept only until the handshake is settled. */
  hello: Uint8Array | undefined
}

/** What following the handshakes of a server needs. */
export interface HandshakeOptions {
  readonly listener: TlsListener
  /** What is shown at the begin. */
  readonly endpoints: Endpoints
  readonly attempts: AttemptLog
  readonly arrivals: Arrivals
  readonly clock: Clock
  /** Tells whether there is room for a connection; it is closed at once when there is not. */
  readonly admits: () => boolean
  /** Hears of the end of each connection that was admitted. */
  readonly left: () => void
  readonly onSecure: (socket: TLSSocket, attempt: AttemptRecord, remoteAddress: string) => void
}

/** The handshakes of one listener. */
export interface Handshakes {
  /** Shows other certificates to the clients that come from now on. @throws `ENDPOINT_UNUSABLE` (operator) */
  exchange(endpoints: Endpoints): void
  /** Gives up those that are not finished. */
  abort(cause: AttemptCause): void
}

/**
 * Begins TLS on every connection to `server`, opens an attempt for it and follows it until its handshake has succeeded
 * or failed.
 *
 * @throws `ENDPOINT_UNUSABLE` (operator)
 */
export function followHandshakes(server: Server, options: HandshakeOptions): Handshakes {
  /** By the client's address and port: Node shows the TCP socket first and a TLS socket of its own later. */
  const pending = new Map<string, Handshake>()
  const watch = new HelloWatch(options.clock)

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
    const { attempt, socket, address } = handshake
    watch.failed(address)
    attempt.blame(cause)
    attempt.end('refused', cause.code, { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten })
    socket.destroy()
  }

  const follow = (acceptor: TlsServer): void => {
    acceptor.on('tlsClientError', (error, socket) => {
      const peer = peerOf(socket) ?? peerBelow(socket)
      const handshake = peer && pending.get(peer.key)
      if (peer === undefined || handshake === undefined) return
      fail(peer.key, causeOfFailure(error, socket, handshake))
    })
    acceptor.on('secureConnection', (socket) => {
      const peer = peerOf(socket)
      const handshake = peer && settle(peer.key)
      if (peer === undefined || handshake === undefined) return void socket.destroy()
      handshake.hello = undefined
      options.onSecure(socket, handshake.attempt, peer.address)
    })
  }
  const acceptors = new TlsAcceptors(options.listener, options.endpoints, follow)

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    if (peer === undefined || !options.admits()) return void socket.destroy()
    const attempt = options.attempts.open({ listener: options.listener, remoteAddress: peer.address })
    const handshake: Handshake = { attempt, socket, address: peer.address, hello: undefined }
    pending.set(peer.key, handshake)
    // The only listener of ours to this, as long as the connection lasts: a third one takes four times the memory.
    socket.on('close', () => {
      options.left()
      // The client's port may have come back in another connection already.
      if (pending.get(peer.key) === handshake) fail(peer.key, handshakeFailed(CLOSED))
    })
    options.arrivals.expect(handshake, {
      phase: 'tls',
      address: peer.address,
      giveUp: (cause) => fail(peer.key, cause),
    })
    socket.on('error', ignore)
    if (acceptors.areByName || watch.looksAt(peer.address)) awaitHello(handshake, acceptors)
    else acceptors.for(undefined).emit('connection', socket)
  })
  return {
    exchange: (endpoints) => acceptors.exchange(endpoints),
    abort: (cause) => {
      for (const key of pending.keys()) fail(key, cause)
    },
  }
}

/**
 * Begins TLS when the first bytes have come. They are kept: a ClientHello explains a failure only to those who have
 * looked at it before.
 */
function awaitHello(handshake: Handshake, acceptors: TlsAcceptors): void {
  const { socket } = handshake
  socket.once('readable', () => {
    const bytes: unknown = socket.read()
    if (!(bytes instanceof Uint8Array)) return
    const hello = handshake.hello === undefined ? bytes : Buffer.concat([handshake.hello, bytes])
    handshake.hello = hello
    if (acceptors.areByName && !isWholeHello(hello)) return awaitHello(handshake, acceptors)
    socket.unshift(hello)
    acceptors.for(acceptors.areByName ? readClientHello(hello)?.sni : undefined).emit('connection', socket)
  })
}

/** Whoever has the connection hears of its close. */
function ignore(): void {}

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
