import type { Readable, Writable } from 'node:stream'
import {
  type Dialect,
  encodeFrame,
  FrameReader,
  type Token,
  TokenApplication,
  VERSION_MAX,
} from '@birthmark/chip/cryptoki'
import { type Fault, isFault } from '@birthmark/foundation/kernel'
import { arrive, depart, stayAwake } from './attention.ts'
import { hostCrypto } from './host-crypto.ts'

/** Hears what a connection was closed for, and of elements that failed. */
export type FaultListener = (fault: Fault) => void

/**
 * One program's connection. Its calls are answered one after another; while one is worked on, and while the program
 * does not take its answers, further calls wait in the kernel, so that it holds about one message in memory.
 */
export class TokenConnection {
  readonly #input: Readable
  readonly #output: Writable
  readonly #tokens: readonly Token[]
  readonly #onFault: FaultListener
  readonly #reader = new FrameReader()
  #application: TokenApplication | undefined
  #isBusy = false
  #hasEnded = false

  constructor(input: Readable, output: Writable, tokens: readonly Token[], onFault: FaultListener) {
    this.#input = input
    this.#output = output
    this.#tokens = tokens
    this.#onFault = onFault
  }

  /** Begins to listen. */
  start(): void {
    arrive(this)
    this.#input.on('data', (chunk: Uint8Array) => {
      if (this.#hasEnded) return
      this.#reader.push(chunk)
      this.#proceed()
      if (this.#isBusy && this.#reader.waitingBytes >= WAITING_BYTES_MAX) this.#input.pause()
    })
    this.#output.on('drain', () => {
      this.#isBusy = false
      this.#proceed()
    })
    this.#input.resume()
  }

  /** Ends the program's sessions and logins; harmless when repeated. */
  end(): void {
    this.#hasEnded = true
    depart(this)
    this.#application?.end()
    this.#application = undefined
  }

  #proceed(): void {
    if (this.#isBusy || this.#hasEnded) return
    try {
      this.#application ??= this.#greet()
      const frame = this.#application && this.#reader.next()
      if (this.#application === undefined || frame === undefined) {
        if (this.#input.isPaused()) this.#input.resume()
        return
      }
      this.#isBusy = true
      void this.#answer(this.#application, frame.code, frame.body)
    } catch (error) {
      this.#refuse(error)
    }
  }

  /** The handshake: the highest version of each side, one byte each way. */
  #greet(): TokenApplication | undefined {
    const offered = this.#reader.byte()
    if (offered === undefined) return undefined
    const version = Math.min(offered, VERSION_MAX)
    this.#output.write(Uint8Array.of(version))
    const dialect: Dialect = version === 0 || version === 1 ? version : 2
    return new TokenApplication(this.#tokens, { dialect, host: hostCrypto, onFault: this.#onFault })
  }

  async #answer(application: TokenApplication, code: number, request: Uint8Array): Promise<void> {
    const body = await application.answer(request)
    if (this.#hasEnded) return
    if (!this.#output.write(encodeFrame({ code, body }, 'response'))) return
    stayAwake()
    this.#isBusy = false
    this.#proceed()
  }

  #refuse(error: unknown): void {
    if (!isFault(error)) throw error
    this.#onFault(error)
    this.end()
    this.#output.end(() => this.#input.destroy())
  }
}

/** Bytes of further calls that are taken in while one is worked on; what comes then waits in the kernel. */
const WAITING_BYTES_MAX = 65_536
