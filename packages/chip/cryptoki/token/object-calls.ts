import type { Attribute, AttributeRoom } from '../attribute.ts'
import { shapeOf, valueSize } from '../attribute.ts'
import { readCertificateFields } from '../der.ts'
import { CK_UNAVAILABLE_INFORMATION, CKA, CKC, CKO, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { isMatch, isSecret, type TokenObject } from './objects.ts'
import { Refusal } from './refusal.ts'
import { changedObject, sessionObject } from './session-objects.ts'
import type { Calls, State } from './state.ts'
import { Template } from './template.ts'
import type { Token } from './token.ts'

/** Finding, reading, writing and destroying objects. */
export function objectCalls(state: State): Calls {
  return { ...searchCalls(state), ...readCalls(state), ...changeCalls(state) }
}

function searchCalls(state: State): Calls {
  return {
    FindObjectsInit: ([handle, template]) => {
      const session = state.session(handle)
      if (session.found !== undefined) throw new Refusal(CKR.OPERATION_ACTIVE)
      const matches = state.visible(session).filter((object) => isMatch(object, template))
      session.found = matches.map((object) => object.handle)
      return []
    },
    FindObjects: ([handle, room]) => {
      const { found } = state.session(handle)
      if (found === undefined) throw new Refusal(CKR.OPERATION_NOT_INITIALIZED)
      return [found.splice(0, room === NULL ? 0 : room)]
    },
    FindObjectsFinal: ([handle]) => {
      const session = state.session(handle)
      if (session.found === undefined) throw new Refusal(CKR.OPERATION_NOT_INITIALIZED)
      session.found = undefined
      return []
    },
  }
}

function readCalls(state: State): Calls {
  return {
    GetAttributeValue: ([handle, objectHandle, rooms]) => {
      const object = state.object(state.session(handle), objectHandle)
      if (rooms.length > ROOMS_COUNT_MAX) throw new Refusal(CKR.ARGUMENTS_BAD)
      // A client of p11-kit 0.24 cannot read a response with a template in it, not even an absent one.
      if (rooms.some(({ type }) => shapeOf(type) === 'template')) throw new Refusal(CKR.ATTRIBUTE_TYPE_INVALID)
      return readAttributes(object, rooms)
    },
    GetObjectSize: ([handle, objectHandle]) => {
      state.object(state.session(handle), objectHandle)
      // The element does not say.
      return [CK_UNAVAILABLE_INFORMATION]
    },
  }
}

function changeCalls(state: State): Calls {
  return {
    SetAttributeValue: ([handle, objectHandle, attributes]) => {
      const object = state.object(state.session(handle), objectHandle)
      // What is in a token stays as it was made: CKA_MODIFIABLE is false.
      if (object.stored !== undefined) throw new Refusal(CKR.ACTION_PROHIBITED)
      state.replaceObject(changedObject(object, attributes))
      return []
    },
    CreateObject: async ([handle, attributes]) => {
      const session = state.session(handle)
      const template = new Template(attributes)
      if (!template.isTokenObject)
        return [
          state.addObject(
            session,
            sessionObject(template, (key) => state.host.isOnCurve(key)),
          ),
        ]
      state.assertMayChange(session)
      const [made] = await store(session.token, template)
      // What was written cannot be shown: no certificate, or what stands for an empty slot.
      if (made === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
      return [made.handle]
    },
    CopyObject: ([handle, objectHandle]) => {
      state.object(state.session(handle), objectHandle)
      // CKA_COPYABLE is false, for objects of sessions too.
      throw new Refusal(CKR.ACTION_PROHIBITED)
    },
    DestroyObject: async ([handle, objectHandle]) => {
      const session = state.session(handle)
      const object = state.object(session, objectHandle)
      if (object.stored === undefined) {
        state.removeObject(objectHandle)
        return []
      }
      state.assertMayChange(session)
      // The public half is how its private key is known: they go together, with the private one.
      if (object.kind === 'public-key') throw new Refusal(CKR.ACTION_PROHIBITED)
      await session.token.destroy(object.stored)
      return []
    },
  }
}

/** Puts an object into the token. Keys are made inside, and secret keys have no place there. */
function store(token: Token, template: Template): Promise<readonly TokenObject[]> {
  const names = { label: template.label, id: template.id }
  template.demand(CKA.PRIVATE, 0)
  switch (template.objectClass) {
    case CKO.CERTIFICATE: {
      template.demand(CKA.CERTIFICATE_TYPE, CKC.X_509)
      const der = template.demandBytes(CKA.VALUE)
      const publicKey = readCertificateFields(der)?.publicKeyInfo
      if (publicKey === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
      return token.writeCertificate({ ...names, der, publicKey })
    }
    case CKO.DATA: {
      const value = template.demandBytes(CKA.VALUE)
      return token.writeData({ ...names, value, application: template.text(CKA.APPLICATION) ?? '' })
    }
    default:
      throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }
}

/** Reads attributes as PKCS#11 v2.40 §5.7 (C_GetAttributeValue) says: all that can be, and one code for the rest. */
function readAttributes(object: TokenObject, rooms: readonly AttributeRoom[]): readonly [readonly Attribute[], bigint] {
  let code: bigint = CKR.OK
  const attributes = rooms.map(({ type, room }): Attribute => {
    const value = object.attributes.get(type)
    if (isSecret(object, type) || value === undefined) {
      code = isSecret(object, type) ? CKR.ATTRIBUTE_SENSITIVE : CKR.ATTRIBUTE_TYPE_INVALID
      return { type }
    }
    if (room === 0) return { type, value: value instanceof Uint8Array ? { size: value.length } : value }
    if (room === NULL ? valueSize(value) > 0 : room < valueSize(value)) {
      code = CKR.BUFFER_TOO_SMALL
      return { type }
    }
    return { type, value }
  })
  return [attributes, code]
}

/** Attributes that one call may ask for; programs ask for up to 30. At the limit: ARGUMENTS_BAD. */
export const ROOMS_COUNT_MAX = 256
