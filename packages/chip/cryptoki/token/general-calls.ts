import { encodeUtf8 } from '@birthmark/foundation/kernel'
import type { SizeOnly } from '../attribute.ts'
import type { Dialect } from '../mechanism.ts'
import { CK_UNAVAILABLE_INFORMATION, CKF, CKM, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { Refusal } from './refusal.ts'
import type { Calls, State } from './state.ts'
import { PIN_TRIES_MAX, type Token } from './token.ts'

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
      const flags = CKF.TOKEN_PRESENT
      return [padded(label, 64), padded(source.manufacturer, 32), flags, OWN_VERSION, OWN_VERSION]
    },
    GetTokenInfo: ([slotId]) => tokenInfo(state, state.token(slotId)),
    GetMechanismList: ([slotId, room]) => {
      state.token(slotId)
      return [list(mechanismsFor(state.dialect), room)]
    },
    GetMechanismInfo: ([slotId, type]) => {
      state.token(slotId)
      const flags = MECHANISMS.get(Number(type))
      if (flags === undefined) throw new Refusal(CKR.MECHANISM_INVALID)
      return (flags & CKF.DIGEST) === 0n ? [256n, 256n, flags] : [0n, 0n, flags]
    },
    WaitForSlotEvent: ([flags]) => {
      // A chip does not come and go; whoever would wait would wait for ever.
      throw new Refusal((flags & CKF.DONT_BLOCK) === 0n ? CKR.FUNCTION_NOT_SUPPORTED : CKR.NO_EVENT)
    },
  }
}

/**
 * Gives the mechanisms that a program of this dialect may be told: clients up to p11-kit 0.24 know no ECDSA with SHA-2,
 * and read beyond their list when one is in it (p11-kit 0.24.1, rpc-client.c).
 */
function mechanismsFor(dialect: Dialect): readonly bigint[] {
  const types = [...MECHANISMS.keys()].filter((type) => dialect > 0 || !LATER_MECHANISMS.has(type))
  return types.map((type) => BigInt(type))
}

function tokenInfo(state: State, token: Token) {
  const sessions = [...state.sessions.values()].filter((session) => session.token === token)
  const readWrite = sessions.filter(({ isReadWrite }) => isReadWrite)
  const unknown = CK_UNAVAILABLE_INFORMATION
  return [
    padded(token.label, 32),
    padded(token.source.manufacturer, 32),
    padded(token.identity.model, 16),
    padded(token.source.serial, 16),
    tokenFlags(token),
    0n,
    BigInt(sessions.length),
    0n,
    BigInt(readWrite.length),
    PIN_BYTES_MAX,
    PIN_BYTES_MIN,
    unknown,
    unknown,
    unknown,
    unknown,
    OWN_VERSION,
    OWN_VERSION,
    padded('', 16),
  ] as const
}

function tokenFlags(token: Token): bigint {
  const always = CKF.RNG | CKF.TOKEN_INITIALIZED | CKF.USER_PIN_INITIALIZED
  if (!token.needsLogin) return always
  const left = token.pinTriesLeft
  const low = left < PIN_TRIES_MAX && left > 0 ? CKF.USER_PIN_COUNT_LOW : 0n
  const final = left === 1 ? CKF.USER_PIN_FINAL_TRY : 0n
  return always | CKF.LOGIN_REQUIRED | low | final | (left === 0 ? CKF.USER_PIN_LOCKED : 0n)
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

/** Lengths of a PIN that C_Login looks at, in bytes. */
const PIN_BYTES_MIN = 4n
const PIN_BYTES_MAX = 64n

const BY_KEY = CKF.HW | CKF.EC_NAMEDCURVE

const MECHANISMS: ReadonlyMap<number, bigint> = new Map([
  [CKM.EC_KEY_PAIR_GEN, BY_KEY | CKF.GENERATE_KEY_PAIR],
  [CKM.ECDSA, BY_KEY | CKF.SIGN],
  [CKM.ECDSA_SHA256, BY_KEY | CKF.SIGN],
  [CKM.ECDSA_SHA384, BY_KEY | CKF.SIGN],
  [CKM.SHA256, CKF.DIGEST],
  [CKM.SHA384, CKF.DIGEST],
  [CKM.SHA512, CKF.DIGEST],
])

const LATER_MECHANISMS: ReadonlySet<number> = new Set([CKM.ECDSA_SHA256, CKM.ECDSA_SHA384])
