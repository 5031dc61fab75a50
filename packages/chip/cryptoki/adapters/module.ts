import { createHash } from 'node:crypto'
import type { ElementIdentity, IdentitySlots, LockStrength, SecureElement } from '@birthmark/chip'
import { type Attribute, CKA, CKR, cryptokiFault } from '@birthmark/chip/cryptoki'
import type { Signer } from '@birthmark/foundation/x509'
import { certificateTemplate, idOfCertified } from './module-certificates.ts'
import { numberOf } from './module-identity.ts'
import type { KeyName } from './module-key-store.ts'
import { type ModuleCurve, rowOf } from './module-keys.ts'
import { assertUnlocked, lockObjects, lockOf } from './module-locks.ts'
import type { ModuleOptions } from './module-options.ts'
import { distrust } from './module-process.ts'
import { isRecordLabel } from './module-records.ts'
import { ModuleRun, type Opened } from './module-run.ts'
import {
  isRefusedWith,
  type ModuleObject,
  type ModuleSession,
  type ObjectFilter,
  templateOf,
} from './module-session.ts'
import { listSlots, type ModuleSlot, type ModuleToken, readToken } from './module-slots.ts'

/** A key pair to make. */
export interface ModuleKeyRequest {
  readonly label: string
  /** CKA_ID of both halves; random when absent. */
  readonly id?: Uint8Array
  /** P-256 when absent. */
  readonly curve?: ModuleCurve
  /** Whether it may {@link CryptokiModule.derive} too, where the module can. */
  readonly mayDerive?: boolean
}

/**
 * A vendor's PKCS#11 module, in a process of its own (`p11-kit remote`): typed calls, and one of its tokens as a
 * {@link SecureElement} whose slots are labels of objects.
 *
 * A module that crashes, hangs or answers nonsense fails the calls under way with `CRYPTOKI_MODULE_LOST`,
 * `CRYPTOKI_MODULE_SILENT` or `CRYPTOKI_MESSAGE_INVALID`; the next call starts it again and logs in again. What the
 * module refuses fails with `CRYPTOKI_REFUSED` and PKCS#11's code. Every method may fail with these.
 */
export class CryptokiModule implements SecureElement {
  readonly defaultSlots: IdentitySlots = {
    key: 'device key',
    certificate: 'device certificate',
    trustAnchor: 'trust anchor',
  }
  readonly #path: string
  readonly #options: ModuleOptions
  readonly #handles = new WeakMap<ModuleObject, { readonly session: ModuleSession; readonly handle: bigint }>()
  #run: ModuleRun
  #pin: string | undefined
  #isPinStale = false

  private constructor(path: string, options: ModuleOptions) {
    this.#path = path
    this.#options = options
    this.#pin = options.pin
    this.#run = new ModuleRun(path, options)
  }

  /**
   * Starts the module at `path`. When the options name a token or a PIN, finds the token and logs in; else the first
   * call that needs a token does.
   *
   * @throws `CRYPTOKI_TOKEN_MISSING`, `CRYPTOKI_TOKEN_AMBIGUOUS`, `CRYPTOKI_REFUSED` (a wrong PIN),
   *   `CRYPTOKI_MODULE_LOST` (no such module, or p11-kit is not installed), `CRYPTOKI_MODULE_SILENT`
   */
  static async open(path: string, options: ModuleOptions = {}): Promise<CryptokiModule> {
    const module = new CryptokiModule(path, options)
    try {
      const { label, serial, slotId, pin } = options
      if ([label, serial, slotId, pin].every((named) => named === undefined)) await module.#run.connection
      else await module.#opened()
      return module
    } catch (error) {
      await module.close()
      throw error
    }
  }

