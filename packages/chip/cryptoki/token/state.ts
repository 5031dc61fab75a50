import type { CallName, RequestArguments, ResponseArguments } from '../calls.ts'
import type { Dialect } from '../mechanism.ts'
import { CKR } from '../standard.ts'
import type { TokenObject } from './objects.ts'
import { Refusal } from './refusal.ts'
import type { Session, StartHash } from './session.ts'
import type { Token } from './token.ts'

/** The calls of one group that are done; those that are absent answer CKR_FUNCTION_NOT_SUPPORTED. */
export type Calls = {
  readonly [Name in CallName]?: (
    values: RequestArguments<Name>,
  ) => ResponseArguments<Name> | Promise<ResponseArguments<Name>>
}

/** What one program has on its connection: its sessions and logins, which nobody else sees. */
export class State {
  readonly tokens: readonly Token[]
  readonly dialect: Dialect
  readonly startHash: StartHash
  readonly loggedIn: Set<Token> = new Set()
  readonly sessions: Map<bigint, Session> = new Map()
  isInitialized = false
  #lastHandle = 0n

  constructor(tokens: readonly Token[], dialect: Dialect, startHash: StartHash) {
    this.tokens = tokens
    this.dialect = dialect
    this.startHash = startHash
  }

  /** @throws `Refusal` SLOT_ID_INVALID */
  token(slotId: bigint): Token {
    const token = this.tokens[Number(slotId) - 1]
    if (token === undefined) throw new Refusal(CKR.SLOT_ID_INVALID)
    return token
  }

  /** @throws `Refusal` SESSION_COUNT */
  openSession(token: Token, slotId: bigint, isReadWrite: boolean): bigint {
    if (this.sessions.size >= SESSIONS_COUNT_MAX) throw new Refusal(CKR.SESSION_COUNT)
    this.#lastHandle += 1n
    const idle = { found: undefined, signing: undefined, digesting: undefined }
    this.sessions.set(this.#lastHandle, { token, slotId, isReadWrite, ...idle })
    return this.#lastHandle
  }

  /** @throws `Refusal` SESSION_HANDLE_INVALID */
  session(handle: bigint): Session {
    const session = this.sessions.get(handle)
    if (session === undefined) throw new Refusal(CKR.SESSION_HANDLE_INVALID)
    return session
  }

  /** Ends a session; with a token's last one its login ends too (PKCS#11 v2.40 §5.6, C_CloseSession). */
  closeSession(handle: bigint): void {
    const { token } = this.session(handle)
    this.sessions.delete(handle)
    for (const session of this.sessions.values()) if (session.token === token) return
    this.loggedIn.delete(token)
  }

  /** Whether a session may use private objects. */
  mayUsePrivate({ token }: Session): boolean {
    return !token.needsLogin || this.loggedIn.has(token)
  }

  /** @throws `Refusal` SESSION_READ_ONLY, USER_NOT_LOGGED_IN */
  assertMayChange(session: Session): void {
    if (!session.isReadWrite) throw new Refusal(CKR.SESSION_READ_ONLY)
    if (!this.mayUsePrivate(session)) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
  }

  /** Gives the objects that a session sees. */
  visible(session: Session): readonly TokenObject[] {
    const { objects } = session.token
    return this.mayUsePrivate(session) ? objects : objects.filter(({ kind }) => kind !== 'private-key')
  }

  /** @throws `Refusal` OBJECT_HANDLE_INVALID */
  object(session: Session, handle: bigint): TokenObject {
    const object = this.visible(session).find((candidate) => candidate.handle === handle)
    if (object === undefined) throw new Refusal(CKR.OBJECT_HANDLE_INVALID)
    return object
  }

  /** Ends everything, as C_Finalize does. */
  reset(): void {
    this.sessions.clear()
    this.loggedIn.clear()
    this.isInitialized = false
  }
}

/** Sessions of one program, at most: each holds a few hundred bytes. At the limit: CKR_SESSION_COUNT. */
export const SESSIONS_COUNT_MAX = 1024
