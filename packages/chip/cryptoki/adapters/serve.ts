import { createServer, type Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { cryptokiFault, type Token } from '@birthmark/chip/cryptoki'
import { listenPrivately } from './listen.ts'
import { type FaultListener, TokenConnection } from './token-connection.ts'

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
 * @throws `CRYPTOKI_SOCKET_TAKEN`, `CRYPTOKI_FOLDER_OPEN`
 */
export async function serveTokens(
  path: string,
  tokens: readonly Token[],
  onFault: FaultListener = () => undefined,
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
    const connection = new TokenConnection(socket, socket, tokens, onFault)
    socket.on('close', () => {
      sockets.delete(socket)
      connection.end()
    })
    connection.start()
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

/**
 * Serves tokens to the one program that started this process, on its standard input and output: p11-kit's
 * `|command`. Resolves when that program has closed its end.
 */
export async function serveTokensOn(
  input: Readable,
  output: Writable,
  tokens: readonly Token[],
  onFault: FaultListener = () => undefined,
): Promise<void> {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const connection = new TokenConnection(input, output, tokens, onFault)
  for (const event of ['end', 'close', 'error']) input.on(event, () => resolve())
  for (const event of ['close', 'error']) output.on(event, () => resolve())
  connection.start()
  await ended
  connection.end()
}

/**
 * Programs that use one server at a time. Each may hold one message of 1 MiB while it arrives; a machine runs some
 * dozens. Further ones are closed at once, with `CRYPTOKI_CROWDED`.
 */
export const CONNECTIONS_COUNT_MAX = 1024
