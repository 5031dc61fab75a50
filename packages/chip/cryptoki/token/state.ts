import type { CallName, RequestArguments, ResponseArguments } from '../calls.ts'
import type { Dialect } from '../mechanism.ts'
import { CKA, CKR } from '../standard.ts'
import type { NewObject, TokenObject } from './objects.ts'
import type { Role } from './pins.ts'
import { Refusal } from './refusal.ts'
import type { HostCrypto, Session } from './session.ts'
import { objectSize } from './session-objects.ts'
import type { Token } from './token.ts'

/** The calls of one group that are done; those that are absent answer CKR_FUNCTION_NOT_SUPPORTED. */
export type Calls = {
  readonly [Name in CallName]?: (
    values: RequestArguments<Name>,
  ) => ResponseArguments<Name> | Promise<ResponseArguments<Name>>
}

/** A login of one program on one token, and for the security officer what the PIN opened. */
interface Login {
  readonly role: Role
  readonly secret?: Uint8Array
}

/** An object of a session, and which. */
interface SessionObject {
  readonly session: Session
  readonly object: TokenObject
  readonly bytes: number
}

/** What one program has on its connection: its sessions with their objects, and its logins, which nobody else sees. */
export class State {
  readonly tokens: readonly Token[]
  readonly dialect: Dialect
  readonly host: HostCrypto
  readonly sessions: Map<bigint, Session> = new Map()
  isInitialized = false
  readonly #logins = new Map<Token, Login>()
  readonly #objects = new Map<bigint, SessionObject>()
  #objectBytes = 0
  #lastHandle = 0n
  #lastObjectHandle = FIRST_OBJECT_HANDLE

  constructor(tokens: readonly Token[], dialect: Dialect, host: HostCrypto) {
    this.tokens = tokens
    this.dialect = dialect
    this.host = host
  }

  /** @throws `Refusal` SLOT_ID_INVALID */
  token(slotId: bigint): Token {
    const token = slotId < 1n || slotId > this.tokens.length ? undefined : this.tokens[Number(slotId) - 1]
    if (token === undefined) throw new Refusal(CKR.SLOT_ID_INVALID)
    return token
  }

