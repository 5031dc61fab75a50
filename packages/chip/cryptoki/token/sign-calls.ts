import type { SizeOnly } from '../attribute.ts'
import type { Mechanism } from '../mechanism.ts'
import { CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { fitted, prehashOf } from './mechanisms.ts'
import { Refusal } from './refusal.ts'
import type { Session, Signing } from './session.ts'
import type { StoredKey } from './source.ts'
import type { Calls, State } from './state.ts'

/** Signatures: over a digest (CKM_ECDSA), or over data that is hashed here. */
export function signCalls(state: State): Calls {
  return {
    SignInit: ([handle, mechanism, keyHandle]) => {
      const session = state.session(handle)
      session.signing = mechanism === undefined ? undefined : start(state, session, mechanism, keyHandle)
      return []
    },
    Sign: async ([handle, data, room]) => {
      const session = state.session(handle)
      const signing = active(session)
      if (signing.hasUpdates) throw ended(session, CKR.OPERATION_ACTIVE)
      if (isTooSmall(signing, room)) return [{ size: signatureBytes(signing) }]
      const bytes = data instanceof Uint8Array ? data : new Uint8Array(0)
      signing.hash?.update(bytes)
      return [await finish(session, signing, signing.hash?.digest() ?? bytes)]
    },
    SignUpdate: ([handle, data]) => {
      const session = state.session(handle)
      const signing = active(session)
      // CKM_ECDSA takes its digest in one piece (PKCS#11 v2.40 Current Mechanisms §2.3.6).
      if (signing.hash === undefined) throw ended(session, CKR.FUNCTION_NOT_SUPPORTED)
      signing.hasUpdates = true
      if (data instanceof Uint8Array) signing.hash.update(data)
      return []
    },
    SignFinal: async ([handle, room]): Promise<readonly [Uint8Array | SizeOnly]> => {
      const session = state.session(handle)
      const signing = active(session)
      if (signing.hash === undefined) throw ended(session, CKR.FUNCTION_NOT_SUPPORTED)
      if (isTooSmall(signing, room)) return [{ size: signatureBytes(signing) }]
      return [await finish(session, signing, signing.hash.digest())]
    },
  }
}

function start(state: State, session: Session, mechanism: Mechanism, keyHandle: bigint): Signing {
  if (session.signing !== undefined) throw new Refusal(CKR.OPERATION_ACTIVE)
  const prehash = prehashOf(mechanism.type)
  const key = privateKey(state, session, keyHandle)
  return { key, hash: prehash === 'none' ? undefined : state.host.startHash(prehash), hasUpdates: false }
}

/**
 * Finds a private key that a session may use.
 *
 * @throws `Refusal` KEY_HANDLE_INVALID, KEY_FUNCTION_NOT_PERMITTED for a key of another kind, USER_NOT_LOGGED_IN
 */
export function privateKey(state: State, session: Session, handle: bigint): StoredKey {
  const inToken = session.token.objects.find((object) => object.handle === handle)
  const object = inToken ?? state.object(session, handle, CKR.KEY_HANDLE_INVALID)
  if (object.kind === 'certificate' || object.kind === 'data') throw new Refusal(CKR.KEY_HANDLE_INVALID)
  if (object.kind !== 'private-key' || object.stored?.kind !== 'key') {
    throw new Refusal(CKR.KEY_FUNCTION_NOT_PERMITTED)
  }
  state.assertMayUsePrivate(session)
  return object.stored
}

function active({ signing }: Session): Signing {
  if (signing === undefined) throw new Refusal(CKR.OPERATION_NOT_INITIALIZED)
  return signing
}

/** Ends the operation and gives why. */
function ended(session: Session, code: bigint): Refusal {
  session.signing = undefined
  return new Refusal(code)
}

async function finish(session: Session, { key }: Signing, digest: Uint8Array): Promise<Uint8Array> {
  session.signing = undefined
  const whole = fitted(digest, key.curve)
  // Another program may have replaced or destroyed the key since C_SignInit.
  if (!session.token.source.objects.includes(key)) throw new Refusal(CKR.KEY_HANDLE_INVALID)
  return session.token.source.sign(key, whole)
}

/** A caller that asks for the size, or has too little room, keeps the operation. */
function isTooSmall(signing: Signing, room: number): boolean {
  return room === NULL || room < signatureBytes(signing)
}

/** r and s. */
function signatureBytes({ key }: Signing): number {
  return 2 * key.curve.bytes
}
