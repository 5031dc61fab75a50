import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import type { Presented } from './admission-step.ts'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { HttpService } from './http-ports.ts'
import { namesAuthorizer, requestFacts } from './judge-authorizer.ts'
import { WEBSOCKET_MESSAGE_BYTES_MAX, WEBSOCKET_PONG_BYTES_MAX } from './limits.ts'

/** What became of a request to open a WebSocket. */
export type WebSocketOpening =
  | {
      readonly ok: true
      /** The bytes of MQTT that the WebSocket carries. */
      readonly socket: Duplex
      readonly presented: Presented
      /** For people. */
      readonly detail: string
    }
  | { readonly ok: false; readonly cause: AttemptCause; readonly answer: string }

/**
 * Opens WebSockets for MQTT (MQTT 5.0 §6): `GET /mqtt` with the subprotocol `mqtt`, or `mqttv3.1` which old clients
 * offer. Its client is known by a signature (SigV4, in the header or the query), or else by its certificate.
 */
export class WebSocketDoor {
  readonly #service: HttpService | undefined
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: WEBSOCKET_MESSAGE_BYTES_MAX,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  })

  constructor(service: HttpService | undefined) {
    this.#service = service
  }

  async open(
    request: IncomingMessage,
    socket: TLSSocket,
    head: Buffer,
    presented: Presented,
    hasAuthorizers: () => Promise<boolean>,
  ): Promise<WebSocketOpening> {
    const wrong = whyNot(request)
    if (wrong !== undefined) return refused(wrong.status, undefined, attemptCause('WEBSOCKET_REFUSED', wrong))
    const principal = await this.#principalOf(request, presented, hasAuthorizers)
    if (!principal.ok) return principal
    const webSocket = await this.#handshake(request, socket, head)
    if (webSocket === undefined) {
      return {
        ok: false,
        cause: attemptCause('WEBSOCKET_REFUSED', { why: 'its headers are not those of one' }),
        answer: '',
      }
    }
    const { signedBy } = principal.presented
    const by = signedBy === undefined ? '' : `, signed by the access key ${signedBy.id}`
    const detail = `GET /mqtt, WebSocket, subprotocol ${webSocket.protocol}${by}`
    return { ok: true, socket: streamOf(webSocket, socket), presented: principal.presented, detail }
  }

  /**
   * A signature goes before a certificate: who signs wants to be known by it, and who names an authorizer by that. The
   * client may say in its CONNECT what an authorizer judges it by, and is judged then.
   */
  async #principalOf(
    request: IncomingMessage,
    presented: Presented,
    hasAuthorizers: () => Promise<boolean>,
  ): Promise<{ readonly ok: true; readonly presented: Presented } | Extract<WebSocketOpening, { ok: false }>> {
    if (isSigned(request)) {
      const verdict = await this.#service?.checkSignature(request)
      if (verdict?.ok === true) return { ok: true, presented: { ...presented, signedBy: verdict.key } }
      const { status, exception, why } = verdict ?? {
        status: 403,
        exception: undefined,
        why: 'nobody checks signatures',
      }
      return refused(status, exception, attemptCause('SIGNATURE_REFUSED', { why }))
    }
    const isNamed = namesAuthorizer(request)
    if (presented.certificate !== undefined && !isNamed) return { ok: true, presented }
    if (await hasAuthorizers()) {
      return { ok: true, presented: { ...presented, asksAuthorizer: true, request: requestFacts(request) } }
    }
    if (!isNamed) return refused(403, 'MissingAuthenticationTokenException', attemptCause('NO_CLIENT_CERTIFICATE'))
    const why = 'no authorizer of this account and region is ACTIVE'
    return refused(403, 'ForbiddenException', attemptCause('AUTHORIZER_UNKNOWN', { why }))
  }

  /** Gives nothing when the request is not one that opens a WebSocket; its client has its answer then. */
  #handshake(request: IncomingMessage, socket: TLSSocket, head: Buffer): Promise<WebSocket | undefined> {
    return new Promise((resolve) => {
      const gone = (): void => resolve(undefined)
      socket.once('close', gone)
      this.#server.handleUpgrade(request, socket, head, (webSocket) => {
        socket.off('close', gone)
        resolve(webSocket)
      })
    })
  }
}

/** MQTT goes over it in binary messages only [MQTT-6.0.0-1], cut anywhere [MQTT-6.0.0-2]. */
function streamOf(webSocket: WebSocket, below: TLSSocket): Duplex {
  webSocket.on('message', (_data, isBinary) => {
    if (!isBinary) stream.destroy(new Error('a message in text, and MQTT goes in binary ones'))
  })
  webSocket.on('ping', (data: Buffer) => {
    // A client that asks without ever reading the answers gets no more of them.
    if (below.writableLength < WEBSOCKET_PONG_BYTES_MAX) webSocket.pong(data)
  })
  const stream = createWebSocketStream(webSocket, { allowHalfOpen: false })
  stream.on('error', () => undefined)
  return stream
}

function whyNot({ method, url = '', headers }: IncomingMessage): { status: number; why: string } | undefined {
  if (url.split('?', 1)[0] !== '/mqtt') return { status: 404, why: 'MQTT is at the path /mqtt' }
  if (method !== 'GET') return { status: 405, why: `its method is ${method}` }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (offered.some((name) => SUBPROTOCOLS.includes(name))) return undefined
  return { status: 400, why: `it offers the subprotocol ${offered.join(', ') || 'none'}` }
}

function isSigned({ headers, url = '' }: IncomingMessage): boolean {
  return headers.authorization?.startsWith('AWS4-') === true || /[?&]X-Amz-(?:Signature|Algorithm)=/.test(url)
}

function refused(
  status: number,
  exception: string | undefined,
  cause: AttemptCause,
): Extract<WebSocketOpening, { ok: false }> {
  const body = JSON.stringify({ message: cause.reason })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(exception === undefined ? [] : [`x-amzn-errortype: ${exception}`]),
  ]
  return { ok: false, cause, answer: `${head.join('\r\n')}\r\n\r\n${body}` }
}

const SUBPROTOCOLS: readonly string[] = ['mqtt', 'mqttv3.1']
