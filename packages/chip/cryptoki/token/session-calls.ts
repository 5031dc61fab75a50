import { CKF, CKR } from '../standard.ts'
import { Refusal } from './refusal.ts'
import type { Session } from './session.ts'
import type { Calls, State } from './state.ts'

/** Sessions, and what is under way in them. */
export function sessionCalls(state: State): Calls {
  return {
    OpenSession: ([slotId, flags]) => {
      const token = state.token(slotId)
      if ((flags & CKF.SERIAL_SESSION) === 0n) throw new Refusal(CKR.SESSION_PARALLEL_NOT_SUPPORTED)
      return [state.openSession(token, slotId, (flags & CKF.RW_SESSION) !== 0n)]
    },
    CloseSession: ([handle]) => {
      state.closeSession(handle)
      return []
    },
    CloseAllSessions: ([slotId]) => {
      const token = state.token(slotId)
      for (const [handle, session] of state.sessions) if (session.token === token) state.closeSession(handle)
      return []
    },
    GetSessionInfo: ([handle]) => {
      const session = state.session(handle)
      const flags = CKF.SERIAL_SESSION | (session.isReadWrite ? CKF.RW_SESSION : 0n)
      return [session.slotId, stateOf(state, session), flags, 0n]
    },
    SessionCancel: ([handle, flags]) => {
      const session = state.session(handle)
      // Flags of what is not under way, and of what there is not, are ignored (PKCS#11 v3.0 §5.6.11).
      if ((flags & CKF.FIND_OBJECTS) !== 0n) session.found = undefined
      if ((flags & CKF.SIGN) !== 0n) session.signing = undefined
      if ((flags & CKF.VERIFY) !== 0n) session.verifying = undefined
      if ((flags & CKF.DIGEST) !== 0n) session.digesting = undefined
      return []
    },
    GetOperationState: ([handle]) => {
      const { digesting, signing, verifying, found } = state.session(handle)
      const isIdle = [digesting, signing, verifying, found].every((each) => each === undefined)
      throw new Refusal(isIdle ? CKR.OPERATION_NOT_INITIALIZED : CKR.STATE_UNSAVEABLE)
    },
    SetOperationState: ([handle]) => {
      state.session(handle)
      // None was ever given away.
      throw new Refusal(CKR.SAVED_STATE_INVALID)
    },
  }
}

/** CK_STATE (PKCS#11 v2.40 §3.3). */
function stateOf(state: State, session: Session): bigint {
  const role = state.role(session.token)
  if (role === 'so') return 4n
  if (session.isReadWrite) return role === 'user' ? 3n : 2n
  return role === 'user' ? 1n : 0n
}
