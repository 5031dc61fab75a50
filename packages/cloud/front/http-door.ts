import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Scope } from '@birthmark/cloud/registry'
import type { Cancel, Timers } from '@birthmark/foundation/kernel'
import type { AdmissionPorts, Presented } from './admission-step.ts'
import type { Arrivals } from './arrivals.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { AttemptRecord } from './attempt-log.ts'
import { HttpJudge } from './http-admission.ts'
import type { HttpAdmitted, HttpClient, HttpService } from './http-ports.ts'
import { type FrontLimits, HTTP_HEADER_BYTES_MAX } from './limits.ts'
import { causeOfError } from './mqtt-causes.ts'
import type { ConnectionOrigin } from './mqtt-connection.ts'
import { WebSocketDoor } from './websocket-door.ts'

/** What a door for HTTP needs. */
export interface HttpDoorOptions {
  readonly service: HttpService | undefined
  readonly arrivals: Arrivals
  readonly timers: Timers
  readonly limits: FrontLimits
  readonly portsOf: (scope: Scope) => AdmissionPorts
  /** Serves MQTT: on a WebSocket that was opened, or for a client that did not say by ALPN that it speaks it. */
  readonly onMqtt: (socket: Duplex, origin: ConnectionOrigin, scope: Scope) => void
}

/** A client whose TLS handshake is finished and who is to speak HTTP. */
export interface HttpArrival {
  readonly socket: TLSSocket
  readonly attempt: AttemptRecord
  readonly remoteAddress: string
  readonly presented: Presented
  readonly scope: Scope
}

/** Speaks HTTP with those who have come through TLS: requests to the data plane, and WebSockets. */
export class HttpDoor {
  readonly #options: HttpDoorOptions
  readonly #server: Server
  readonly #webSockets: WebSocketDoor
  readonly #connections = new Map<object, HttpConnection>()

  constructor(options: HttpDoorOptions) {
    this.#options = options
    this.#webSockets = new WebSocketDoor(options.service)
    // It never listens: what comes is handed to it, and so are the deadlines that Node would keep for a listener.
    this.#server = createServer({
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      keepAliveTimeout: 0,
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    })
    this.#server.on('request', (request, response) => this.#answer(request, response))
    this.#server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
      this.#upgrade(request, head).catch((error: unknown) => this.#connections.get(socket)?.end(causeOfError(error)))
    })
    this.#server.on('clientError', (error, socket) => this.#connections.get(socket)?.refuseBytes(error))
  }

  /** Takes a connection over, until it ends or becomes a WebSocket. */
  accept(arrival: HttpArrival): void {
    const { socket } = arrival
    const connection = new HttpConnection(arrival, this.#options)
    this.#connections.set(socket, connection)
    socket.on('close', () => {
      this.#connections.delete(socket)
      connection.closed()
    })
    if (arrival.presented.alpn !== undefined) this.#server.emit('connection', socket)
    else this.#awaitFirstBytes(connection)
  }

  /** Clients that name no protocol are known by their first byte. */
  #awaitFirstBytes(connection: HttpConnection): void {
    const { socket, attempt, remoteAddress, presented, scope } = connection.arrival
    socket.once('readable', () => {
      const bytes: unknown = socket.read()
      if (!(bytes instanceof Uint8Array)) return
      socket.unshift(bytes)
      if (bytes[0] !== MQTT_CONNECT) return void this.#server.emit('connection', socket)
      connection.leave()
      this.#connections.delete(socket)
      this.#options.onMqtt(socket, { attempt, remoteAddress, presented }, scope)
    })
  }

  /** Ends every connection at once. */
  close(cause: AttemptCause): void {
    for (const connection of this.#connections.values()) connection.end(cause)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) return void response.destroy()
    connection.begin(request, response)
    if (this.#options.service !== undefined) return this.#options.service.answer(request, response, connection)
    const cause = attemptCause('HTTP_REQUEST_REFUSED', { why: 'nothing serves HTTP here' })
    connection.conclude({ detail: 'refused', cause })
    response.writeHead(501, { connection: 'close' }).end()
  }

  async #upgrade(request: IncomingMessage, head: Buffer): Promise<void> {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) return void request.socket.destroy()
    const { socket, presented, attempt, remoteAddress, scope } = connection.arrival
    connection.waitNoLonger()
    const { authorizers } = this.#options.portsOf(scope)
    const hasAuthorizers = async (): Promise<boolean> => (await authorizers?.isThere(scope)) === true
    const opened = await this.#webSockets.open(request, socket, head, presented, hasAuthorizers)
    if (!opened.ok) {
      connection.conclude({ detail: `GET ${pathOf(request)}, WebSocket: refused`, cause: opened.cause })
      return void socket.end(opened.answer)
    }
    attempt.step('http', opened.detail)
    connection.leave()
    this.#connections.delete(socket)
    const origin = { attempt, remoteAddress, presented: opened.presented }
    this.#options.onMqtt(opened.socket, origin, opened.presented.signedBy?.scope ?? scope)
  }
}

