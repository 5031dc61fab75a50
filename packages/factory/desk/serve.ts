import { connect, createServer, type Socket } from 'node:net'
import { listenPrivately } from '@birthmark/factory/authority'
import type { Log } from '@birthmark/foundation/kernel'
import type { Desk } from './desk.ts'
import { deskFault } from './faults.ts'
import { MESSAGE_CHARACTERS_MAX } from './protocol.ts'

/** A desk that answers on a socket. */
export interface DeskServer {
  /** Takes no more messages, sends the answers under way, and ends the connections. The desk stays open. */
  close(): Promise<void>
}

/** Connections at a time; a station uses one. At the limit a new one is ended at once. */
const CONNECTION_COUNT_MAX = 64

/** Messages of one connection that are answered at a time; further ones are not read until an answer has gone out. */
const IN_FLIGHT_COUNT_MAX = 16

/**
 * Answers stations on a Unix socket of mode 0600, as docs/reference/station-desk.md describes. What comes over it is
 * believed only as far as a station's key signed it, so the socket may be led on to another machine.
 *
 * @throws `SOCKET_IN_USE`, `SOCKET_UNUSABLE` (operator)
 */
export async function serveDesk(options: {
  readonly desk: Desk
  /** A path of at most 103 bytes. */
  readonly socketPath: string
  readonly log: Log
}): Promise<DeskServer> {
  const { desk, socketPath, log } = options
  const peers = new Set<Peer>()
  const server = createServer((socket) => {
    if (peers.size >= CONNECTION_COUNT_MAX) {
      log.write('warn', 'desk.connection-refused', { connections: peers.size })
      socket.destroy()
      return
    }
    const peer = new Peer(socket, desk)
    peers.add(peer)
    socket.on('error', (error) => log.write('debug', 'desk.connection-lost', { why: error.message }))
    socket.once('close', () => peers.delete(peer))
  })
  await listenPrivately(server, socketPath)
  return {
    async close() {
      const closed = new Promise((resolve) => {
        server.close(resolve)
      })
      for (const peer of peers) peer.finish()
      await closed
    },
  }
}

/** One connection: its messages are answered in their order. */
class Peer {
  readonly #socket: Socket
  readonly #desk: Desk
  #unread = ''
  #inFlight = 0
  #last: Promise<void> = Promise.resolve()
  #isFinished = false

  constructor(socket: Socket, desk: Desk) {
    this.#socket = socket
    this.#desk = desk
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      this.#unread += text
      this.#advance()
    })
    socket.once('end', () => this.finish())
  }

  finish(): void {
    this.#isFinished = true
    void this.#last.then(() => this.#socket.destroySoon())
  }

  #advance(): void {
    while (!this.#isFinished && this.#inFlight < IN_FLIGHT_COUNT_MAX) {
      const end = this.#unread.indexOf('\n')
      if (end === -1) break
      const line = this.#unread.slice(0, end)
      this.#unread = this.#unread.slice(end + 1)
      this.#answer(line)
    }
    // What never becomes a line is not kept.
    if (this.#unread.length > MESSAGE_CHARACTERS_MAX * 2) this.#socket.destroy()
    else if (this.#inFlight < IN_FLIGHT_COUNT_MAX) this.#socket.resume()
    else this.#socket.pause()
  }

  #answer(line: string): void {
    this.#inFlight += 1
    const answer = this.#desk.handle(line)
    const before = this.#last
    const written = async (): Promise<void> => {
      const text = await answer
      await before
      await new Promise<void>((resolve) => {
        this.#socket.write(`${text}\n`, () => resolve())
      })
      this.#inFlight -= 1
      this.#advance()
    }
    this.#last = written()
  }
}

/** The way to a desk over its socket. */
export interface DeskLink {
  /** Brings a line to the desk and its answer back. @throws `DESK_UNREACHABLE` (operator) */
  send(line: string): Promise<string>
  close(): void
}

/** Connects to a desk. @throws `DESK_UNREACHABLE` (operator) */
export async function connectDesk(path: string): Promise<DeskLink> {
  const socket = connect(path)
  const waiting: { readonly resolve: (line: string) => void; readonly reject: (error: unknown) => void }[] = []
  let unread = ''
  let ended: Error | undefined
  const end = (cause?: Error): void => {
    ended ??= deskFault('DESK_UNREACHABLE', { path }, cause)
    for (const { reject } of waiting.splice(0)) reject(ended)
  }
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error) => reject(deskFault('DESK_UNREACHABLE', { path }, error)))
  })
  socket.setEncoding('utf8')
  socket.on('error', end)
  socket.on('close', () => end())
  socket.on('data', (text: string) => {
    unread += text
    for (let at = unread.indexOf('\n'); at !== -1; at = unread.indexOf('\n')) {
      waiting.shift()?.resolve(unread.slice(0, at))
      unread = unread.slice(at + 1)
    }
  })
  return {
    send: (line) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended)
        waiting.push({ resolve, reject })
        socket.write(`${line}\n`)
      }),
    close: () => socket.destroy(),
  }
}
