import { CKF, CKR } from '../standard.ts'
import { objectsOf, type TokenObject } from './objects.ts'
import type { Role } from './pins.ts'
import { Refusal } from './refusal.ts'
import type { StoredObject, TokenSource, WantedCertificate, WantedData, WantedKey } from './source.ts'

/** How a token calls itself. */
export interface TokenOptions {
  /** Up to 32 characters, until C_InitToken gives another one. */
  readonly label: string
}

/**
 * A source as a PKCS#11 token: its objects with handles, its sessions counted and its changes made one at a time, for
 * every program that uses it.
 */
export class Token {
  readonly source: TokenSource
  readonly #label: string
  #lastHandle = FIRST_HANDLE
  #seen: readonly StoredObject[] | undefined
  #objects: readonly TokenObject[] = []
  #sessionsCount = 0
  #usersCount = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(source: TokenSource, { label }: TokenOptions) {
    this.source = source
    this.#label = label
  }

  get label(): string {
    return this.source.pins?.label ?? this.#label
  }

  /** Everything in the token. What did not change keeps its handle; what was replaced has a new one. */
  get objects(): readonly TokenObject[] {
    const { objects } = this.source
    if (objects !== this.#seen) {
      const known = Map.groupBy(this.#objects, ({ stored }) => stored)
      this.#objects = objects.flatMap((stored) => known.get(stored) ?? this.#withHandles(stored))
      this.#seen = objects
    }
    return this.#objects
  }

  /** Whether private objects need a login. */
  get needsLogin(): boolean {
    return this.source.pins?.needsLogin ?? false
  }

  /** The flags of CK_TOKEN_INFO. */
  get flags(): bigint {
    return CKF.RNG | CKF.TOKEN_INITIALIZED | (this.source.pins?.flags ?? CKF.USER_PIN_INITIALIZED)
  }

  /**
   * Judges a PIN and gives what it opens; a token without PINs takes any.
   *
   * @throws `Refusal` PIN_LOCKED, PIN_INCORRECT, USER_PIN_NOT_INITIALIZED
   */
  async present(role: Role, pin: Uint8Array): Promise<Uint8Array> {
    const { pins } = this.source
    if (pins === undefined && role === 'so') throw new Refusal(CKR.USER_TYPE_INVALID)
    return pins === undefined || (role === 'user' && !pins.needsLogin) ? NOTHING : pins.present(role, pin)
  }

  /** Hears of one more program whose user is logged in. */
  noteLogin(secret: Uint8Array): void {
    this.#usersCount += 1
    this.source.opened?.(secret)
  }

  /** Hears that one of those is logged out. */
  noteLogout(): void {
    this.#usersCount -= 1
    if (this.#usersCount === 0) this.source.closed?.()
  }

  /** Counts the sessions of all programs. */
  noteSessions(change: 1 | -1): void {
    this.#sessionsCount += change
  }

  get sessionsCount(): number {
    return this.#sessionsCount
  }

  /** Makes a key pair and gives the objects that show it. */
  generateKey(wanted: WantedKey): Promise<readonly TokenObject[]> {
    return this.#change(() => this.source.generateKey(wanted))
  }

  /** @throws `Refusal` when there is no place for it */
  writeCertificate(wanted: WantedCertificate): Promise<readonly TokenObject[]> {
    return this.#change(() => this.source.writeCertificate(wanted))
  }

  /** @throws `Refusal` when there is no place for it */
  writeData(wanted: WantedData): Promise<readonly TokenObject[]> {
    return this.#change(() => this.source.writeData(wanted))
  }

  /** @throws `Refusal` OBJECT_HANDLE_INVALID when somebody else destroyed it meanwhile, ACTION_PROHIBITED */
  async destroy(stored: StoredObject): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.source.objects.includes(stored)) throw new Refusal(CKR.OBJECT_HANDLE_INVALID)
      if (!stored.isChangeable) throw new Refusal(CKR.ACTION_PROHIBITED)
      await this.source.destroy(stored)
    })
  }

  /**
   * C_InitToken, when no session is open.
   *
   * @throws `Refusal` SESSION_EXISTS, TOKEN_WRITE_PROTECTED, and those of the PIN
   */
  async initialise(soPin: Uint8Array, label: string): Promise<void> {
    const { pins } = this.source
    if (pins === undefined) throw new Refusal(CKR.TOKEN_WRITE_PROTECTED)
    if (this.#sessionsCount > 0) throw new Refusal(CKR.SESSION_EXISTS)
    await pins.initialise(soPin, label, (secret) => this.#inTurn(() => this.source.erase(secret)))
  }

  async #change(act: () => Promise<StoredObject>): Promise<readonly TokenObject[]> {
    const stored = await this.#inTurn(act)
    return this.objects.filter((object) => object.stored === stored)
  }

  #withHandles(stored: StoredObject): readonly TokenObject[] {
    return objectsOf(stored).map((object) => {
      this.#lastHandle += 1n
      return { ...object, handle: this.#lastHandle }
    })
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** Handles of a token's objects; those of sessions begin far above, see State. */
const FIRST_HANDLE = 0x100n
const NOTHING = new Uint8Array(0)
