import { CKF, CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'

/** Who logs in: the security officer, who sets the user's PIN, or the user. */
export type Role = 'so' | 'user'

/** One role's PIN: what it opens, sealed under it, and how often a wrong one came since the last right one. */
export interface PinEntry {
  readonly sealed: string
  readonly wrongCount: number
}

/** What is kept of a token's PINs. */
export interface PinRecord {
  readonly label?: string | undefined
  readonly so?: PinEntry | undefined
  readonly user?: PinEntry | undefined
}

/** Where PINs are kept, and what hides them. */
export interface PinPorts {
  /** What was written last. */
  readonly record: PinRecord
  /** Keeps a record; when it returns, a crash does not undo it. */
  write(record: PinRecord): void
  /** Hides `secret` behind a PIN. */
  seal(pin: Uint8Array, secret: Uint8Array): Promise<string>
  /** Gives the secret; `undefined` for another PIN. */
  unseal(pin: Uint8Array, sealed: string): Promise<Uint8Array | undefined>
  /** Makes a secret for a token that is initialised. */
  newSecret(): Uint8Array
  /** Whether a token without PINs is usable without a login. */
  readonly isOpenWithoutPin: boolean
}

/**
 * The PINs of one token and their counters. A try is counted, durably, before it is judged: neither a crash nor a kill
 * gives one for nothing. Judged one after another, so that two programs at once get no more tries than one.
 */
export class Pins {
  readonly #ports: PinPorts
  #turn: Promise<unknown> = Promise.resolve()

  constructor(ports: PinPorts) {
    this.#ports = ports
  }

  /** The label that C_InitToken gave. */
  get label(): string | undefined {
    return this.#ports.record.label
  }

  /** Whether private objects need a login. */
  get needsLogin(): boolean {
    const { record, isOpenWithoutPin } = this.#ports
    return !isOpenWithoutPin || record.so !== undefined || record.user !== undefined
  }

  /** The flags of CK_TOKEN_INFO that PINs decide. */
  get flags(): bigint {
    const { so, user } = this.#ports.record
    const initialised = user !== undefined || !this.needsLogin ? CKF.USER_PIN_INITIALIZED : 0n
    const login = this.needsLogin ? CKF.LOGIN_REQUIRED : 0n
    return initialised | login | counterFlags('user', user) | counterFlags('so', so)
  }

  /**
   * Judges a PIN and gives the secret that it opens.
   *
   * @throws `Refusal` PIN_LOCKED, PIN_INCORRECT, USER_PIN_NOT_INITIALIZED, USER_TYPE_INVALID without an officer's
   */
  present(role: Role, pin: Uint8Array): Promise<Uint8Array> {
    return this.#inTurn(() => this.#judge(role, pin))
  }

  /** @throws `Refusal` PIN_LOCKED, PIN_INCORRECT, PIN_LEN_RANGE, PIN_INVALID */
  change(role: Role, oldPin: Uint8Array, newPin: Uint8Array): Promise<void> {
    assertSound(newPin)
    return this.#inTurn(async () => {
      if (this.#ports.record[role] === undefined) throw new Refusal(CKR.PIN_INCORRECT)
      await this.#set(role, newPin, await this.#judge(role, oldPin))
    })
  }

  /**
   * Sets the user's PIN, with the secret that the security officer's opened.
   *
   * @throws `Refusal` PIN_LEN_RANGE, PIN_INVALID
   */
  setUser(pin: Uint8Array, secret: Uint8Array): Promise<void> {
    assertSound(pin)
    return this.#inTurn(() => this.#set('user', pin, secret))
  }

  /**
   * Sets a PIN where there is none yet, for whoever runs the server, and tells whether it is the one that counts now.
   * Nothing is counted.
   *
   * @throws `Refusal` PIN_LEN_RANGE, PIN_INVALID
   */
  provide(role: Role, pin: Uint8Array): Promise<boolean> {
    assertSound(pin)
    return this.#inTurn(async () => {
      const entry = this.#ports.record[role]
      if (entry !== undefined) return (await this.#ports.unseal(pin, entry.sealed)) !== undefined
      await this.#set(role, pin, this.#ports.newSecret())
      return true
    })
  }

  /**
   * Starts over: sets the security officer's PIN, or has it proven when there is one; the user's is gone.
   *
   * @param erase Destroys what the token holds, before the PINs change.
   * @throws `Refusal` PIN_LOCKED, PIN_INCORRECT, PIN_LEN_RANGE, PIN_INVALID
   */
  initialise(soPin: Uint8Array, label: string, erase: (secret: Uint8Array) => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ports.record.so === undefined) assertSound(soPin)
      else await this.#judge('so', soPin)
      const secret = this.#ports.newSecret()
      const sealed = await this.#ports.seal(soPin, secret)
      await erase(secret)
      this.#ports.write({ label, so: { sealed, wrongCount: 0 } })
    })
  }

  async #judge(role: Role, pin: Uint8Array): Promise<Uint8Array> {
    const entry = this.#ports.record[role]
    if (entry === undefined) throw new Refusal(role === 'so' ? CKR.USER_TYPE_INVALID : CKR.USER_PIN_NOT_INITIALIZED)
    if (entry.wrongCount >= TRIES_MAX[role]) throw new Refusal(CKR.PIN_LOCKED)
    const wrongCount = entry.wrongCount + 1
    this.#write(role, { ...entry, wrongCount })
    const secret = await this.#ports.unseal(pin, entry.sealed)
    if (secret === undefined) throw new Refusal(wrongCount >= TRIES_MAX[role] ? CKR.PIN_LOCKED : CKR.PIN_INCORRECT)
    this.#write(role, { ...entry, wrongCount: 0 })
    return secret
  }

  async #set(role: Role, pin: Uint8Array, secret: Uint8Array): Promise<void> {
    this.#write(role, { sealed: await this.#ports.seal(pin, secret), wrongCount: 0 })
  }

  #write(role: Role, entry: PinEntry): void {
    this.#ports.write({ ...this.#ports.record, [role]: entry })
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

