import { CKF, cryptokiFault } from '@birthmark/chip/cryptoki'
import { decodeUtf8, isFault } from '@birthmark/foundation/kernel'
import type { CryptokiConnection } from './connection.ts'
import type { TokenChoice } from './module-options.ts'

/** A slot of a module, with the token that is in it. */
export interface ModuleSlot {
  readonly slotId: bigint
  readonly description: string
  readonly manufacturer: string
  /** Absent too when the module does not tell of it now. */
  readonly token: ModuleToken | undefined
}

/** What a token says of itself, without the padding of its fields. */
export interface ModuleToken {
  readonly label: string
  readonly manufacturer: string
  readonly model: string
  /** As the token prints it; empty or all zeros when it has none. */
  readonly serial: string
  /** Major and minor, with a dot. */
  readonly firmware: string
  readonly isInitialised: boolean
  /** Whether the user's PIN was ever set. */
  readonly hasPin: boolean
  readonly needsLogin: boolean
  readonly isPinLocked: boolean
}

/** Lists the slots of a module. */
export async function listSlots(connection: CryptokiConnection): Promise<readonly ModuleSlot[]> {
  const [slots] = await connection.call('GetSlotList', [0, SLOTS_COUNT_MAX])
  return Promise.all(('size' in slots ? [] : slots).map((slotId) => readSlot(connection, slotId)))
}

/**
 * Finds the one initialised token of the module that fits.
 *
 * @throws `CRYPTOKI_TOKEN_MISSING`, `CRYPTOKI_TOKEN_AMBIGUOUS`
 */
export async function chooseSlot(connection: CryptokiConnection, choice: TokenChoice): Promise<bigint> {
  const { slotId } = choice
  // The others are not looked at then: SoftHSM refuses to tell of a token that another process is writing to.
  const slots = slotId === undefined ? await listSlots(connection) : [await readSlot(connection, slotId)]
  const fitting = slots.filter(({ token }) => {
    if (token?.isInitialised !== true) return false
    return FIELDS.every((field) => choice[field] === undefined || choice[field] === token[field])
  })
  const [slot] = fitting
  if (slot === undefined) throw cryptokiFault('CRYPTOKI_TOKEN_MISSING')
  if (fitting.length > 1) throw cryptokiFault('CRYPTOKI_TOKEN_AMBIGUOUS', { count: fitting.length })
  return slot.slotId
}

/** Reads what a slot's token says of itself. */
export async function readToken(connection: CryptokiConnection, slotId: bigint): Promise<ModuleToken> {
  const info = await connection.call('GetTokenInfo', [slotId])
  const [label, manufacturer, model, serial, flags] = info
  const firmware = info[16]
  return {
    label: textOf(label),
    manufacturer: textOf(manufacturer),
    model: textOf(model),
    serial: textOf(serial),
    firmware: `${firmware.major}.${firmware.minor}`,
    isInitialised: (flags & CKF.TOKEN_INITIALIZED) !== 0n,
    hasPin: (flags & CKF.USER_PIN_INITIALIZED) !== 0n,
    needsLogin: (flags & CKF.LOGIN_REQUIRED) !== 0n,
    isPinLocked: (flags & CKF.USER_PIN_LOCKED) !== 0n,
  }
}

async function readSlot(connection: CryptokiConnection, slotId: bigint): Promise<ModuleSlot> {
  const [description, manufacturer, flags] = await connection.call('GetSlotInfo', [slotId])
  const isPresent = (flags & CKF.TOKEN_PRESENT) !== 0n
  const token = isPresent ? await tokenIn(connection, slotId) : undefined
  return { slotId, description: textOf(description), manufacturer: textOf(manufacturer), token }
}

/** A token that cannot be read, or was taken out this moment, is as good as none; the others may be what is wanted. */
async function tokenIn(connection: CryptokiConnection, slotId: bigint): Promise<ModuleToken | undefined> {
  try {
    return await readToken(connection, slotId)
  } catch (error) {
    if (isFault(error, 'CRYPTOKI_REFUSED')) return undefined
    throw error
  }
}

/** Gives a field of fixed width without its padding. */
function textOf(padded: Uint8Array): string {
  return decodeUtf8(padded)?.replace(/[ \0]+$/, '') ?? ''
}

const FIELDS = ['label', 'serial', 'manufacturer', 'model'] as const

/** Slots that are looked at; a tray of tokens has some hundreds. Further ones are not seen. */
const SLOTS_COUNT_MAX = 4096
