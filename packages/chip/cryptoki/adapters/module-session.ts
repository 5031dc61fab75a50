import {
  type Attribute,
  type CallName,
  CKA,
  CKF,
  CKO,
  CKR,
  CKU,
  codeName,
  cryptokiFault,
  type RequestArguments,
  type ResponseArguments,
} from '@birthmark/chip/cryptoki'
import { decodeUtf8, encodeUtf8, isFault, toHex } from '@birthmark/foundation/kernel'
import type { CryptokiConnection } from './connection.ts'
import { valueOf } from './module-keys.ts'
import { distrust } from './module-process.ts'

/** The classes of objects that have a name here. */
export type ObjectKind = 'data' | 'certificate' | 'public-key' | 'private-key' | 'other'

/** An object of a token, as one run of the module showed it. */
export interface ModuleObject {
  readonly kind: ObjectKind
  /** CKA_LABEL; empty when there is none. */
  readonly label: string
  /** CKA_ID; empty when there is none. */
  readonly id: Uint8Array
}

/** Which objects are meant; what is left out does not matter. */
export interface ObjectFilter {
  readonly kind?: Exclude<ObjectKind, 'other'>
  readonly label?: string
  readonly id?: Uint8Array
}

/** An object as the module numbers it, valid while its session lasts. */
export type Handle = bigint

/**
 * A session on a token, of one run of the module. A session does one operation at a time: calls that make up one are
 * sent together, so that nothing comes between them.
 */
export class ModuleSession {
  readonly connection: CryptokiConnection
  readonly slotId: bigint
  readonly #session: bigint
  #isStale = false

  private constructor(connection: CryptokiConnection, slotId: bigint, session: bigint) {
    this.connection = connection
    this.slotId = slotId
    this.#session = session
  }

  /** Opens a read-write session. */
  static async open(connection: CryptokiConnection, slotId: bigint): Promise<ModuleSession> {
    const [session] = await connection.call('OpenSession', [slotId, CKF.SERIAL_SESSION | CKF.RW_SESSION])
    return new ModuleSession(connection, slotId, session)
  }

  /** Whether nothing can be done on it any more: its module is gone, or the token says that the session is. */
  get isOver(): boolean {
    return this.#isStale || this.connection.isLost
  }