function assertSound(pin: Uint8Array): void {
  if (pin.length < PIN_BYTES_MIN || pin.length > PIN_BYTES_MAX) throw new Refusal(CKR.PIN_LEN_RANGE)
  // A PIN is text that people type; a NUL would end it in C.
  if (pin.includes(0)) throw new Refusal(CKR.PIN_INVALID)
}

function counterFlags(role: Role, entry: PinEntry | undefined): bigint {
  if (entry === undefined || entry.wrongCount === 0) return 0n
  const [low, final, locked] = COUNTER_FLAGS[role]
  const left = TRIES_MAX[role] - entry.wrongCount
  if (left <= 0) return locked
  return left === 1 ? low | final : low
}

const COUNTER_FLAGS = {
  user: [CKF.USER_PIN_COUNT_LOW, CKF.USER_PIN_FINAL_TRY, CKF.USER_PIN_LOCKED],
  so: [CKF.SO_PIN_COUNT_LOW, CKF.SO_PIN_FINAL_TRY, CKF.SO_PIN_LOCKED],
} as const

/** Wrong PINs in a row before the user's is locked, as smart cards count; the security officer sets a new one then. */
export const PIN_TRIES_MAX = 3

/** Wrong PINs in a row before the security officer's is locked, for good: more, because nobody can set a new one. */
export const SO_PIN_TRIES_MAX = 10

const TRIES_MAX: Readonly<Record<Role, number>> = { user: PIN_TRIES_MAX, so: SO_PIN_TRIES_MAX }

/** Lengths of a PIN, in bytes: four digits, and more than anybody types. */
export const PIN_BYTES_MIN = 4
/** @see {@link PIN_BYTES_MIN} */
export const PIN_BYTES_MAX = 64
