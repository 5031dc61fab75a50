import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import {
  cryptokiFault,
  encodeFrame,
  FrameReader,
  type StartHash,
  type Token,
  TokenApplication,
  VERSION_MAX,
} from '@birthmark/chip/cryptoki'
import { type Fault, isFault } from '@birthmark/foundation/kernel'
import { listenPrivately } from './listen.ts'

/** Tokens that programs can load. */
export interface TokenServer {
  /** How many programs are connected now. */
  readonly connections: number
  /** Closes the connections and the listener; the elements stay open. */
  close(): Promise<void>
}

/**
 * Serves tokens, one slot each, on a Unix socket that belongs to this user alone. Programs load `p11-kit-client.so`
 * with `P11_KIT_SERVER_ADDRESS=unix:path=…`.
 *
 * @param onFault Hears what a connection was closed for, and of elements that failed.
 * @throws `CRYPTOKI_SOCKET_TAKEN`
 */
export async function serveTokens(
  path: string,
  tokens: readonly Token[],
  onFault: (fault: Fault) => void = () => undefined,
): Promise<TokenServer> {
  const sockets = new Set<Socket>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    if (sockets.size >= CONNECTIONS_COUNT_MAX) {
      onFault(cryptokiFault('CRYPTOKI_CROWDED', { connections: sockets.size }))
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    new TokenConnection(socket, tokens, onFault).start()
  })
  await listenPrivately(server, path)
  return {
    get connections() {
      return sockets.size
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Gives what tells a PIN from others, in constant time. */
export function pinCheck(pin: string): (presented: Uint8Array) => boolean {
  const expected = createHash('sha256').update(pin).digest()
  return (presented) => timingSafeEqual(createHash('sha256').update(presented).digest(), expected)
}

/**
 * One program's connection. Its calls are answered one after another; while one is worked on, and while the program
 * does not take its answers, further calls wait in the kernel, so that it holds one message in memory.
 */
class TokenConnection {
  readonly #socket: Socket
  readonly #tokens: readonly Token[]
  readonly #onFault: (fault: Fault) => void
  readonly #reader = new FrameReader()
  #application: TokenApplication | undefined
  #isBusy = false

  constructor(socket: Socket, tokens: readonly Token[], onFault: (fault: Fault) => void) {
    this.#socket = socket
    this.#tokens = tokens
    this.#onFault = onFault
  }

  start(): void {
    this.#socket.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk)
      this.#proceed()
    })
    this.#socket.on('drain', () => {
      this.#isBusy = false
      this.#proceed()
    })
    this.#socket.resume()
  }

  #proceed(): void {
    if (this.#isBusy) return
    try {
      this.#application ??= this.#greet()
      const frame = this.#application && this.#reader.next()
      if (this.#application === undefined || frame === undefined) {
        this.#socket.resume()
        return
      }
      this.#isBusy = true
      this.#socket.pause()
      void this.#answer(this.#application, frame.code, frame.body)
    } catch (error) {
      this.#end(error)
    }
  }

  /** The handshake: the highest version of each side, one byte each way. */
  #greet(): TokenApplication | undefined {
    const offered = this.#reader.byte()
    if (offered === undefined) return undefined
    const version = Math.min(offered, VERSION_MAX)
    this.#socket.write(Uint8Array.of(version))
    const dialect = version === 0 || version === 1 ? version : 2
    return new TokenApplication(this.#tokens, { dialect, startHash, onFault: this.#onFault })
  }

  async #answer(application: TokenApplication, code: number, request: Uint8Array): Promise<void> {
    const body = await application.answer(request)
    if (this.#socket.destroyed) return
    if (!this.#socket.write(encodeFrame({ code, body }, 'response'))) return
    this.#isBusy = false
    this.#proceed()
  }

  #end(error: unknown): void {
    if (!isFault(error)) throw error
    this.#onFault(error)
    this.#isBusy = true
    this.#socket.removeAllListeners('data')
    this.#socket.removeAllListeners('drain')
    this.#socket.destroySoon()
  }
}

const startHash: StartHash = (name) => {
  const hash = createHash(name)
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => new Uint8Array(hash.digest()),
  }
}

/**
 * Programs that use one server at a time. Each may hold one message of 1 MiB while it arrives; a machine runs some
 * dozens. Further ones are closed at once, with `CRYPTOKI_CROWDED`.
 */
export const CONNECTIONS_COUNT_MAX = 1024
