import { connect, type Socket } from 'node:net'
import type { CertificateProvider, ProvidedCertificate } from '@birthmark/cloud/provisioning'
import { type Cancel, type Fault, type Millis, seconds, type Timers } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { serverFault } from './faults.ts'

/** Longest path of a Unix socket that every system takes, in bytes (with its NUL 104 on BSD, 108 on Linux). */
export const SOCKET_PATH_BYTES_MAX = 103

/** Longest answer line that is read, in characters (authority-socket.md: 65,536 bytes); then the connection ends. */
const ANSWER_BYTES_MAX = 65_536

/**
 * How long one answer may take: a signature and a flush to disk take milliseconds, also behind a thousand others. At
 * the limit the connection ends with `CERTIFICATE_PROVIDER_UNAVAILABLE`.
 */
export const ANSWER_TIMEOUT: Millis = seconds(30)

/** An authority reached over its local socket, and the way to let go of it. */
export interface AuthorityClient extends CertificateProvider {
  close(): void
}

/**
 * Connects to an authority's socket (docs/reference/authority-socket.md).
 *
 * @throws `SOCKET_PATH_TOO_LONG`, `CERTIFICATE_PROVIDER_UNAVAILABLE`
 */
export async function connectAuthority(path: string, timers: Timers = systemTimers): Promise<AuthorityClient> {
  requireSocketPath(path)
  const exchange = new Exchange(await openSocket(path), path, timers)
  return {
    issue: async (csr, purpose) =>
      readProvided(await exchange.ask({ op: 'issue', purpose, csr: Buffer.from(csr).toString('base64') }), path),
    root: async () => readBytes(await exchange.ask({ op: 'root' }), 'root', path),
    close: () => exchange.close(),
  }
}

/** @throws `SOCKET_PATH_TOO_LONG` */
export function requireSocketPath(path: string): void {
  const length = Buffer.byteLength(path)
  if (length > SOCKET_PATH_BYTES_MAX) {
    throw serverFault('SOCKET_PATH_TOO_LONG', { path, length, max: SOCKET_PATH_BYTES_MAX })
  }
}

function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    const refuse = (error: Error): void => reject(unavailable(path, error.message, error))
    socket.once('error', refuse)
    socket.once('connect', () => {
      socket.off('error', refuse)
      resolve(socket)
    })
  })
}

type Answer = Readonly<Record<string, unknown>>

interface Question {
  readonly resolve: (answer: Answer) => void
  readonly reject: (fault: Fault) => void
  readonly cancelTimeout: Cancel
}

/** Matches answers to questions by their id, in whatever order they come. */
class Exchange {
  readonly #socket: Socket
  readonly #path: string
  readonly #timers: Timers
  readonly #open = new Map<number, Question>()
  #nextId = 1
  #text = ''
  #ended: Fault | undefined

  constructor(socket: Socket, path: string, timers: Timers) {
    this.#socket = socket
    this.#path = path
    this.#timers = timers
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#receive(text))
    socket.on('error', (error) => this.#end(unavailable(path, error.message, error)))
    socket.on('close', () => this.#end(unavailable(path, 'it closed the connection')))
  }

  ask(question: Readonly<Record<string, string>>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      const id = this.#nextId++
      const cancelTimeout = this.#timers.after(ANSWER_TIMEOUT, () =>
        this.#end(unavailable(this.#path, `no answer within ${ANSWER_TIMEOUT / 1000} s`)),
      )
      this.#open.set(id, { resolve, reject, cancelTimeout })
      this.#socket.write(`${JSON.stringify({ id, ...question })}\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(text: string): void {
    this.#text += text
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      this.#answer(this.#text.slice(0, end))
      this.#text = this.#text.slice(end + 1)
    }
    if (this.#text.length > ANSWER_BYTES_MAX) this.#end(unavailable(this.#path, 'it sent an endless line'))
  }

  #answer(line: string): void {
    const answer = parseAnswer(line)
    const id = answer?.['id']
    const question = typeof id === 'number' ? this.#open.get(id) : undefined
    if (answer === undefined || typeof id !== 'number' || question === undefined) {
      this.#end(refusalOf(answer) ?? unavailable(this.#path, 'it answered something that was not asked'))
      return
    }
    this.#open.delete(id)
    question.cancelTimeout()
    const refusal = refusalOf(answer)
    if (refusal) question.reject(refusal)
    else question.resolve(answer)
  }

  #end(fault: Fault): void {
    if (this.#ended) return
    this.#ended = fault
    this.#socket.destroy()
    for (const question of this.#open.values()) {
      question.cancelTimeout()
      question.reject(fault)
    }
    this.#open.clear()
  }
}

function parseAnswer(line: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function refusalOf(answer: Answer | undefined): Fault | undefined {
  const error = answer?.['error']
  if (typeof error !== 'object' || error === null) return undefined
  const message = 'message' in error && typeof error.message === 'string' ? error.message : 'it gave no reason'
  const isRequests = 'code' in error && typeof error.code === 'string' && error.code.startsWith('CSR_')
  return serverFault(isRequests ? 'CERTIFICATE_REQUEST_REFUSED' : 'CERTIFICATE_PROVIDER_REFUSED', { why: message })
}

function readProvided(answer: Answer, path: string): ProvidedCertificate {
  const listed = answer['intermediates']
  if (!Array.isArray(listed)) throw unavailable(path, 'its answer lacks intermediates')
  return {
    certificate: readBytes(answer, 'certificate', path),
    intermediates: listed.map((text) => readBytes({ intermediate: text }, 'intermediate', path)),
    root: readBytes(answer, 'root', path),
  }
}

function readBytes(answer: Answer, member: string, path: string): Uint8Array {
  const text = answer[member]
  if (typeof text !== 'string') throw unavailable(path, `its answer lacks ${member}`)
  return Buffer.from(text, 'base64')
}

function unavailable(path: string, why: string, cause?: unknown): Fault {
  return serverFault('CERTIFICATE_PROVIDER_UNAVAILABLE', { path, why }, cause)
}
