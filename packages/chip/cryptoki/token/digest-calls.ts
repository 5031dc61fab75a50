import type { SizeOnly } from '../attribute.ts'
import { CKA, CKM, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { isSecret } from './objects.ts'
import { Refusal } from './refusal.ts'
import type { Digesting, HashName, Session } from './session.ts'
import type { Calls, State } from './state.ts'

/** Digests. */
export function digestCalls(state: State): Calls {
  return {
    DigestInit: ([handle, mechanism]) => {
      const session = state.session(handle)
      if (mechanism === undefined) {
        session.digesting = undefined
        return []
      }
      if (session.digesting !== undefined) throw new Refusal(CKR.OPERATION_ACTIVE)
      const row = HASHES.get(mechanism.type)
      if (row === undefined) throw new Refusal(CKR.MECHANISM_INVALID)
      session.digesting = { hash: state.host.startHash(row.name), bytes: row.bytes, hasUpdates: false }
      return []
    },
    Digest: ([handle, data, room]): readonly [Uint8Array | SizeOnly] => {
      const session = state.session(handle)
      const digesting = active(session)
      if (digesting.hasUpdates) {
        session.digesting = undefined
        throw new Refusal(CKR.OPERATION_ACTIVE)
      }
      if (isTooSmall(digesting, room)) return [{ size: digesting.bytes }]
      if (data instanceof Uint8Array) digesting.hash.update(data)
      return [finish(session, digesting)]
    },
    DigestUpdate: ([handle, data]) => {
      const digesting = active(state.session(handle))
      digesting.hasUpdates = true
      if (data instanceof Uint8Array) digesting.hash.update(data)
      return []
    },
    DigestKey: ([handle, keyHandle]) => {
      const session = state.session(handle)
      const digesting = active(session)
      const object = state.object(session, keyHandle, CKR.KEY_HANDLE_INVALID)
      const value = object.attributes.get(CKA.VALUE)
      // A digest of a key that must not be told would tell of it.
      const isOpen = object.kind === 'secret-key' && !isSecret(object, CKA.VALUE)
      if (!isOpen || !(value instanceof Uint8Array)) throw new Refusal(CKR.KEY_INDIGESTIBLE)
      digesting.hasUpdates = true
      digesting.hash.update(value)
      return []
    },
    DigestFinal: ([handle, room]): readonly [Uint8Array | SizeOnly] => {
      const session = state.session(handle)
      const digesting = active(session)
      if (isTooSmall(digesting, room)) return [{ size: digesting.bytes }]
      return [finish(session, digesting)]
    },
  }
}

function active({ digesting }: Session): Digesting {
  if (digesting === undefined) throw new Refusal(CKR.OPERATION_NOT_INITIALIZED)
  return digesting
}

function finish(session: Session, { hash }: Digesting): Uint8Array {
  session.digesting = undefined
  return hash.digest()
}

function isTooSmall({ bytes }: Digesting, room: number): boolean {
  return room === NULL || room < bytes
}

const HASHES: ReadonlyMap<number, { readonly name: HashName; readonly bytes: number }> = new Map<
  number,
  { readonly name: HashName; readonly bytes: number }
>([
  [CKM.SHA256, { name: 'sha256', bytes: 32 }],
  [CKM.SHA384, { name: 'sha384', bytes: 48 }],
  [CKM.SHA512, { name: 'sha512', bytes: 64 }],
])
