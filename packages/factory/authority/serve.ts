import { createServer, type Socket } from 'node:net'
import { decodeUtf8, type Fault, type Log } from '@birthmark/foundation/kernel'
import type { Authority } from './authority.ts'
import { authorityFault } from './faults.ts'
import { listenPrivately } from './listen.ts'
import {
  encodeAnswer,
  encodeError,
  encodeRevoked,
  idOf,
  parseRequest,
  REQUEST_LINE_BYTES_MAX,
  type SocketRequest,
} from './socket-protocol.ts'

/** What {@link serveAuthority} needs. */
export interface AuthorityServerOptions {
  readonly authority: Authority
  /** A path of at most 103 bytes. */
  readonly socketPath: string
  readonly log: Log
}

/** An authority that answers on a socket. */
export interface AuthorityServer {
  /** Takes no more requests, sends the answers under way, and ends the connections. The authority stays open. */
  close(): Promise<void>
}

/** Connections at a time; at the limit a new one gets `AUTHORITY_BUSY` and ends. A cloud uses one per process. */
export const CONNECTION_COUNT_MAX = 64

/** Requests in flight per connection; at the limit nothing more is read from it until an answer has gone out. */
export const IN_FLIGHT_COUNT_MAX = 64

/**
 * Answers requests for certificates on a Unix socket of mode 0600, as docs/reference/authority-socket.md describes.
 *
 * @throws `SOCKET_IN_USE`, `SOCKET_UNUSABLE` (operator)
 */
export async function serveAuthority(options: AuthorityServerOptions): Promise<AuthorityServer> {
  const { socketPath, log } = options
  const clients = new Set<Client>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (clients.size >= CONNECTION_COUNT_MAX) {
      log.write('warn', 'authority.connection-refused', { connections: clients.size })
      socket.on('error', () => socket.destroy())
      socket.end(encodeError(null, authorityFault('AUTHORITY_BUSY', { most: CONNECTION_COUNT_MAX })))
      return
    }
    const client = new Client(socket, options)
    clients.add(client)
    socket.once('close', () => clients.delete(client))
  })
  await listenPrivately(server, socketPath)
  server.on('error', (error) => log.write('error', 'authority.socket-failed', { why: error.message }))
  return {
    async close() {
      const closed = new Promise((resolve) => {
        server.close(resolve)
      })
      for (const client of clients) client.finish()
      await closed
    },
  }
}

/** One connection: takes its lines one after the other, and ends at the first that is no request. */
class Client {
  readonly #socket: Socket
  readonly #options: AuthorityServerOptions
  /** The requests whose answer the peer has not taken yet. */
  readonly #inFlight = new Set<number>()
  #unread: Buffer = Buffer.alloc(0)
  #accepting = true
  #peerEnded = false

  constructor(socket: Socket, options: AuthorityServerOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('data', (chunk: Buffer) => {
      if (!this.#accepting) return
      this.#unread = Buffer.concat([this.#unread, chunk])
      this.#advance()
    })
    socket.on('end', () => {
      this.#peerEnded = true
      this.#advance()
    })
    socket.on('error', (error) => options.log.write('debug', 'authority.connection-lost', { why: error.message }))
    socket.on('close', () => {
      this.#accepting = false
    })
  }

  /** Takes no more lines; the connection ends when everything is answered. */
  finish(): void {
    this.#accepting = false
    this.#advance()
  }

  #advance(): void {
    while (this.#accepting && this.#inFlight.size < IN_FLIGHT_COUNT_MAX) {
      const line = this.#nextLine()
      if (line === undefined) break
      this.#take(line)
    }
    const hasRoom = this.#inFlight.size < IN_FLIGHT_COUNT_MAX
    if (this.#accepting && this.#peerEnded && hasRoom) this.#takeEnd()
    if (!this.#accepting && this.#inFlight.size === 0) this.#socket.destroySoon()
    else if (hasRoom) this.#socket.resume()
    else this.#socket.pause()
  }

  /** Gives the next line without its line feed; `undefined` when there is none, or what is there cannot become one. */
  #nextLine(): Uint8Array | undefined {
    const end = this.#unread.indexOf(LINE_FEED)
    const lineBytes = (end === -1 ? this.#unread.length : end) + 1
    if (lineBytes > REQUEST_LINE_BYTES_MAX) {
      this.#refuse(null, authorityFault('AUTHORITY_LINE_TOO_LONG', { most: REQUEST_LINE_BYTES_MAX }))
      return undefined
    }
    if (end === -1) return undefined
    const line = this.#unread.subarray(0, end)
    this.#unread = this.#unread.subarray(end + 1)
    return line
  }

  #take(bytes: Uint8Array): void {
    const line = decodeUtf8(bytes)
    const parsed = line === undefined ? NOT_UTF8 : parseRequest(line)
    if (!parsed.ok) {
      const id = line === undefined ? null : idOf(line)
      this.#refuse(id, authorityFault('AUTHORITY_REQUEST_MALFORMED', { problems: parsed.problems.join('; ') }))
    } else if (this.#inFlight.has(parsed.value.id)) {
      const problems = 'id is that of a request in flight'
      this.#refuse(parsed.value.id, authorityFault('AUTHORITY_REQUEST_MALFORMED', { problems }))
    } else {
      this.#inFlight.add(parsed.value.id)
      void this.#answer(parsed.value)
    }
  }

  /** The peer will send nothing more, and every line it sent was taken. */
  #takeEnd(): void {
    this.#accepting = false
    if (this.#unread.length === 0) return
    this.#refuse(null, authorityFault('AUTHORITY_REQUEST_MALFORMED', { problems: 'the last line has no line feed' }))
  }

  async #answer(request: SocketRequest): Promise<void> {
    let answer: string
    try {
      answer = await answerTo(request, this.#options.authority)
    } catch (error) {
      answer = encodeError(request.id, error)
    }
    // In flight until the peer has taken it, so that one that never reads cannot fill our memory.
    this.#socket.write(answer, () => {
      this.#inFlight.delete(request.id)
      this.#advance()
    })
  }

  #refuse(id: number | null, fault: Fault): void {
    this.#options.log.write('info', 'authority.request-malformed', { code: fault.code })
    this.#accepting = false
    this.#socket.write(encodeError(id, fault))
  }
}

async function answerTo(request: SocketRequest, authority: Authority): Promise<string> {
  switch (request.op) {
    case 'root':
      return encodeAnswer(request.id, authority.issuers)
    case 'issue':
      return encodeAnswer(request.id, await authority.issue(request.request))
    case 'revoke':
      await authority.revoke(request.serial, request.reason)
      return encodeRevoked(request.id, request.serial)
  }
}

const LINE_FEED = 0x0a
const NOT_UTF8 = { ok: false, problems: ['this is not UTF-8'] } as const
