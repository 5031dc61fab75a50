import type { SizeOnly } from '../attribute.ts'
import { signatureHalves } from '../der.ts'
import { CKM, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { Refusal } from './refusal.ts'
import type { HashName, Session, Signing } from './session.ts'
import type { Calls, State } from './state.ts'

/** Signatures: over a digest (CKM_ECDSA), or over data that is hashed here. */
export function signCalls(state: State): Calls {
  return {
    SignInit: ([handle, mechanism, keyHandle]) => {
      const session = state.session(handle)
      if (mechanism === undefined) return cancel(session)
      if (session.signing !== undefined) throw new Refusal(CKR.OPERATION_ACTIVE)
      const hashName = HASHES.get(mechanism.type)
      if (hashName === undefined) throw new Refusal(CKR.MECHANISM_INVALID)
      const hash = hashName === 'none' ? undefined : state.startHash(hashName)
      session.signing = { key: privateKey(state, session, keyHandle), hash, hasUpdates: false }
      return []
    },
    Sign: async ([handle, data, room]) => {
      const session = state.session(handle)
      const signing = active(session)
      if (signing.hasUpdates) throw ended(session, CKR.OPERATION_ACTIVE)
      if (isTooSmall(room)) return [{ size: SIGNATURE_BYTES }]
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
      if (isTooSmall(room)) return [{ size: SIGNATURE_BYTES }]
      return [await finish(session, signing, signing.hash.digest())]
    },
  }
}

function cancel(session: Session): readonly [] {
  session.signing = undefined
  return []
}

function privateKey(state: State, session: Session, handle: bigint): Signing['key'] {
  const key = session.token.objects.find((object) => object.handle === handle)
  if (key === undefined) throw new Refusal(CKR.KEY_HANDLE_INVALID)
  if (key.kind !== 'private-key') throw new Refusal(CKR.KEY_FUNCTION_NOT_PERMITTED)
  if (!state.mayUsePrivate(session)) throw new Refusal(CKR.USER_NOT_LOGGED_IN)
  return key
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
  if (digest.length === 0 || digest.length > DIGEST_BYTES_MAX) throw new Refusal(CKR.DATA_LEN_RANGE)
  const der = await session.token.source.element.signDigest(key.slot, fitted(digest))
  const halves = signatureHalves(der)
  if (halves === undefined) throw new Refusal(CKR.DEVICE_ERROR)
  return halves
}

/** The leftmost 256 bits of a longer digest, the same number with zeros before a shorter one (FIPS 186-5 §6.4.1). */
function fitted(digest: Uint8Array): Uint8Array {
  const whole = new Uint8Array(ORDER_BYTES)
  whole.set(digest.subarray(0, ORDER_BYTES), Math.max(0, ORDER_BYTES - digest.length))
  return whole
}

/** A caller that asks for the size, or has too little room, keeps the operation. */
function isTooSmall(room: number): boolean {
  return room === NULL || room < SIGNATURE_BYTES
}

const HASHES: ReadonlyMap<number, HashName | 'none'> = new Map<number, HashName | 'none'>([
  [CKM.ECDSA, 'none'],
  [CKM.ECDSA_SHA256, 'sha256'],
  [CKM.ECDSA_SHA384, 'sha384'],
])

/** r and s of P-256. */
const SIGNATURE_BYTES = 64
const ORDER_BYTES = 32

/** The longest digest in use, SHA-512's. At the limit: DATA_LEN_RANGE. */
const DIGEST_BYTES_MAX = 64
