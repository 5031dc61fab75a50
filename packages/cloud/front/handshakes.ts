import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import type { Arrivals } from './arrivals.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptLog, AttemptRecord } from './attempt-log.ts'
import { peerOf } from './peer.ts'
import type { TlsListener } from './tls-options.ts'

/** A TCP connection whose TLS handshake is not finished. */
interface Handshake {
  readonly attempt: AttemptRecord
  readonly socket: Socket
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

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    if (peer === undefined || !options.admits(socket)) return void socket.destroy()
    const attempt = options.attempts.open({ listener: options.listener, remoteAddress: peer.address })
    const handshake = { attempt, socket }
    pending.set(peer.key, handshake)
    socket.on('close', () => {
      // The client's port may have come back in another connection already.
      if (pending.get(peer.key) === handshake) fail(peer.key, handshakeFailed('the client closed the connection'))
    })
    options.arrivals.expect(handshake, 'tls', (cause) => fail(peer.key, cause))
  })
  server.on('tlsClientError', (error, socket) => {
    const peer = peerOf(socket)
    if (peer !== undefined) fail(peer.key, handshakeFailed(describeTlsError(error)))
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

/** Says what OpenSSL found, in words that name the side at fault where they are known. */
function describeTlsError(error: Error): string {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'no code'
  if (reason === undefined) return code === 'ECONNRESET' ? 'the client closed the connection' : `OpenSSL says ${code}`
  return TLS_ERRORS.get(reason) ?? `OpenSSL says "${reason}"`
}

/** OpenSSL's reason strings; those that begin with a version are alerts that the client sent (RFC 8446 §6.2). */
const TLS_ERRORS: ReadonlyMap<string, string> = new Map([
  ['http request', 'the client speaks HTTP without TLS'],
  ['wrong version number', 'the client does not speak TLS'],
  ['unsupported protocol', 'the client offers no TLS version from 1.2 on'],
  ['no shared cipher', 'the client offers no cipher suite with ECDHE and AEAD'],
  ['no application protocol', 'the client offers no application protocol (ALPN) that this port speaks'],
  ['tlsv1 alert unknown ca', 'the client does not trust the issuer of this endpoint’s certificate (unknown_ca)'],
  ['tlsv1 alert bad certificate', 'the client refuses this endpoint’s certificate (bad_certificate)'],
  ['sslv3 alert bad certificate', 'the client refuses this endpoint’s certificate (bad_certificate)'],
  ['sslv3 alert certificate expired', 'the client finds this endpoint’s certificate expired (certificate_expired)'],
  ['sslv3 alert certificate unknown', 'the client refuses this endpoint’s certificate (certificate_unknown)'],
  ['ssl/tls alert bad certificate', 'the client refuses this endpoint’s certificate (bad_certificate)'],
  ['ssl/tls alert certificate expired', 'the client finds this endpoint’s certificate expired (certificate_expired)'],
  ['ssl/tls alert certificate unknown', 'the client refuses this endpoint’s certificate (certificate_unknown)'],
])
