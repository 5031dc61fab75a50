import { concat } from '@birthmark/foundation/kernel'
import type { Attribute } from '../attribute.ts'
import { curveOfParameters, type PublicPoint, readPoint } from '../curves.ts'
import type { Mechanism } from '../mechanism.ts'
import { CKA, CKD_NULL, CKK, CKM, CKO, CKR } from '../standard.ts'
import { NULL } from '../wire.ts'
import { Refusal } from './refusal.ts'
import { derivedKey } from './session-objects.ts'
import { privateKey } from './sign-calls.ts'
import type { StoredKey, WantedKey } from './source.ts'
import type { Calls, State } from './state.ts'
import { Template } from './template.ts'
import type { Token } from './token.ts'

/** Key pairs, shared secrets and random numbers. */
export function keyCalls(state: State): Calls {
  const derive = async (
    handle: bigint,
    mechanism: Mechanism | undefined,
    keyHandle: bigint,
    attributes: readonly Attribute[],
  ): Promise<bigint> => {
    const session = state.session(handle)
    if (mechanism?.type !== CKM.ECDH1_DERIVE) throw new Refusal(CKR.MECHANISM_INVALID)
    const key = privateKey(state, session, keyHandle)
    if (!key.mayDerive) throw new Refusal(CKR.KEY_FUNCTION_NOT_PERMITTED)
    const template = new Template(attributes)
    // What a chip's key agrees on is for this program: there is no place for it in the token.
    if (template.isTokenObject) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
    const peer = peerOf(mechanism, key)
    if (!state.host.isOnCurve(peer)) throw new Refusal(CKR.MECHANISM_PARAM_INVALID)
    // The template is judged before the chip works for it.
    derivedKey(template, new Uint8Array(key.curve.bytes))
    const secret = await session.token.source.agree(key, peer.point)
    return state.addObject(session, derivedKey(template, secret))
  }
  return {
    GenerateKeyPair: async ([handle, mechanism, publicAttributes, privateAttributes]) => {
      const session = state.session(handle)
      if (mechanism?.type !== CKM.EC_KEY_PAIR_GEN) throw new Refusal(CKR.MECHANISM_INVALID)
      const wanted = wantedKey(session.token, new Template(publicAttributes), new Template(privateAttributes))
      state.assertMayChange(session)
      const made = await session.token.generateKey(wanted)
      const [publicKey, secretKey] = ['public-key', 'private-key'].map((kind) =>
        made.find((each) => each.kind === kind),
      )
      if (publicKey === undefined || secretKey === undefined) throw new Refusal(CKR.DEVICE_ERROR)
      return [publicKey.handle, secretKey.handle]
    },
    DeriveKey: async ([handle, mechanism, key, attributes]) => [await derive(handle, mechanism, key, attributes)],
    // ECDH changes nothing in its parameter.
    DeriveKey2: async ([handle, mechanism, key, attributes]) => [
      CKR.OK,
      0,
      await derive(handle, mechanism, key, attributes),
    ],
    SeedRandom: ([handle]) => {
      state.session(handle)
      throw new Refusal(CKR.RANDOM_SEED_NOT_SUPPORTED)
    },
    GenerateRandom: async ([handle, room]) => {
      const { token } = state.session(handle)
      const count = room === NULL ? 0 : room
      if (count > RANDOM_BYTES_MAX) throw new Refusal(CKR.ARGUMENTS_BAD)
      const pieces: Uint8Array[] = []
      for (let left = count; left > 0; left -= PIECE_BYTES_MAX) {
        const wanted = Math.min(left, PIECE_BYTES_MAX)
        const piece = await token.source.random(Math.max(wanted, PIECE_BYTES_MIN))
        pieces.push(piece.subarray(0, wanted))
      }
      return [concat(...pieces)]
    },
  }
}

/** @throws `Refusal` TEMPLATE_INCOMPLETE, CURVE_NOT_SUPPORTED, TEMPLATE_INCONSISTENT, ATTRIBUTE_VALUE_INVALID */
function wantedKey(token: Token, publicKey: Template, secretKey: Template): WantedKey {
  const curve = curveOfParameters(publicKey.demandBytes(CKA.EC_PARAMS))
  if (curve === undefined || !token.source.curves.includes(curve)) throw new Refusal(CKR.CURVE_NOT_SUPPORTED)
  publicKey.demand(CKA.CLASS, CKO.PUBLIC_KEY)
  publicKey.demand(CKA.KEY_TYPE, CKK.EC)
  secretKey.demand(CKA.CLASS, CKO.PRIVATE_KEY)
  secretKey.demand(CKA.KEY_TYPE, CKK.EC)
  // A private key of a session would have to leave the chip.
  if (!secretKey.isTokenObject) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  for (const type of [CKA.PRIVATE, CKA.SENSITIVE, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE, CKA.LOCAL, CKA.SIGN]) {
    secretKey.demand(type, 1)
  }
  for (const type of [CKA.EXTRACTABLE, CKA.ALWAYS_AUTHENTICATE]) secretKey.demand(type, 0)
  const mayDerive = secretKey.value(CKA.DERIVE) !== 0
  const label = secretKey.label ?? publicKey.label
  return { curve, mayDerive, label, id: secretKey.id ?? publicKey.id }
}

/** The other side's public key, as the mechanism brings it. @throws `Refusal` MECHANISM_PARAM_INVALID */
function peerOf({ parameter }: Mechanism, { curve }: StoredKey): PublicPoint {
  if (parameter?.kind !== 'ecdh' || parameter.kdf !== CKD_NULL) throw new Refusal(CKR.MECHANISM_PARAM_INVALID)
  const point = parameter.publicKey && readPoint(curve, parameter.publicKey)
  const isShared = parameter.shared !== undefined && parameter.shared.length > 0
  if (point === undefined || isShared) throw new Refusal(CKR.MECHANISM_PARAM_INVALID)
  return { curve, point }
}

/** Random bytes that one call gives, at most; programs ask for up to a few hundred. At the limit: ARGUMENTS_BAD. */
export const RANDOM_BYTES_MAX = 65_536

/** What an element gives in one piece. */
const PIECE_BYTES_MIN = 8
const PIECE_BYTES_MAX = 256
