import { spawn } from 'node:child_process'
import { type Attribute, CKA, CKF, CKU, cryptokiFault, spkiOfEcPoint } from '@birthmark/chip/cryptoki'
import { decodeUtf8, encodeUtf8, type Millis, seconds, type Timers } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { CryptokiConnection } from './connection.ts'

/** Which token of a module, and how to log in; every part but the label has a default. */
export interface ModuleOptions {
  /** The token's label. */
  readonly label: string
  /** The user's PIN; without one the session stays public. */
  readonly pin?: string
  /** How long one call may take; default 30 seconds, which a smart card's key generation may need. */
  readonly patience?: Millis
  readonly timers?: Timers
}

/** A token with a session on it, of one run of the module. */
export class OpenToken {
  readonly connection: CryptokiConnection
  readonly slotId: bigint
  readonly session: bigint
  /** The last operation that has several steps; a session does one at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(connection: CryptokiConnection, slotId: bigint, session: bigint) {
    this.connection = connection
    this.slotId = slotId
    this.session = session
  }

  /** Runs `act` after everything that was begun before it. */
  inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async demand(kind: bigint, label: string, name: string): Promise<bigint> {
    const [object] = await this.#search([...ofClass(kind), ...labelled(label)])
    if (object === undefined) throw cryptokiFault('CRYPTOKI_OBJECT_MISSING', { kind: name })
    return object
  }

  find(template: readonly Attribute[]): Promise<readonly bigint[]> {
    return this.inTurn(() => this.#search(template))
  }

  async destroy(kind: bigint, label: string): Promise<void> {
    for (const object of await this.find([...ofClass(kind), ...labelled(label)])) {
      await this.connection.call('DestroyObject', [this.session, object])
    }
  }

  async bytes(object: bigint, type: number): Promise<Uint8Array> {
    const rooms = [{ type, room: ATTRIBUTE_ROOM_BYTES }]
    const [[attribute]] = await this.connection.call('GetAttributeValue', [this.session, object, rooms])
    if (!(attribute?.value instanceof Uint8Array)) throw malformed('attribute')
    return attribute.value
  }

  async publicKey(object: bigint): Promise<Uint8Array> {
    const spki = spkiOfEcPoint(await this.bytes(object, CKA.EC_POINT))
    if (spki === undefined) throw malformed('public key')
    return spki
  }

  async #search(template: readonly Attribute[]): Promise<readonly bigint[]> {
    await this.connection.call('FindObjectsInit', [this.session, template])
    const [found] = await this.connection.call('FindObjects', [this.session, FOUND_COUNT_MAX])
    await this.connection.call('FindObjectsFinal', [this.session])
    return 'size' in found ? [] : found
  }
}

/** Starts the module, finds the token and logs in. */
export async function openToken(path: string, { label, pin, patience, timers }: ModuleOptions): Promise<OpenToken> {
  const connection = startModule(path, patience ?? PATIENCE, timers ?? systemTimers)
  try {
    await connection.call('Initialize', [HANDSHAKE, 0, Uint8Array.of(0)])
    const slotId = await slotOf(connection, label)
    const flags = CKF.SERIAL_SESSION | CKF.RW_SESSION
    const [session] = await connection.call('OpenSession', [slotId, flags])
    if (pin !== undefined) await connection.call('Login', [session, CKU.USER, encodeUtf8(pin)])
    return new OpenToken(connection, slotId, session)
  } catch (error) {
    connection.close()
    throw error
  }
}

function startModule(path: string, patience: Millis, timers: Timers): CryptokiConnection {
  const child = spawn('p11-kit', ['remote', path], { stdio: ['pipe', 'pipe', 'ignore'] })
  const end = (): void => void child.kill('SIGKILL')
  const connection = new CryptokiConnection({ input: child.stdout, output: child.stdin, timers, patience, end })
  child.on('error', () => connection.close())
  return connection
}

async function slotOf(connection: CryptokiConnection, label: string): Promise<bigint> {
  const [slots] = await connection.call('GetSlotList', [1, SLOTS_COUNT_MAX])
  for (const slotId of 'size' in slots ? [] : slots) {
    const [found] = await connection.call('GetTokenInfo', [slotId])
    if (textOf(found) === label) return slotId
  }
  throw cryptokiFault('CRYPTOKI_TOKEN_MISSING')
}

/** The template of a kind of object. */
export function ofClass(kind: bigint): readonly Attribute[] {
  return [{ type: CKA.CLASS, value: kind }]
}

/** The template of a token's objects with this label. */
export function labelled(label: string): readonly Attribute[] {
  return [
    { type: CKA.TOKEN, value: 1 },
    { type: CKA.LABEL, value: encodeUtf8(label) },
  ]
}

/** Gives a field of fixed width without its padding. */
export function textOf(padded: Uint8Array): string {
  return decodeUtf8(padded)?.trimEnd() ?? ''
}

/** Makes the fault of a module whose answer has no sense. */
export function malformed(what: string): Error {
  return cryptokiFault('CRYPTOKI_MESSAGE_INVALID', { why: `a ${what} has the wrong form` })
}

/** What p11-kit's C_Initialize expects first (p11-kit, rpc-message.h). */
const HANDSHAKE = encodeUtf8('PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1')

const PATIENCE: Millis = seconds(30)

/** Slots that are looked at, objects of one label, and bytes of one attribute: far above what tokens have. */
const SLOTS_COUNT_MAX = 256
const FOUND_COUNT_MAX = 64
const ATTRIBUTE_ROOM_BYTES = 16_384
