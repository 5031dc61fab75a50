import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A connection that sends bytes as they are and takes one answer for each request; it opens itself again. */
export class RawConnection {
  readonly #port: number
  #socket: Socket | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** Sends a request whole. Fails when the server ends the connection without an answer, or gives none at all. */
  async ask(bytes: Uint8Array): Promise<RawAnswer> {
    const socket = this.#socket ?? (await this.#open())
    const answered = answerOf(socket)
    socket.write(bytes)
    const answer = await answered
    if (answer.headers.get('connection') === 'close' || answer.status === 431) this.close()
    return answer
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  async #open(): Promise<Socket> {
    const socket = connect(this.#port, '127.0.0.1')
    // The server may hang up while the rest of a refused body is on its way.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined
    })
    await once(socket, 'connect')
    this.#socket = socket
    return socket
  }
}

function answerOf(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = ''
    const impatient = setTimeout(() => reject(new Error(`no answer in ${PATIENCE_MS} ms`)), PATIENCE_MS)
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const [start = '', ...lines] = text.slice(0, end).split('\r\n')
      const headers = new Map(lines.map((line) => [nameIn(line), line.slice(line.indexOf(':') + 1).trim()] as const))
      const length = Number(headers.get('content-length') ?? 0)
      if (text.length < end + 4 + length) return
      socket.off('data', onData).off('close', onClose)
      clearTimeout(impatient)
      const body = Buffer.from(text.slice(end + 4), 'latin1').toString('utf8')
      resolve({ status: Number(start.slice(9, 12)), headers, body })
    }
    const onClose = (): void => {
      clearTimeout(impatient)
      reject(new Error(`the connection ended without an answer, after: ${text}`))
    }
    socket.on('data', onData).on('close', onClose)
  })
}

/** Far more than any request takes on a busy machine. */
const PATIENCE_MS = 30_000

function nameIn(line: string): string {
  return line.slice(0, line.indexOf(':')).toLowerCase()
}
