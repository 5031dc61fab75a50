import type { SizeOnly } from '../attribute.ts'
import type { Mechanism } from '../mechanism.ts'
import { CKA, CKR } from '../standard.ts'
import { fitted, prehashOf } from './mechanisms.ts'
import type { TokenObject } from './objects.ts'
import { Refusal } from './refusal.ts'
import type { Session, Verifying } from './session.ts'
import type { Calls, State } from './state.ts'

/** Checks of signatures, by the host: they need no secret. */
export function verifyCalls(state: State): Calls {
  return {
    VerifyInit: ([handle, mechanism, keyHandle]) => {
      const session = state.session(handle)
      session.verifying = mechanism === undefined ? undefined : start(state, session, mechanism, keyHandle)
      return []
    },
    Verify: ([handle, data, signature]) => {
      const session = state.session(handle)
      const verifying = taken(session)
      if (verifying.hasUpdates) throw new Refusal(CKR.OPERATION_ACTIVE)
      const bytes = bytesOf(data)
      verifying.hash?.update(bytes)
      judge(state, verifying, verifying.hash?.digest() ?? bytes, bytesOf(signature))
      return []
    },
    VerifyUpdate: ([handle, data]) => {
      const session = state.session(handle)
      const verifying = taken(session)
      // CKM_ECDSA takes its digest in one piece.
      if (verifying.hash === undefined) throw new Refusal(CKR.FUNCTION_NOT_SUPPORTED)
      verifying.hash.update(bytesOf(data))
      session.verifying = { ...verifying, hasUpdates: true }
      return []
    },
    VerifyFinal: ([handle, signature]) => {
      const verifying = taken(state.session(handle))
      if (verifying.hash === undefined) throw new Refusal(CKR.FUNCTION_NOT_SUPPORTED)
      judge(state, verifying, verifying.hash.digest(), bytesOf(signature))
      return []
    },
  }
}

function start(state: State, session: Session, mechanism: Mechanism, keyHandle: bigint): Verifying {
  if (session.verifying !== undefined) throw new Refusal(CKR.OPERATION_ACTIVE)
  const prehash = prehashOf(mechanism.type)
  const key = publicKey(state.object(session, keyHandle, CKR.KEY_HANDLE_INVALID))
  return { key, hash: prehash === 'none' ? undefined : state.host.startHash(prehash), hasUpdates: false }
}

function publicKey(object: TokenObject): Verifying['key'] {
  if (object.kind === 'certificate' || object.kind === 'data') throw new Refusal(CKR.KEY_HANDLE_INVALID)
  if (object.publicKey === undefined || object.attributes.get(CKA.VERIFY) !== 1) {
    throw new Refusal(CKR.KEY_FUNCTION_NOT_PERMITTED)
  }
  return object.publicKey
}

/** Takes the operation away: whatever comes of it, it is over. */
function taken(session: Session): Verifying {
  const { verifying } = session
  if (verifying === undefined) throw new Refusal(CKR.OPERATION_NOT_INITIALIZED)
  session.verifying = undefined
  return verifying
}

function judge(state: State, { key }: Verifying, digest: Uint8Array, signature: Uint8Array): void {
  const whole = fitted(digest, key.curve)
  if (signature.length !== 2 * key.curve.bytes) throw new Refusal(CKR.SIGNATURE_LEN_RANGE)
  if (!state.host.verify(key, whole, signature)) throw new Refusal(CKR.SIGNATURE_INVALID)
}

function bytesOf(value: Uint8Array | SizeOnly): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}
