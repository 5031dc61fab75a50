import { concat, equalBytes } from '@birthmark/foundation/kernel'
import { P256_PARAMETERS } from '../der.ts'
import { CKA, CKK, CKM, CKO, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import type { TokenObject } from './objects.ts'
import { keyPlace } from './placement.ts'
import { Refusal } from './refusal.ts'
import type { Calls, State } from './state.ts'
import { Template } from './template.ts'
import type { Token } from './token.ts'

/** Key pairs and random numbers. */
export function keyCalls(state: State): Calls {
  return {
    GenerateKeyPair: async ([handle, mechanism, publicAttributes, privateAttributes]) => {
      const session = state.session(handle)
      if (mechanism?.type !== CKM.EC_KEY_PAIR_GEN) throw new Refusal(CKR.MECHANISM_INVALID)
      const wanted = new Template(privateAttributes)
      checkTemplates(new Template(publicAttributes), wanted)
      state.assertMayChange(session)
      const place = keyPlace(session.token, wanted)
      await session.token.generateKey(place)
      return [handleOf(session.token, 'public-key', place.key), handleOf(session.token, 'private-key', place.key)]
    },
    GenerateRandom: async ([handle, room]) => {
      const { token } = state.session(handle)
      const count = room === NULL ? 0 : room
      if (count > RANDOM_BYTES_MAX) throw new Refusal(CKR.ARGUMENTS_BAD)
      const pieces: Uint8Array[] = []
      for (let left = count; left > 0; left -= PIECE_BYTES_MAX) {
        const wanted = Math.min(left, PIECE_BYTES_MAX)
        const piece = await token.source.element.random(Math.max(wanted, PIECE_BYTES_MIN))
        pieces.push(piece.subarray(0, wanted))
      }
      return [concat(...pieces)]
    },
  }
}

/** @throws `Refusal` TEMPLATE_INCOMPLETE, CURVE_NOT_SUPPORTED, TEMPLATE_INCONSISTENT */
function checkTemplates(publicKey: Template, privateKey: Template): void {
  const parameters = publicKey.bytes(CKA.EC_PARAMS)
  if (parameters === undefined) throw new Refusal(CKR.TEMPLATE_INCOMPLETE)
  if (!equalBytes(parameters, P256_PARAMETERS)) throw new Refusal(CKR.CURVE_NOT_SUPPORTED)
  publicKey.demand(CKA.CLASS, CKO.PUBLIC_KEY)
  publicKey.demand(CKA.KEY_TYPE, CKK.EC)
  privateKey.demand(CKA.CLASS, CKO.PRIVATE_KEY)
  privateKey.demand(CKA.KEY_TYPE, CKK.EC)
  privateKey.demandToken()
  privateKey.demand(CKA.PRIVATE, 1)
  privateKey.demand(CKA.SENSITIVE, 1)
  privateKey.demand(CKA.EXTRACTABLE, 0)
}

function handleOf(token: Token, kind: TokenObject['kind'], slot: string): bigint {
  const object = token.objects.find((candidate) => candidate.kind === kind && candidate.slot === slot)
  if (object === undefined) throw new Refusal(CKR.DEVICE_ERROR)
  return object.handle
}

/** Random bytes that one call gives, at most; programs ask for up to a few hundred. At the limit: ARGUMENTS_BAD. */
export const RANDOM_BYTES_MAX = 65_536

/** What an element gives in one piece. */
const PIECE_BYTES_MIN = 8
const PIECE_BYTES_MAX = 256
