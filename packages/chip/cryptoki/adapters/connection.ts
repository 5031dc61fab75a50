import type { Readable, Writable } from 'node:stream'
import {
  type CallName,
  codeName,
  cryptokiFault,
  type Dialect,
  decodeResponse,
  encodeFrame,
  encodeRequest,
  type Frame,
  FrameReader,
  type RequestArguments,
  type Response,
  type ResponseArguments,
  VERSION_MAX,
} from '@birthmark/chip/cryptoki'
import { type Cancel, type Fault, isFault, type Millis, type Timers } from '@birthmark/foundation/kernel'

/** The way to a module or a token server, and how long its answers may take. */
export interface ConnectionOptions {
  readonly input: Readable
  readonly output: Writable
  readonly timers: Timers
  /**
   * How long the other side may be silent while a call waits, whichever it works on. At the limit all calls under way
   * fail with `CRYPTOKI_MODULE_SILENT`, and the connection is over.
   */
  readonly patience: Millis
  /** Ends what is at the other end. */
  readonly end: () => void
}

/**
 * A program's side of one connection: typed calls, each answered on its own. Calls are sent in the order in which they
 * are made and a module answers them in that order, so calls that belong together are made together, without waiting.
 */
export class CryptokiConnection {
  readonly #options: ConnectionOptions
  readonly #reader = new FrameReader()
  readonly #waiting = new Map<number, Waiting>()
  /** Calls made before the handshake was through. */
  #unsent: Waiting[] = []
  #dialect: Dialect | undefined
  #lastCode = FIRST_CODE - 1
  #lost: string | undefined
  #stopWaiting: Cancel | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { input, output } = options
    output.on('error', () => this.#lose('it does not take calls any more'))
    input.on('error', () => this.#lose('it cannot be read'))
    input.on('close', () => this.#lose('it ended'))
    input.on('end', () => this.#lose('it ended'))
    input.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    output.write(Uint8Array.of(VERSION_MAX))
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Which encoding was agreed on; `undefined` before the first answer. */
  get dialect(): Dialect | undefined {
    return this.#dialect
  }

  /**
   * Makes one call.
   *
   * @throws `CRYPTOKI_REFUSED` with PKCS#11's code, `CRYPTOKI_MODULE_LOST`, `CRYPTOKI_MODULE_SILENT`,
   *   `CRYPTOKI_VALUE_SHAPE` for what the other side's encoding cannot say
   */
  async call<Name extends CallName>(name: Name, values: RequestArguments<Name>): Promise<ResponseArguments<Name>> {
    if (this.#lost !== undefined) throw this.#lostFault(name, 'no')
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#send({ name, encode: (dialect) => encodeRequest(name, values, dialect), resolve, reject })
    const body = await promise
    const response = this.#decode(name, body)
    if (response.ok) return response.values
    throw cryptokiFault('CRYPTOKI_REFUSED', { call: name, code: codeName(response.code) })
  }

  /** Ends the connection; calls under way fail. @param why As the end of "the module ended or broke off: ...". */
  close(why = 'it was closed'): void {
    this.#lose(why)
  }

  #send(waiting: Waiting): void {
    const body = this.#dialect === undefined ? undefined : waiting.encode(this.#dialect)
    // Before it is written: what is in the same process may answer at once, and nothing is waited for then.
    if (this.#stopWaiting === undefined) this.#waitOn()
    if (body === undefined) {
      this.#unsent.push(waiting)
      return
    }
    const code = this.#nextCode()
    this.#waiting.set(code, waiting)
    this.#options.output.write(encodeFrame({ code, body }, 'request'))
  }

  #receive(chunk: Uint8Array): void {
    if (this.#lost !== undefined) return
    this.#reader.push(chunk)
    try {
      if (this.#dialect === undefined) this.#greet(this.#reader.byte())
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#answered(frame)
    } catch (error) {
      if (!isFault(error)) throw error
      this.#lose(error.message)
    }
  }

  #greet(version: number | undefined): void {
    if (version !== 0 && version !== 1 && version !== 2) return this.#lose('it does not speak the protocol')
    this.#dialect = version
    const unsent = this.#unsent
    this.#unsent = []
    for (const waiting of unsent) {
      try {
        this.#send(waiting)
      } catch (error) {
        waiting.reject(error)
      }
    }
    if (this.#waiting.size === 0) this.#waitNoMore()
  }

  #answered({ code, body }: Frame): void {
    const waiting = this.#waiting.get(code)
    if (waiting === undefined) return this.#lose('it answered a call that nobody made')
    this.#waiting.delete(code)
    if (this.#waiting.size === 0) this.#waitNoMore()
    else this.#waitOn()
    waiting.resolve(body)
  }

  /** A response without sense fails its call and ends the connection: nothing that follows can be believed. */
  #decode<Name extends CallName>(name: Name, body: Uint8Array): Response<Name> {
    try {
      return decodeResponse(name, body, this.#dialect ?? 0)
    } catch (error) {
      if (!isFault(error)) throw error
      this.#lose(error.message)
      throw this.#lostFault(name, 'unknown', error)
    }
  }

  #waitOn(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = this.#options.timers.after(this.#options.patience, () => this.#giveUp())
  }

  #waitNoMore(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
  }

  #giveUp(): void {
    const seconds = this.#options.patience / 1000
    this.#lose('it was silent', (call) =>
      cryptokiFault('CRYPTOKI_MODULE_SILENT', { call, seconds, executed: 'unknown' }),
    )
  }

  #lose(why: string, faultOf = (call: CallName): Fault => this.#lostFault(call, 'unknown')): void {
    if (this.#lost !== undefined) return
    this.#lost = why
    this.#waitNoMore()
    for (const { name, reject } of [...this.#waiting.values(), ...this.#unsent]) reject(faultOf(name))
    this.#waiting.clear()
    this.#unsent = []
    this.#options.end()
  }

  #lostFault(call: CallName, executed: 'no' | 'unknown', cause?: Fault): Fault {
    return cryptokiFault('CRYPTOKI_MODULE_LOST', { call, why: this.#lost, executed }, cause)
  }

  #nextCode(): number {
    this.#lastCode = this.#lastCode === LAST_CODE ? FIRST_CODE : this.#lastCode + 1
    return this.#lastCode
  }
}

interface Waiting {
  readonly name: CallName
  readonly encode: (dialect: Dialect) => Uint8Array
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/** Where p11-kit's own clients start to count. */
const FIRST_CODE = 0x10
const LAST_CODE = 0xffff_ffff
