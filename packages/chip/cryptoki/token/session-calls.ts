import { CKF, CKR, CKU } from '../standard.ts'
import { Refusal } from './refusal.ts'
import type { Session } from './session.ts'
import type { Calls, State } from './state.ts'

/** Sessions and logins. */
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
    Login: ([handle, user, pin]) => {
      const { token } = state.session(handle)
      if (user !== CKU.USER) throw new Refusal(CKR.USER_TYPE_INVALID)
      if (state.loggedIn.has(token)) throw new Refusal(CKR.USER_ALREADY_LOGGED_IN)
      token.presentPin(pin instanceof Uint8Array ? pin : new Uint8Array(0))
      state.loggedIn.add(token)
      return []
    },
    Logout: ([handle]) => {
      const { token } = state.session(handle)
      if (!state.loggedIn.delete(token)) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
      for (const session of state.sessions.values()) if (session.token === token) session.signing = undefined
      return []
    },
  }
}

/** CK_STATE (PKCS#11 v2.40 §3.3). */
function stateOf(state: State, session: Session): bigint {
  const isUser = state.loggedIn.has(session.token)
  if (session.isReadWrite) return isUser ? 3n : 2n
  return isUser ? 1n : 0n
}