  /** Makes a call whose first argument is this session. */
  async call<Name extends SessionCall>(name: Name, ...rest: Rest<Name>): Promise<ResponseArguments<Name>> {
    try {
      const values: unknown = [this.#session, ...rest]
      return await this.connection.call(name, values as RequestArguments<Name>)
    } catch (error) {
      if (isRefusedWith(error, SESSION_ENDS)) this.#isStale = true
      throw error
    }
  }

  /** Lets go of the session; never fails. */
  async close(): Promise<void> {
    // A session that cannot be closed is gone with its module.
    await this.call('CloseSession').catch(() => undefined)
  }

  /** @throws `CRYPTOKI_REFUSED` */
  async login(pin: string): Promise<void> {
    try {
      await this.call('Login', CKU.USER, encodeUtf8(pin))
    } catch (error) {
      if (!isRefusedWith(error, [CKR.USER_ALREADY_LOGGED_IN])) throw error
    }
  }

  /** Finds objects. @throws `CRYPTOKI_OBJECTS_TOO_MANY` */
  async find(template: readonly Attribute[]): Promise<readonly Handle[]> {
    const [, [found]] = await Promise.all([
      this.call('FindObjectsInit', template),
      this.call('FindObjects', OBJECTS_COUNT_MAX),
      this.call('FindObjectsFinal'),
    ])
    if ('size' in found) return []
    if (found.length < OBJECTS_COUNT_MAX) return found
    throw cryptokiFault('CRYPTOKI_OBJECTS_TOO_MANY', { countMax: OBJECTS_COUNT_MAX - 1 })
  }

  /** Reads attributes; one that the object lacks, or does not tell, is absent from the answer. */
  async read(object: Handle, types: readonly number[]): Promise<readonly Attribute[]> {
    const rooms = types.map((type) => ({ type, room: ATTRIBUTE_ROOM_BYTES }))
    const [attributes] = await this.call('GetAttributeValue', object, rooms)
    return attributes.filter(({ value }) => value !== undefined && !isSizeOnly(value))
  }

  /** Reads an attribute that is bytes and must be there. */
  async readBytes(object: Handle, type: number): Promise<Uint8Array> {
    const value = valueOf(await this.read(object, [type]), type)
    if (value instanceof Uint8Array) return value
    throw distrust(this.connection, 'attribute')
  }

  /** Gives an object with what it is called. */
  async describe(object: Handle): Promise<ModuleObject> {
    const attributes = await this.read(object, [CKA.CLASS, CKA.LABEL, CKA.ID])
    const [kind, label, id] = [CKA.CLASS, CKA.LABEL, CKA.ID].map((type) => valueOf(attributes, type))
    return {
      kind: KINDS.find((one) => CLASSES[one] === kind) ?? 'other',
      label: label instanceof Uint8Array ? (decodeUtf8(label) ?? '') : '',
      id: id instanceof Uint8Array ? id : new Uint8Array(0),
    }
  }

  /**
   * Finds the one object of a name. Several of the same CKA_ID are one: a copy that was not yet cleared away.
   *
   * @throws `CRYPTOKI_OBJECT_MISSING`, `CRYPTOKI_OBJECT_AMBIGUOUS`
   */
  async demand(filter: ObjectFilter): Promise<Handle> {
    const found = await this.find(templateOf(filter))
    const [object] = found
    const kind = filter.kind ?? 'object'
    if (object === undefined) throw cryptokiFault('CRYPTOKI_OBJECT_MISSING', { kind })
    if (found.length === 1) return object
    const ids = new Set((await Promise.all(found.map((each) => this.describe(each)))).map(({ id }) => toHex(id)))
    if (ids.size > 1) throw cryptokiFault('CRYPTOKI_OBJECT_AMBIGUOUS', { kind, count: found.length })
    return object
  }

  async create(template: readonly Attribute[]): Promise<Handle> {
    const [object] = await this.call('CreateObject', template)
    return object
  }

  async destroy(objects: readonly Handle[]): Promise<void> {
    for (const object of objects) await this.call('DestroyObject', object)
  }
}

/** Makes the template of what a filter means: objects that stay in the token. */
export function templateOf({ kind, label, id }: ObjectFilter): readonly Attribute[] {
  return [
    { type: CKA.TOKEN, value: 1 },
    ...(kind === undefined ? [] : [{ type: CKA.CLASS, value: CLASSES[kind] }]),
    ...(label === undefined ? [] : [{ type: CKA.LABEL, value: encodeUtf8(label) }]),
    ...(id === undefined ? [] : [{ type: CKA.ID, value: id }]),
  ]
}

/** Tells whether a module refused a call with one of these codes. */
export function isRefusedWith(error: unknown, codes: readonly bigint[]): boolean {
  return isFault(error, 'CRYPTOKI_REFUSED') && codes.some((code) => codeName(code) === error.context['code'])
}

/** A call whose first argument is a session. */
type SessionCall = {
  [Name in CallName]: RequestArguments<Name> extends readonly [bigint, ...unknown[]] ? Name : never
}[CallName]

type Rest<Name extends CallName> = RequestArguments<Name> extends readonly [unknown, ...infer Others] ? Others : never

function isSizeOnly(value: Attribute['value']): boolean {
  return typeof value === 'object' && 'size' in value
}

const CLASSES = {
  data: CKO.DATA,
  certificate: CKO.CERTIFICATE,
  'public-key': CKO.PUBLIC_KEY,
  'private-key': CKO.PRIVATE_KEY,
} as const
const KINDS = ['data', 'certificate', 'public-key', 'private-key'] as const

/** What a module says when the session, or the token under it, is no more; a new session may find it again. */
const SESSION_ENDS: readonly bigint[] = [
  CKR.DEVICE_ERROR,
  CKR.DEVICE_REMOVED,
  CKR.SESSION_CLOSED,
  CKR.SESSION_HANDLE_INVALID,
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]

/** Objects that one search may find, and bytes of one attribute: far above what a device's token has. */
const OBJECTS_COUNT_MAX = 8192
const ATTRIBUTE_ROOM_BYTES = 16_384