/** One connection on which requests come one after the other. */
class HttpConnection implements HttpClient {
  readonly arrival: HttpArrival
  readonly #options: HttpDoorOptions
  readonly #attempt: AttemptRecord
  readonly #judge = new HttpJudge()
  #cancelIdle: Cancel | undefined
  #served = 0
  #cause: AttemptCause | undefined
  #hasLeft = false

  constructor(arrival: HttpArrival, options: HttpDoorOptions) {
    this.arrival = arrival
    this.#options = options
    this.#attempt = arrival.attempt
    options.arrivals.expect(this, {
      phase: 'request',
      address: arrival.remoteAddress,
      giveUp: (cause) => this.end(cause),
    })
    arrival.socket.on('error', () => undefined)
  }

  get remoteAddress(): string {
    return this.arrival.remoteAddress
  }

  get scope(): Scope {
    return this.arrival.scope
  }

  get attemptId(): string {
    return this.#attempt.id
  }

  admit(request: Parameters<HttpClient['admit']>[0]): Promise<HttpAdmitted> {
    const { attempt, presented, remoteAddress, scope } = this.arrival
    const admission = { attempt, presented, remoteAddress, connect: undefined }
    return this.#judge.admit(admission, this.#options.portsOf(scope), request)
  }

  belongsTo(scope: Scope): void {
    this.#attempt.belongsTo(scope)
  }

  conclude({ detail, cause }: Parameters<HttpClient['conclude']>[0]): void {
    this.#attempt.step('http', detail)
    if (cause === undefined) this.#served++
    else this.#cause ??= cause
  }

  /** A request's headers have come; its body, and what is done about it, has a deadline too. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.waitNoLonger()
    const { timers, limits } = this.#options
    const why = `${limits.httpRequest / 1000} seconds have passed`
    const late = (): void => this.end(attemptCause('HTTP_REQUEST_TIMEOUT', { why }))
    const idle = (): void => void this.arrival.socket.destroy()
    const cancel = timers.after(limits.httpRequest, late, { background: true })
    response.on('close', () => {
      cancel()
      if (this.arrival.socket.destroyed || this.#hasLeft) return
      this.#cancelIdle = timers.after(limits.httpIdle, idle, { background: true })
    })
    request.on('error', () => undefined)
  }

  waitNoLonger(): void {
    this.#options.arrivals.settle(this)
    this.#cancelIdle?.()
  }

  /** What came is no HTTP. */
  refuseBytes(error: Error & { code?: string }): void {
    const { socket } = this.arrival
    const hasGone = error.code === 'ECONNRESET' || !socket.writable
    this.#cause ??= hasGone
      ? attemptCause('CONNECTION_LOST', { why: 'the client closed it in the middle of a request' })
      : attemptCause('HTTP_EXPECTED', { why: error.code ?? error.message })
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')
  }

  /** It is somebody else's from now on. */
  leave(): void {
    this.#hasLeft = true
    this.waitNoLonger()
  }

  end(cause: AttemptCause): void {
    this.#cause ??= cause
    this.arrival.socket.destroy()
  }

  closed(): void {
    if (this.#hasLeft) return
    this.waitNoLonger()
    const { socket } = this.arrival
    const counts = { bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten }
    if (this.#served === 0) {
      this.#cause ??= attemptCause('CONNECTION_LOST', { why: 'the client closed it before it asked for anything' })
    }
    if (this.#cause !== undefined) this.#attempt.blame(this.#cause)
    if (this.#served === 0) return this.#attempt.end('refused', this.#cause?.code ?? 'nothing was asked', counts)
    this.#attempt.end('ended', `${this.#served} requests were answered over HTTP`, counts)
  }
}

/** The first byte of a CONNECT (MQTT 5.0 §3.1.1); no HTTP begins with it. */
const MQTT_CONNECT = 0x10

/** The path without its query, which may hold a signature. */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}
