import type { Attribute, AttributeRoom } from '../attribute.ts'
import { shapeOf, valueSize } from '../attribute.ts'
import { CKA, CKO, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { isMatch, OBJECT_SIZE, type TokenObject } from './objects.ts'
import { certificateSlot } from './placement.ts'
import { Refusal } from './refusal.ts'
import type { Calls, State } from './state.ts'
import { Template } from './template.ts'

/** Finding, reading, writing and destroying objects. */
export function objectCalls(state: State): Calls {
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
    GetAttributeValue: ([handle, objectHandle, rooms]) => {
      const object = state.object(state.session(handle), objectHandle)
      if (rooms.length > ROOMS_COUNT_MAX) throw new Refusal(CKR.ARGUMENTS_BAD)
      // A client of p11-kit 0.24 cannot read a response with a template in it, not even an absent one.
      if (rooms.some(({ type }) => shapeOf(type) === 'template')) throw new Refusal(CKR.ATTRIBUTE_TYPE_INVALID)
      return readAttributes(object, rooms)
    },
    GetObjectSize: ([handle, objectHandle]) => {
      state.object(state.session(handle), objectHandle)
      return [OBJECT_SIZE]
    },
    SetAttributeValue: ([handle, objectHandle]) => {
      state.object(state.session(handle), objectHandle)
      throw new Refusal(CKR.ATTRIBUTE_READ_ONLY)
    },
    CreateObject: async ([handle, attributes]) => {
      const session = state.session(handle)
      state.assertMayChange(session)
      const template = new Template(attributes)
      // Keys are made inside; data objects and secret keys have no place here.
      template.demand(CKA.CLASS, CKO.CERTIFICATE)
      template.demandToken()
      const der = template.bytes(CKA.VALUE)
      if (der === undefined) throw new Refusal(CKR.TEMPLATE_INCOMPLETE)
      const slot = certificateSlot(session.token, template, der)
      await session.token.writeCertificate(slot, der)
      return [handleOf(session.token.objects, slot)]
    },
    DestroyObject: async ([handle, objectHandle]) => {
      const session = state.session(handle)
      const object = state.object(session, objectHandle)
      state.assertMayChange(session)
      // A key cannot be taken out of a chip, only replaced by another: C_GenerateKeyPair does that.
      if (object.kind !== 'certificate') throw new Refusal(CKR.ACTION_PROHIBITED)
      await session.token.eraseCertificate(object.slot)
      return []
    },
  }
}

/** Reads attributes as PKCS#11 v2.40 §5.7 (C_GetAttributeValue) says: all that can be, and one code for the rest. */
function readAttributes(object: TokenObject, rooms: readonly AttributeRoom[]): readonly [readonly Attribute[], bigint] {
  let code: bigint = CKR.OK
  const attributes = rooms.map(({ type, room }): Attribute => {
    const value = object.attributes.get(type)
    if (value === undefined) {
      const isSecret = object.kind === 'private-key' && type === CKA.VALUE
      code = isSecret ? CKR.ATTRIBUTE_SENSITIVE : CKR.ATTRIBUTE_TYPE_INVALID
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

function handleOf(objects: readonly TokenObject[], slot: string): bigint {
  const object = objects.find((candidate) => candidate.slot === slot)
  // What was written was no certificate that can be shown.
  if (object === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  return object.handle
}

/** Attributes that one call may ask for; programs ask for up to 30. At the limit: ARGUMENTS_BAD. */
export const ROOMS_COUNT_MAX = 256
