import { encodeUtf8 } from '@birthmark/foundation/kernel'
import type { SizeOnly } from '../attribute.ts'
import { CK_UNAVAILABLE_INFORMATION, CKF, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { mechanismInfo, mechanismsFor } from './mechanisms.ts'
import { PIN_BYTES_MAX, PIN_BYTES_MIN } from './pins.ts'
import { Refusal } from './refusal.ts'
import { type Calls, SESSIONS_COUNT_MAX, type State } from './state.ts'
import type { Token } from './token.ts'

/** Library, slots, tokens and their mechanisms. */
export function generalCalls(state: State): Calls {
  return {
    Initialize: () => {
      state.isInitialized = true
      return []
    },
    Finalize: () => {
      state.reset()
      return []
    },
    GetInfo: () => [CRYPTOKI_VERSION, padded(MAKER, 32), 0n, padded('Birthmark token server', 32), OWN_VERSION],
    GetSlotList: ([, room]) => [
      list(
        state.tokens.map((_, index) => BigInt(index + 1)),
        room,
      ),
    ],
    GetSlotInfo: ([slotId]) => {
      const { source, label } = state.token(slotId)
      const flags = CKF.TOKEN_PRESENT | (source.hardware ? CKF.HW_SLOT : 0n)
      return [padded(label, 64), padded(source.manufacturer, 32), flags, OWN_VERSION, OWN_VERSION]
    },
    GetTokenInfo: ([slotId]) => tokenInfo(state, state.token(slotId)),
    GetMechanismList: ([slotId, room]) => {
      state.token(slotId)
      return [list(mechanismsFor(state.dialect), room)]
    },
    GetMechanismInfo: ([slotId, type]) => mechanismInfo(state.token(slotId).source, type),
    WaitForSlotEvent: ([flags]) => {
      // A chip does not come and go; whoever would wait would wait for ever.
      throw new Refusal((flags & CKF.DONT_BLOCK) === 0n ? CKR.FUNCTION_NOT_SUPPORTED : CKR.NO_EVENT)
    },
  }
}

function tokenInfo(state: State, token: Token) {
  const sessions = [...state.sessions.values()].filter((session) => session.token === token)
  const readWrite = sessions.filter(({ isReadWrite }) => isReadWrite)
  const unknown = CK_UNAVAILABLE_INFORMATION
  return [
    padded(token.label, 32),
    padded(token.source.manufacturer, 32),
    padded(token.source.model, 16),
    padded(token.source.serial, 16),
    token.flags,
    BigInt(SESSIONS_COUNT_MAX),
    BigInt(sessions.length),
    BigInt(SESSIONS_COUNT_MAX),
    BigInt(readWrite.length),
    BigInt(PIN_BYTES_MAX),
    BigInt(PIN_BYTES_MIN),
    unknown,
    unknown,
    unknown,
    unknown,
    OWN_VERSION,
    token.source.firmware,
    padded('', 16),
  ] as const
}

function list(values: readonly bigint[], room: number): readonly bigint[] | SizeOnly {
  return room === NULL || room < values.length ? { size: values.length } : values
}

/** Pads text with spaces to the width that its field has; what is longer is cut. */
function padded(text: string, width: number): Uint8Array {
  const bytes = new Uint8Array(width).fill(0x20)
  bytes.set(encodeUtf8(text).subarray(0, width))
  return bytes
}

const CRYPTOKI_VERSION = { major: 2, minor: 40 }
const OWN_VERSION = { major: 0, minor: 1 }
const MAKER = 'Birthmark'