  /** @throws `Refusal` SESSION_COUNT, SESSION_READ_WRITE_SO_EXISTS */
  openSession(token: Token, slotId: bigint, isReadWrite: boolean): bigint {
    if (!isReadWrite && this.role(token) === 'so') throw new Refusal(CKR.SESSION_READ_WRITE_SO_EXISTS)
    if (this.sessions.size >= SESSIONS_COUNT_MAX) throw new Refusal(CKR.SESSION_COUNT)
    this.#lastHandle += 1n
    const idle = { found: undefined, signing: undefined, verifying: undefined, digesting: undefined }
    this.sessions.set(this.#lastHandle, { token, slotId, isReadWrite, ...idle })
    token.noteSessions(1)
    return this.#lastHandle
  }

  /** @throws `Refusal` SESSION_HANDLE_INVALID */
  session(handle: bigint): Session {
    const session = this.sessions.get(handle)
    if (session === undefined) throw new Refusal(CKR.SESSION_HANDLE_INVALID)
    return session
  }

  /** Ends a session and its objects; with a token's last one its login ends too (PKCS#11 v2.40 §5.6). */
  closeSession(handle: bigint): void {
    const closed = this.session(handle)
    this.sessions.delete(handle)
    closed.token.noteSessions(-1)
    for (const [each, { session }] of this.#objects) if (session === closed) this.removeObject(each)
    for (const { token } of this.sessions.values()) if (token === closed.token) return
    this.#endLogin(closed.token)
  }

  /** Who is logged in on a token. */
  role(token: Token): Role | undefined {
    return this.#logins.get(token)?.role
  }

  /** What the security officer's PIN opened. @throws `Refusal` USER_NOT_LOGGED_IN */
  officerSecret(token: Token): Uint8Array {
    const login = this.#logins.get(token)
    if (login?.secret === undefined) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
    return login.secret
  }

  logIn(token: Token, role: Role, secret: Uint8Array): void {
    this.#logins.set(token, role === 'so' ? { role, secret } : { role })
    if (role === 'user') token.noteLogin(secret)
  }

  /**
   * Ends what a login allowed: private objects of sessions, and signatures under way.
   *
   * @throws `Refusal` USER_NOT_LOGGED_IN
   */
  logOut(token: Token): void {
    if (!this.#logins.has(token)) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
    this.#endLogin(token)
    for (const session of this.sessions.values()) if (session.token === token) session.signing = undefined
    if (!token.needsLogin) return
    for (const [handle, { session, object }] of this.#objects) {
      if (session.token === token && isPrivate(object)) this.removeObject(handle)
    }
  }

  /** Whether a session may use private objects. */
  mayUsePrivate({ token }: Session): boolean {
    return !token.needsLogin || this.role(token) === 'user'
  }

  /** @throws `Refusal` SESSION_READ_ONLY, USER_NOT_LOGGED_IN */
  assertMayChange(session: Session): void {
    if (!session.isReadWrite) throw new Refusal(CKR.SESSION_READ_ONLY)
    this.assertMayUsePrivate(session)
  }

  /** @throws `Refusal` USER_NOT_LOGGED_IN */
  assertMayUsePrivate(session: Session): void {
    if (!this.mayUsePrivate(session)) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
  }

  /** Gives the objects that a session sees: the token's, and those of every session of this program on it. */
  visible(session: Session): readonly TokenObject[] {
    const all = [...session.token.objects]
    for (const each of this.#objects.values()) if (each.session.token === session.token) all.push(each.object)
    return this.mayUsePrivate(session) ? all : all.filter((object) => !isPrivate(object))
  }

  /** @throws `Refusal` with `code` when the session sees no such object */
  object(session: Session, handle: bigint, code: bigint = CKR.OBJECT_HANDLE_INVALID): TokenObject {
    const own = this.#objects.get(handle)
    const isOwn = own !== undefined && own.session.token === session.token
    const object = isOwn ? own.object : session.token.objects.find((candidate) => candidate.handle === handle)
    if (object === undefined || (isPrivate(object) && !this.mayUsePrivate(session))) throw new Refusal(code)
    return object
  }

  /** Keeps an object until its session ends. @throws `Refusal` DEVICE_MEMORY, USER_NOT_LOGGED_IN */
  addObject(session: Session, object: NewObject): bigint {
    if (object.attributes.get(CKA.PRIVATE) === 1) this.assertMayUsePrivate(session)
    this.#lastObjectHandle += 1n
    this.#keep(session, { ...object, handle: this.#lastObjectHandle })
    return this.#lastObjectHandle
  }

  /** Keeps an object of a session as it was changed. @throws `Refusal` DEVICE_MEMORY */
  replaceObject(object: TokenObject): void {
    const before = this.#objects.get(object.handle)
    if (before === undefined) throw new Refusal(CKR.OBJECT_HANDLE_INVALID)
    this.#keep(before.session, object)
  }

  /** Forgets an object of a session. */
  removeObject(handle: bigint): void {
    this.#objectBytes -= this.#objects.get(handle)?.bytes ?? 0
    this.#objects.delete(handle)
  }

  /** Ends everything, as C_Finalize does and the end of the connection. */
  reset(): void {
    for (const handle of this.sessions.keys()) this.closeSession(handle)
    this.isInitialized = false
  }

  #keep(session: Session, object: TokenObject): void {
    const bytes = objectSize(object)
    const before = this.#objects.get(object.handle)
    const total = this.#objectBytes + bytes - (before?.bytes ?? 0)
    const isNew = before === undefined
    if (total > SESSION_OBJECT_BYTES_MAX || (isNew && this.#objects.size >= SESSION_OBJECTS_COUNT_MAX)) {
      throw new Refusal(CKR.DEVICE_MEMORY)
    }
    this.#objects.set(object.handle, { session, object, bytes })
    this.#objectBytes = total
  }

  #endLogin(token: Token): void {
    const login = this.#logins.get(token)
    this.#logins.delete(token)
    if (login?.role === 'user') token.noteLogout()
    login?.secret?.fill(0)
  }
}

function isPrivate({ attributes }: TokenObject): boolean {
  return attributes.get(CKA.PRIVATE) === 1
}

/** Handles of objects of sessions; those of tokens are below. */
const FIRST_OBJECT_HANDLE = 0x1000_0000n

/** Sessions of one program, at most: each holds a few hundred bytes. At the limit: CKR_SESSION_COUNT. */
export const SESSIONS_COUNT_MAX = 1024

/** Objects that the sessions of one program hold together, and their bytes. At the limit: CKR_DEVICE_MEMORY. */
export const SESSION_OBJECTS_COUNT_MAX = 256
export const SESSION_OBJECT_BYTES_MAX = 262_144
