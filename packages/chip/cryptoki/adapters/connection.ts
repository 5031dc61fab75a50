import type { Readable, Writable } from 'node:stream'
import {
  type CallName,
  CKR,
  cryptokiFault,
  type Dialect,
  decodeResponse,
  encodeFrame,
  encodeRequest,
  type Frame,
  FrameReader,
  type RequestArguments,
  type ResponseArguments,
  VERSION_MAX,
} from '@birthmark/chip/cryptoki'
import { type Cancel, type Fault, isFault, type Millis, type Timers } from '@birthmark/foundation/kernel'

/** The way to a module or a token server, and how long its answers may take. */
export interface ConnectionOptions {
  readonly input: Readable
  readonly output: Writable
  readonly timers: Timers
  /** At the limit the call fails with `CRYPTOKI_MODULE_SILENT`, and the connection is over. */
  readonly patience: Millis
  /** Ends what is at the other end. */
  readonly end: () => void
}

/** A program's side of one connection: typed calls, each answered on its own, in whatever order. */
export class CryptokiConnection {
  readonly #options: ConnectionOptions
  readonly #reader = new FrameReader()
  readonly #waiting = new Map<number, Waiting>()
  readonly #greeted: PromiseWithResolvers<Dialect> = Promise.withResolvers()
  #isGreeted = false
  #lastCode = FIRST_CODE - 1
  #lost: string | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { input, output } = options
    // Whoever calls hears of a failed handshake; without a call nobody has to.
    this.#greeted.promise.catch(() => undefined)
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

  /**
   * Makes one call.
   *
   * @throws `CRYPTOKI_REFUSED` with PKCS#11's code, `CRYPTOKI_MODULE_LOST`, `CRYPTOKI_MODULE_SILENT`
   */
  async call<Name extends CallName>(name: Name, values: RequestArguments<Name>): Promise<ResponseArguments<Name>> {
    if (this.#lost !== undefined) throw this.#lostFault(name, 'no')
    const code = this.#nextCode()
    const { promise, resolve, reject } = Promise.withResolvers<Frame>()
    const stop = this.#options.timers.after(this.#options.patience, () => this.#giveUp())
    this.#waiting.set(code, { name, resolve, reject, stop })
    // A connection that is lost before the greeting rejects both; the second has no further listener.
    promise.catch(() => undefined)
    const dialect = await this.#greeted.promise
    this.#options.output.write(encodeFrame({ code, body: encodeRequest(name, values, dialect) }, 'request'))
    const response = decodeResponse(name, (await promise).body, dialect)
    if (response.ok) return response.values
    throw cryptokiFault('CRYPTOKI_REFUSED', { call: name, code: codeName(response.code) })
  }

  /** Ends the connection; calls under way fail. */
  close(): void {
    this.#lose('it was closed')
  }

  #receive(chunk: Uint8Array): void {
    if (this.#lost !== undefined) return
    this.#reader.push(chunk)
    try {
      if (!this.#isGreeted) this.#greet(this.#reader.byte())
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) this.#answered(frame)
    } catch (error) {
      if (!isFault(error)) throw error
      this.#lose(error.message)
    }
  }

  #greet(version: number | undefined): void {
    if (version !== 0 && version !== 1 && version !== 2) return this.#lose('it does not speak the protocol')
    this.#isGreeted = true
    this.#greeted.resolve(version)
  }

  #answered(frame: Frame): void {
    const waiting = this.#waiting.get(frame.code)
    if (waiting === undefined) return this.#lose('it answered a call that nobody made')
    this.#waiting.delete(frame.code)
    waiting.stop()
    waiting.resolve(frame)
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
    for (const { name, reject, stop } of this.#waiting.values()) {
      stop()
      reject(faultOf(name))
    }
    this.#waiting.clear()
    this.#greeted.reject(faultOf('Initialize'))
    this.#options.end()
  }

  #lostFault(call: CallName, executed: 'no' | 'unknown'): Fault {
    return cryptokiFault('CRYPTOKI_MODULE_LOST', { call, why: this.#lost, executed })
  }

  #nextCode(): number {
    this.#lastCode = this.#lastCode === LAST_CODE ? FIRST_CODE : this.#lastCode + 1
    return this.#lastCode
  }
}

interface Waiting {
  readonly name: CallName
  readonly resolve: (frame: Frame) => void
  readonly reject: (fault: Fault) => void
  readonly stop: Cancel
}

/** Gives a code as people look it up, CKR_PIN_INCORRECT, or as hex. */
function codeName(code: bigint): string {
  for (const [name, value] of Object.entries(CKR)) if (value === code) return `CKR_${name}`
  return `0x${code.toString(16)}`
}

/** Where p11-kit's own clients start to count. */
const FIRST_CODE = 0x10
const LAST_CODE = 0xffff_ffff
