import type { ElementIdentity } from '../../secure-element.ts'
import { CKR } from '../standard.ts'
import { loadObjects, type TokenObject } from './objects.ts'
import { Refusal } from './refusal.ts'
import type { KeyPlace, TokenSource } from './source.ts'

/** What a token needs besides its element. */
export interface TokenOptions {
  /** Up to 32 characters; default is `trust-x-` and the serial number. */
  readonly label?: string
  /** Tells, in constant time, whether this is the user's PIN. Without it no login is needed, and any is accepted. */
  readonly isPin?: (pin: Uint8Array) => boolean
}

/**
 * A secure element as a PKCS#11 token: its objects, and its PIN's counter, shared by every program that uses it.
 */
export class Token {
  readonly source: TokenSource
  readonly identity: ElementIdentity
  readonly label: string
  readonly #isPin: TokenOptions['isPin']
  #objects: readonly TokenObject[]
  #triesLeft: number = PIN_TRIES_MAX

  private constructor(
    source: TokenSource,
    identity: ElementIdentity,
    objects: readonly TokenObject[],
    options: TokenOptions,
  ) {
    this.source = source
    this.identity = identity
    this.label = options.label ?? `token-${source.serial}`
    this.#objects = objects
    this.#isPin = options.isPin
  }

  /** Reads what the element holds. The faults are the element's own. */
  static async open(source: TokenSource, options: TokenOptions = {}): Promise<Token> {
    return new Token(source, await source.element.identify(), await loadObjects(source), options)
  }

  get objects(): readonly TokenObject[] {
    return this.#objects
  }

  get needsLogin(): boolean {
    return this.#isPin !== undefined
  }

  /** How many wrong PINs are left until it is locked. */
  get pinTriesLeft(): number {
    return this.#triesLeft
  }

  /** Judges a PIN and counts; a locked one is not looked at. @throws `Refusal` PIN_LOCKED, PIN_INCORRECT */
  presentPin(pin: Uint8Array): void {
    if (this.#isPin === undefined) return
    if (this.#triesLeft === 0) throw new Refusal(CKR.PIN_LOCKED)
    if (!this.#isPin(pin)) {
      this.#triesLeft -= 1
      throw new Refusal(this.#triesLeft === 0 ? CKR.PIN_LOCKED : CKR.PIN_INCORRECT)
    }
    this.#triesLeft = PIN_TRIES_MAX
  }

  /** Makes a key pair in a place; what was there is gone. @throws `Refusal` TOKEN_WRITE_PROTECTED */
  async generateKey(place: KeyPlace): Promise<void> {
    await this.#assertOpen(place.key)
    await this.source.keepPublicKey(place, await this.source.element.generateKey(place.key))
    await this.#reload()
  }

  /** Writes a certificate into a slot. @throws `Refusal` TOKEN_WRITE_PROTECTED */
  async writeCertificate(slot: string, der: Uint8Array): Promise<void> {
    await this.#assertOpen(slot)
    await this.source.element.writeCertificate(slot, der)
    await this.#reload()
  }

  /** Forgets a certificate. @throws `Refusal` TOKEN_WRITE_PROTECTED */
  async eraseCertificate(slot: string): Promise<void> {
    await this.#assertOpen(slot)
    await this.source.eraseCertificate(slot)
    await this.#reload()
  }

  async #assertOpen(slot: string): Promise<void> {
    if (await this.source.element.isLocked(slot)) throw new Refusal(CKR.TOKEN_WRITE_PROTECTED)
  }

  async #reload(): Promise<void> {
    this.#objects = await loadObjects(this.source)
  }
}

/**
 * Wrong PINs in a row before the PIN is locked, as smart cards count. It stays locked until the token server is started
 * again: the element has no counter of its own.
 */
export const PIN_TRIES_MAX = 3
