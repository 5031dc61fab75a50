import { decodeUtf8 } from '@birthmark/foundation/kernel'
import type { SizeOnly } from '../attribute.ts'
import { CKR, CKU } from '../standard.ts'
import type { Role } from './pins.ts'
import { Refusal } from './refusal.ts'
import type { Calls, State } from './state.ts'
import type { Token } from './token.ts'

/** Logins, and the PINs themselves. */
export function pinCalls(state: State): Calls {
  return {
    Login: async ([handle, user, pin]) => {
      const session = state.session(handle)
      const { token } = session
      const role = ROLES.get(user)
      // No key here asks for a PIN before each use, so there is nothing that CKU_CONTEXT_SPECIFIC could be for.
      if (user === CKU.CONTEXT_SPECIFIC) throw new Refusal(CKR.OPERATION_NOT_INITIALIZED)
      if (role === undefined) throw new Refusal(CKR.USER_TYPE_INVALID)
      assertNobody(state, token, role)
      if (role === 'so') assertNoReader(state, token)
      const secret = await token.present(role, bytesOf(pin))
      // The program may have gone meanwhile: then nobody would ever log out.
      if (state.session(handle) !== session) throw new Refusal(CKR.SESSION_HANDLE_INVALID)
      state.logIn(token, role, secret)
      return []
    },
    Logout: ([handle]) => {
      state.logOut(state.session(handle).token)
      return []
    },
    SetPIN: async ([handle, oldPin, newPin]) => {
      const { token, isReadWrite } = state.session(handle)
      if (!isReadWrite) throw new Refusal(CKR.SESSION_READ_ONLY)
      const { pins } = token.source
      if (pins === undefined) throw new Refusal(CKR.TOKEN_WRITE_PROTECTED)
      await pins.change(state.role(token) ?? 'user', bytesOf(oldPin), bytesOf(newPin))
      return []
    },
    InitPIN: async ([handle, pin]) => {
      const { token, isReadWrite } = state.session(handle)
      if (!isReadWrite) throw new Refusal(CKR.SESSION_READ_ONLY)
      const secret = state.officerSecret(token)
      await token.source.pins?.setUser(bytesOf(pin), secret)
      return []
    },
    InitToken: async ([slotId, pin, label]) => {
      await state.token(slotId).initialise(bytesOf(pin), labelOf(label))
      return []
    },
    InitToken2: async ([slotId, pin, label]) => {
      await state.token(slotId).initialise(bytesOf(pin), labelOf(label))
      return []
    },
  }
}

function assertNobody(state: State, token: Token, role: Role): void {
  const present = state.role(token)
  if (present === role) throw new Refusal(CKR.USER_ALREADY_LOGGED_IN)
  if (present !== undefined) throw new Refusal(CKR.USER_ANOTHER_ALREADY_LOGGED_IN)
}

/** The security officer has no read-only sessions (PKCS#11 v2.40 §3.3). */
function assertNoReader(state: State, token: Token): void {
  for (const session of state.sessions.values()) {
    if (session.token === token && !session.isReadWrite) throw new Refusal(CKR.SESSION_READ_ONLY_EXISTS)
  }
}

/** A label without its padding; clients up to p11-kit 0.24 may send more than its 32 bytes. */
function labelOf(padded: Uint8Array): string {
  const label = decodeUtf8(padded.subarray(0, LABEL_BYTES))?.trimEnd()
  if (label === undefined || label.includes('\0')) throw new Refusal(CKR.ARGUMENTS_BAD)
  return label
}

function bytesOf(value: Uint8Array | SizeOnly): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

const ROLES: ReadonlyMap<bigint, Role> = new Map([
  [CKU.SO, 'so'],
  [CKU.USER, 'user'],
])

const LABEL_BYTES = 32