  /** Lists the slots, with the tokens in them. */
  async slots(): Promise<readonly ModuleSlot[]> {
    return listSlots(await this.#current().connection)
  }

  /** Tells what the token says of itself. */
  async token(): Promise<ModuleToken> {
    const { session } = await this.#opened()
    return readToken(session.connection, session.slotId)
  }

  /** Lists the mechanisms of the token, as numbers (`CKM` has the names of some). */
  async mechanisms(): Promise<readonly number[]> {
    const { session } = await this.#opened()
    const [types] = await session.connection.call('GetMechanismList', [session.slotId, MECHANISMS_COUNT_MAX])
    return 'size' in types ? [] : types.map(Number)
  }

  /** Logs the user in, now and whenever the module has to be started again. @throws `CRYPTOKI_REFUSED` */
  async login(pin: string): Promise<void> {
    this.#pin = undefined
    this.#isPinStale = false
    const { session } = await this.#opened()
    await session.login(pin)
    this.#pin = pin
  }

  /** Logs the user out; private keys are out of reach until the next {@link login}. */
  async logout(): Promise<void> {
    this.#pin = undefined
    const { session, keys } = await this.#opened()
    await session.call('Logout')
    keys.forget()
  }

  /** The token's serial number is its UID; a token without one is given a number that stays on it. */
  async identify(): Promise<ElementIdentity> {
    const { session } = await this.#opened()
    const token = await readToken(session.connection, session.slotId)
    return { uid: await numberOf(session, token), model: token.model, firmware: token.firmware }
  }

  /**
   * Makes a P-256 key pair under this label; a pair that had it before is destroyed first.
   *
   * @throws `CRYPTOKI_SLOT_LOCKED`
   */
  async generateKey(slot: string): Promise<Uint8Array> {
    const { session, keys } = await this.#opened()
    await assertUnlocked(session, slot)
    for (const kind of ['private-key', 'public-key'] as const) {
      await session.destroy(await session.find(templateOf({ kind, label: slot })))
    }
    return keys.generate({ label: slot, id: undefined, curve: 'ec-p256', mayDerive: false })
  }

  /** Makes a key pair beside what is there, never extractable; gives its public half. @throws `CRYPTOKI_SLOT_LOCKED` */
  async generateKeyPair({ label, id, curve, mayDerive = false }: ModuleKeyRequest): Promise<Uint8Array> {
    const { session, keys } = await this.#opened()
    await assertUnlocked(session, label)
    return keys.generate({ label, id, curve: curve ?? 'ec-p256', mayDerive })
  }

  /** @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_OBJECT_AMBIGUOUS` */
  async signDigest(slot: string, digest: Uint8Array): Promise<Uint8Array> {
    const { keys } = await this.#opened()
    return keys.sign({ label: slot }, digest)
  }

  /**
   * Has the token check a signature over a message, hashed as the key wants it, with its public key object.
   *
   * @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_OBJECT_AMBIGUOUS`, `CRYPTOKI_KEY_UNSUPPORTED`
   */
  async verify(name: KeyName, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const { keys } = await this.#opened()
    return keys.verify(name, message, signature)
  }

  /**
   * Gives a key of the token as a {@link Signer}: P-256, P-384, or RSA. It outlives restarts of the module, not
   * {@link close}.
   *
   * @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_OBJECT_AMBIGUOUS`, `CRYPTOKI_KEY_UNSUPPORTED`
   */
  async signer(name: string | KeyName): Promise<Signer> {
    const which = typeof name === 'string' ? { label: name } : name
    const { kind, spki } = await (await this.#opened()).keys.publicKey(which)
    const { algorithm, hash } = rowOf(kind)
    const sign = async (message: Uint8Array): Promise<Uint8Array> => {
      const { keys } = await this.#opened()
      return keys.sign(which, createHash(hash).update(message).digest())
    }
    return { algorithm, publicKey: spki, sign }
  }

  /**
   * Agrees with another key on a secret of 32 or 48 bytes: the x coordinate of ECDH (SP 800-56A §5.7.1.2).
   *
   * @param peer A SubjectPublicKeyInfo on the curve of the key.
   * @throws `CRYPTOKI_NOT_SUPPORTED` behind p11-kit up to 0.24, `CRYPTOKI_KEY_UNSUPPORTED`, `CRYPTOKI_OBJECT_MISSING`
   */
  async derive(name: KeyName, peer: Uint8Array): Promise<Uint8Array> {
    const { keys } = await this.#opened()
    return keys.derive(name, peer)
  }

  async random(count: number): Promise<Uint8Array> {
    const { session } = await this.#opened()
    const [bytes] = await session.call('GenerateRandom', count)
    if (bytes instanceof Uint8Array && bytes.length === count) return bytes
    throw distrust(session.connection, 'random number')
  }

  async readCertificate(slot: string): Promise<Uint8Array | undefined> {
    const { session } = await this.#opened()
    const [certificate] = await session.find(templateOf({ kind: 'certificate', label: slot }))
    return certificate === undefined ? undefined : session.readBytes(certificate, CKA.VALUE)
  }

  /**
   * Writes a certificate in the place of one that had this label.
   *
   * @throws `CRYPTOKI_SLOT_LOCKED`, `CRYPTOKI_VALUE_SHAPE`
   */
  async writeCertificate(slot: string, der: Uint8Array): Promise<void> {
    const { session } = await this.#opened()
    await assertUnlocked(session, slot)
    const template = certificateTemplate(slot, der, await idOfCertified(session, der))
    await session.destroy(await session.find(templateOf({ kind: 'certificate', label: slot })))
    await session.create(template)
  }

  /** Lists the objects that fit, private ones after the login only. @throws `CRYPTOKI_OBJECTS_TOO_MANY` */
  async objects(filter: ObjectFilter = {}): Promise<readonly ModuleObject[]> {
    const { session } = await this.#opened()
    const handles = await session.find(templateOf(filter))
    return Promise.all(handles.map((handle) => this.#show(session, handle)))
  }

  /** Reads attributes; what the object lacks or must not tell is absent. @throws `CRYPTOKI_OBJECT_MISSING` */
  async readAttributes(object: ModuleObject, types: readonly number[]): Promise<readonly Attribute[]> {
    const { session, handle } = await this.#held(object)
    return session.read(handle, types)
  }

  /** Makes an object. @throws `CRYPTOKI_SLOT_LOCKED` when its label is locked */
  async createObject(template: readonly Attribute[]): Promise<ModuleObject> {
    const { session } = await this.#opened()
    const label = template.find(({ type }) => type === CKA.LABEL)?.value
    if (label instanceof Uint8Array) await assertUnlocked(session, new TextDecoder().decode(label))
    return this.#show(session, await session.create(template))
  }

  /** @throws `CRYPTOKI_SLOT_LOCKED` for what is locked and for the records of locks, `CRYPTOKI_OBJECT_MISSING` */
  async destroyObject(object: ModuleObject): Promise<void> {
    const { session, handle } = await this.#held(object)
    const { label } = object
    if (isRecordLabel(label)) throw cryptokiFault('CRYPTOKI_SLOT_LOCKED', { slot: label })
    await assertUnlocked(session, label)
    await session.destroy([handle])
    const { keys } = await this.#opened()
    keys.forget()
  }

  /** @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_LOCK_BROKEN` */
  async lock(slot: string): Promise<void> {
    const { session, keys } = await this.#opened()
    await lockObjects(session, slot)
    keys.forget()
  }

  /** @throws `CRYPTOKI_LOCK_BROKEN` */
  async isLocked(slot: string): Promise<boolean> {
    return (await this.lockStrength(slot)) !== undefined
  }

  /** @throws `CRYPTOKI_LOCK_BROKEN` */
  async lockStrength(slot: string): Promise<LockStrength | undefined> {
    const { session } = await this.#opened()
    return lockOf(session, slot)
  }

  /** Ends the module in order. A later call starts it again. */
  close(): Promise<void> {
    return this.#run.end()
  }

  #current(): ModuleRun {
    if (!this.#run.isOver) return this.#run
    void this.#run.end()
    this.#run = new ModuleRun(this.#path, this.#options)
    return this.#run
  }

  #opened(): Promise<Opened> {
    return this.#current().opened((session) => this.#logIn(session))
  }

  async #logIn(session: ModuleSession): Promise<void> {
    if (this.#pin === undefined) return
    if (this.#isPinStale) throw cryptokiFault('CRYPTOKI_PIN_STALE')
    try {
      await session.login(this.#pin)
    } catch (error) {
      this.#isPinStale = isRefusedWith(error, [CKR.PIN_INCORRECT, CKR.PIN_LOCKED])
      throw error
    }
  }

  async #show(session: ModuleSession, handle: bigint): Promise<ModuleObject> {
    const object = await session.describe(handle)
    this.#handles.set(object, { session, handle })
    return object
  }

  async #held(object: ModuleObject): Promise<{ readonly session: ModuleSession; readonly handle: bigint }> {
    const { session } = await this.#opened()
    const held = this.#handles.get(object)
    // Numbers of an earlier run may mean other objects in this one.
    if (held?.session !== session) throw cryptokiFault('CRYPTOKI_OBJECT_MISSING', { kind: 'object' })
    return held
  }
}

/** Far above what tokens have. */
const MECHANISMS_COUNT_MAX = 1024
