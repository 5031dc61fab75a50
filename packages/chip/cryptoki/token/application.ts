import { type Fault, isFault } from '@birthmark/foundation/kernel'
import type { CallName, RequestArguments, ResponseArguments } from '../calls.ts'
import { cryptokiFault } from '../faults.ts'
import type { Dialect } from '../mechanism.ts'
import { decodeRequest, encodeError, encodeResponse, type Request } from '../message.ts'
import { CKR } from '../standard.ts'
import { digestCalls } from './digest-calls.ts'
import { generalCalls } from './general-calls.ts'
import { keyCalls } from './key-calls.ts'
import { objectCalls } from './object-calls.ts'
import { pinCalls } from './pin-calls.ts'
import { Refusal } from './refusal.ts'
import type { HostCrypto } from './session.ts'
import { sessionCalls } from './session-calls.ts'
import { signCalls } from './sign-calls.ts'
import { type Calls, State } from './state.ts'
import type { Token } from './token.ts'
import { verifyCalls } from './verify-calls.ts'

/** What a program's connection needs. */
export interface ApplicationOptions {
  readonly dialect: Dialect
  readonly host: HostCrypto
  /** Hears of elements that failed; the program got the standard's code. */
  readonly onFault?: (fault: Fault) => void
}

/**
 * One program's use of the tokens: what PKCS#11 calls an application. Its sessions and logins are its own; a token's
 * objects are everybody's.
 */
export class TokenApplication {
  readonly #state: State
  readonly #calls: Calls
  readonly #options: ApplicationOptions

  constructor(tokens: readonly Token[], options: ApplicationOptions) {
    const state = new State(tokens, options.dialect, options.host)
    this.#state = state
    this.#options = options
    this.#calls = {
      ...generalCalls(state),
      ...sessionCalls(state),
      ...pinCalls(state),
      ...objectCalls(state),
      ...keyCalls(state),
      ...signCalls(state),
      ...verifyCalls(state),
      ...digestCalls(state),
    }
  }

  /** Answers the body of one request with the body of its response. Never fails: whatever goes wrong has a code. */
  async answer(body: Uint8Array): Promise<Uint8Array> {
    try {
      const request = decodeRequest(body, this.#options.dialect)
      return request === undefined ? encodeError(CKR.FUNCTION_NOT_SUPPORTED) : await this.#perform(request)
    } catch (error) {
      return encodeError(this.#codeOf(error))
    }
  }

  /** Ends its sessions and logins, as the end of its connection does. */
  end(): void {
    this.#state.reset()
  }

  #perform({ name, values }: Request): Promise<Uint8Array> {
    if (name === 'Initialize' && this.#state.isInitialized) throw new Refusal(CKR.CRYPTOKI_ALREADY_INITIALIZED)
    if (name !== 'Initialize' && !this.#state.isInitialized) throw new Refusal(CKR.CRYPTOKI_NOT_INITIALIZED)
    return this.#dispatch(name, values as never)
  }

  async #dispatch<Name extends CallName>(name: Name, values: RequestArguments<Name>): Promise<Uint8Array> {
    const perform: Calls[Name] = this.#calls[name]
    if (perform === undefined) throw new Refusal(CKR.FUNCTION_NOT_SUPPORTED)
    const results: ResponseArguments<Name> = await perform(values)
    return encodeResponse(name, results, this.#options.dialect)
  }

  #codeOf(error: unknown): bigint {
    if (error instanceof Refusal) return error.code
    if (isFault(error, 'CRYPTOKI_MESSAGE_INVALID')) return CKR.ARGUMENTS_BAD
    const fault = isFault(error) ? error : cryptokiFault('CRYPTOKI_CALL_FAILED', {}, error)
    this.#options.onFault?.(fault)
    if (fault.blame === 'bug') return CKR.GENERAL_ERROR
    return fault.blame === 'caller' ? CKR.FUNCTION_FAILED : CKR.DEVICE_ERROR
  }
}
